"""Whatever stands in a record, an event comes of it and nothing is lost; whatever is no record is a ValueError."""

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cloudtrail_processing.events import (
    ActivityEvent,
    AggregatedEvent,
    CloudTrailEvent,
    InsightEvent,
    NetworkActivityEvent,
)

KINDS = (CloudTrailEvent, NetworkActivityEvent, InsightEvent, AggregatedEvent, ActivityEvent)
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
WORDS = st.sampled_from(["Insight", "NetworkActivity", "Aggregated", "ActivityLog", "Data", "AwsApiCall", "true"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.just("2023-07-10T11:42:18Z")
    | WORDS
    | TEXT
)
NAMES = sorted(
    {str(field.alias) for kind in KINDS for field in kind.model_fields.values()}
    | {"arn", "sessionContext", "sessionIssuer", "attributes", "ARN", "insightContext", "statistics", "details"}
)
KEYS = st.sampled_from(NAMES) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=8)


@settings(deadline=None)
@given(RECORDS, st.booleans())
def test_any_json_object_is_an_event_that_holds_all_of_it(record: dict[str, Any], ascii_only: bool) -> None:
    raw = json.dumps(record, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    event = CloudTrailEvent.from_json(raw)
    assert event.raw == raw
    assert repr(event.to_dict()) == repr(json.loads(raw))
    assert (event.actor, event.category) > ("", "")
    assert isinstance(event.anomalies, tuple)
    assert set(event.model_extra) <= set(record)
    assert repr(event)


@settings(deadline=None)
@given(RECORDS)
def test_from_dict_and_from_json_tell_the_same(record: dict[str, Any]) -> None:
    event = CloudTrailEvent.from_dict(record)
    assert event == CloudTrailEvent.from_json(event.raw)
    assert event.anomalies == CloudTrailEvent.from_json(json.dumps(record)).anomalies
    assert type(event) is type(CloudTrailEvent.from_json(json.dumps(record, indent=1)))


@settings(deadline=None)
@given(st.binary(max_size=80) | st.tuples(RECORDS, st.integers(0, 400)).map(lambda cut: _truncated(*cut)))
def test_any_bytes_are_an_event_or_a_value_error(raw: bytes) -> None:
    try:
        event = CloudTrailEvent.from_json(raw)
    except ValueError as error:
        assert "JSON" in str(error)  # noqa: PT017 - the error is one of two allowed ends
    else:
        assert event.raw == raw


def _truncated(record: dict[str, Any], at: int) -> bytes:
    return json.dumps(record).encode()[:at]


def test_not_a_number_is_carried_through() -> None:
    event = CloudTrailEvent.from_json('{"requestParameters": {"rate": NaN}, "userAgent": NaN}')
    assert event.request_parameters is not None
    assert math.isnan(event.request_parameters["rate"])
    assert event.anomalies == ("userAgent",)


def test_the_last_of_equal_keys_wins_everywhere() -> None:
    event = CloudTrailEvent.from_json('{"eventName": "A", "userIdentity": {"arn": 1, "arn": "b"}, "eventName": "C"}')
    assert (event.event_name, event.user_identity.arn, event.anomalies) == ("C", "b", ())
    assert event.to_dict()["eventName"] == "C"


def test_deep_nesting_costs_no_event() -> None:
    deep = "[" * 400 + "]" * 400
    event = CloudTrailEvent.from_json(f'{{"eventName": "Deep", "requestParameters": {deep}, "userIdentity": {deep}}}')
    assert event.event_name == "Deep"
    assert event.anomalies == ("userIdentity",)
    assert isinstance(event.request_parameters, list)
