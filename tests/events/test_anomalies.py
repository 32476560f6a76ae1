"""Every wrong JSON type at every declared path of every kind: the paths come from the models' own fields."""

import json
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from cloudtrail_processing.events import (
    HIDDEN,
    ActivityEvent,
    AggregatedEvent,
    CloudTrailEvent,
    InsightEvent,
    NetworkActivityEvent,
)
from cloudtrail_processing.events.deferred import Part
from cloudtrail_processing.events.forgiving import forgive, wire_path

Path: TypeAlias = tuple[str | int, ...]

KINDS = [CloudTrailEvent, NetworkActivityEvent, InsightEvent, AggregatedEvent, ActivityEvent]
OMITTED = {"reason": "too large", "omitted": "true", "originalSize": "149893"}
VALUES: list[Any] = [
    *(None, True, 7, 2**70, 1.5, float("inf"), "text", "", HIDDEN, "\ud800"),
    *([], [None], [7], ["text"], [{}], [[{}]], {}, {"str": 1}, OMITTED),
]


def members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def example(annotation: Any) -> Any:
    """A value of the declared type, with every declared member filled in."""
    first = next(member for member in members(annotation) if member is not NoneType)
    if get_origin(first) is list:
        return [example(get_args(first)[0])]
    if get_origin(first) is dict or first is Any:
        return {"free": "form"}
    if isinstance(first, type) and issubclass(first, BaseModel):
        return {str(field.alias): example(field.annotation) for field in first.model_fields.values()}
    return {str: "2023-07-10T11:42:18Z", bool: True, int: 3, float: 2.5}[first]


def paths(annotation: Any, here: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every declared place below ``annotation``, with its declared type."""
    if here:
        yield here, annotation
    for member in members(annotation):
        if get_origin(member) is list and get_args(member) != (str,):
            yield from paths(get_args(member)[0], (*here, 0))
        elif isinstance(member, type) and issubclass(member, BaseModel):
            for field in member.model_fields.values():
                yield from paths(field.annotation, (*here, str(field.alias)))


def odd_places(annotation: Any, value: Any, here: Path) -> list[Path]:
    """Where ``value`` departs from the declared type, seen from its JSON type alone. Null means absent."""
    if value is None or annotation is Any:
        return []
    candidates = [_odd_as(member, value, here) for member in members(annotation) if member is not NoneType]
    best = min(candidates, key=len)
    return best if len(candidates) == 1 or not best else [here]


def _odd_as(member: Any, value: Any, here: Path) -> list[Path]:
    if get_origin(member) is list and isinstance(value, list):
        (inner,) = get_args(member)
        if inner is str:
            return [] if all(isinstance(item, str) for item in value) else [here]
        return [place for index, item in enumerate(value) for place in odd_places(inner, item, (*here, index))]
    if isinstance(member, type) and issubclass(member, BaseModel):
        return [] if isinstance(value, dict) else [here]
    allowed: Any = {bool: bool, str: str, int: int, float: (int, float)}.get(member, get_origin(member) or member)
    number_or_bool = isinstance(value, bool) and member is not bool
    return [] if isinstance(value, allowed) and not number_or_bool else [here]


def planted(record: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(record))
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return changed


def at(model: Any, path: Path) -> Any:
    for step in path:
        if isinstance(model, BaseModel):
            fields = type(model).model_fields.items()
            model = getattr(model, next(name for name, field in fields if field.alias == step))
        else:
            model = model[step]
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_a_complete_record_has_no_anomaly(kind: type[CloudTrailEvent]) -> None:
    assert kind.from_dict(example(kind)).anomalies == ()
    assert len(list(paths(kind))) > 80


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_type_at_any_path_is_named_kept_and_costs_no_neighbour(kind: type[CloudTrailEvent], value: Any) -> None:
    record = example(kind)
    before = kind.from_dict(record)
    places = list(paths(kind))
    for path, annotation in places:
        changed = planted(record, path, value)
        event = kind.from_dict(changed)
        odd = odd_places(annotation, value, path)
        if path == ("eventTime",) and value is not None:
            odd = [path]
        assert event.anomalies == tuple(map(wire_path, odd)), path
        assert event.to_dict() == changed
        for place in odd:
            assert typed(at(event, place)) == typed(at(changed, place)), place
        for other, _ in places:
            if other[: len(path)] != path and path[: len(other)] != other:
                assert typed(at(event, other)) == typed(at(before, other)), other


def typed(value: Any) -> tuple[type, Any]:
    """The value with its type, as True is no 1 and 1 no 1.0."""
    return type(value), value


@pytest.mark.parametrize("kind", KINDS)
def test_null_at_any_path_means_absent(kind: type[CloudTrailEvent]) -> None:
    record = example(kind)
    for path, _ in paths(kind):
        event = kind.from_dict(planted(record, path, None))
        if isinstance(path[-1], str):
            absent = event.from_dict(dropped(record, path))
            assert typed(at(event, path)) == typed(at(absent, path)), path


def dropped(record: dict[str, Any], path: Path) -> dict[str, Any]:
    changed = planted(record, path, None)
    del at(changed, path[:-1])[path[-1]]
    return changed


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("kind", KINDS)
def test_derived_values_never_raise_whatever_stands_in_all_fields(kind: type[CloudTrailEvent], value: Any) -> None:
    event = kind.from_dict({str(field.alias): value for field in kind.model_fields.values()})
    assert event.actor
    assert event.category
    assert isinstance(event.failed, bool)
    assert event.is_read_only in (True, False, None)
    assert isinstance(event.account_id, str | None)
    assert event.version >= (0, 0)
    assert repr(event)
    if isinstance(event, InsightEvent):
        assert isinstance(event.insight.attributions, tuple)


@pytest.mark.parametrize(
    ("changes", "anomalies"),
    [
        ({"userIdentity": HIDDEN}, ("userIdentity",)),
        ({"userIdentity": {"sessionContext": "x", "arn": 1}}, ("userIdentity.arn", "userIdentity.sessionContext")),
        ({"userIdentity": {"sessionContext": {"attributes": {"mfaAuthenticated": False}}}},
         ("userIdentity.sessionContext.attributes.mfaAuthenticated",)),
        ({"resources": ["arn:aws:s3:::a", {"ARN": 5}, None, {"ARN": "ok"}]}, ("resources[0]", "resources[1].ARN")),
        ({"resources": {"ARN": "a"}}, ("resources",)),
        ({"sessionCredentialFromConsole": {"str": 1, "bool": 2}}, ("sessionCredentialFromConsole",)),
        ({"addendum": {"updatedFields": ["a", 1]}}, ("addendum.updatedFields",)),
        ({"eventName": 7, "readOnly": "true", "tlsDetails": []}, ("eventName", "readOnly", "tlsDetails")),
        ({"userIdentity": {"\ud800": 1, "arn": "a"}}, ("userIdentity",)),
        ({"eventContext": {"requestContext": {"aws:x": {"any": ["thing"]}}}}, ()),
        ({"\ud800": {"\udfff": "\ud800"}}, ()),
    ],
)  # fmt: skip
def test_anomalies_are_named_by_wire_path(changes: dict[str, Any], anomalies: tuple[str, ...]) -> None:
    event = CloudTrailEvent.from_dict({"awsRegion": "eu-west-1", **changes})
    assert sorted(event.anomalies) == sorted(anomalies)
    assert event.aws_region == "eu-west-1"
    assert event.to_dict() == {"awsRegion": "eu-west-1", **changes}


def test_odd_values_stand_in_the_model_as_they_came() -> None:
    event = CloudTrailEvent.from_dict({"resources": ["arn", {"ARN": 5}], "userIdentity": {"sessionContext": "x"}})
    assert event.resources is not None
    resources: list[Any] = list(event.resources)
    assert resources[0] == "arn"
    assert resources[1].arn == 5
    session: Any = event.user_identity.session_context
    assert session == "x"


def test_odd_values_never_leak_into_other_events() -> None:
    CloudTrailEvent.from_dict({"userIdentity": {"arn": 5}})
    CloudTrailEvent.from_dict({"userIdentity": None})
    InsightEvent.from_dict({"insightDetails": {"state": 5}})
    assert CloudTrailEvent.from_json(b"{}").user_identity.arn is None
    assert InsightEvent.from_json(b"{}").insight_details.state is None


def test_dumping_an_event_with_odd_values_neither_fails_nor_warns() -> None:
    record = {"eventName": 7, "readOnly": "s3cr3t", "userIdentity": {"arn": ["s3cr3t"]}}
    event = CloudTrailEvent.from_dict(record)
    assert event.model_dump(by_alias=True, exclude_unset=True)["readOnly"] == "s3cr3t"
    assert '"arn":["s3cr3t"]' in event.model_dump_json()


@pytest.mark.parametrize("odd", ["s3cr3t", ["s3cr3t"], 7, True])
def test_dumping_an_event_with_a_free_form_part_that_is_no_object_neither_fails_nor_shows_it_in_a_warning(
    odd: object,
) -> None:
    """Services write plain text there, and ``HIDDEN_DUE_TO_SECURITY_REASONS``; these parts are no anomalies."""
    names = ("requestParameters", "responseElements", "additionalEventData", "serviceEventDetails")
    event = CloudTrailEvent.from_dict(dict.fromkeys(names, odd))
    assert [event.model_dump(by_alias=True)[name] for name in names] == [odd] * 4
    assert set(json.loads(event.model_dump_json(by_alias=True, include={"service_event_details"}))) <= {names[3]}


def test_the_last_resort_is_a_model_of_defaults_with_every_value_as_it_came() -> None:
    class Stubborn(Part):
        needed: int
        name: str = "nobody"

    built, anomalies = forgive(Stubborn, b'{"name": 7, "other": 1}')
    assert anomalies == ("name",)
    assert built.__dict__ == {"name": 7}
