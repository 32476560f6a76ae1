"""Events are made quickly and their parts read later; nobody who uses them can tell."""

import copy
import gzip
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from cloudtrail_processing.events import CloudTrailEvent, InsightEvent, TlsDetails, UserIdentity
from cloudtrail_processing.testing import Generator, event, record

CALLER = {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/A/b", "accountId": "111122223333"}
SESSION = {"sessionIssuer": {"userName": "A"}, "attributes": {"mfaAuthenticated": "false"}}


def generated() -> Iterator[bytes]:
    generator = Generator(seed=4)
    for _ in range(60):
        for each in json.loads(gzip.decompress(generator.log().body))["Records"]:
            yield json.dumps(each).encode()


def assert_same(quick: CloudTrailEvent, raw: bytes) -> None:
    """The event is what pydantic alone makes of the bytes, field by field and as a whole."""
    whole = type(quick)._thoroughly(raw)
    for name in type(quick).model_fields:
        assert getattr(quick, name) == getattr(whole, name), name
    assert quick.anomalies == whole.anomalies
    assert quick.model_dump() == whole.model_dump()
    assert quick.model_fields_set == whole.model_fields_set


def test_quick_events_are_what_pydantic_makes_of_them() -> None:
    for raw in generated():
        assert_same(CloudTrailEvent.from_json(raw), raw)


VALUES: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([field.alias or name for name, field in CloudTrailEvent.model_fields.items()])
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "type": VALUES,
        "arn": st.text(max_size=5) | st.none(),
        "sessionContext": VALUES | st.just(SESSION),
        "tlsVersion": st.text(max_size=3),
        "unknown": VALUES,
    },
)


@given(st.dictionaries(NAMES, VALUES | PARTS, max_size=6), st.booleans())
def test_whatever_stands_in_a_record_quick_and_thorough_reading_agree(fields: dict[str, object], escaped: bool) -> None:
    raw = json.dumps(fields, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    made = CloudTrailEvent.from_json(raw)
    if type(made) is CloudTrailEvent:
        assert_same(made, raw)


PIECES = [b"\\", b"\\x", b'"', b"\x00", b"01", b"\xff", b"\xc3\xa9", b"NaN", b"{", b"]", b"\\ud800", b"-"]


@given(st.sampled_from(list(generated())), st.data())
def test_damage_that_pydantic_refuses_is_refused(raw: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(raw)))
    piece = data.draw(
        st.sampled_from(
            [b"\\", b"\\x", b'"', b"\x00", b"01", b"\xff", b"\xc3\xa9", b"NaN", b"{", b"]", b"\\ud800", b"-"]
        )
    )
    damaged = raw[:place] + piece + raw[place:]
    try:
        made = CloudTrailEvent.from_json(damaged)
    except ValueError:
        return
    assert made.to_dict() == json.loads(damaged)
    assert_same(made, damaged)


def test_a_name_that_stands_twice_has_its_last_value_everywhere() -> None:
    made = CloudTrailEvent.from_json(
        b'{"eventName":"A","userIdentity":{"arn":"x"},"eventName":"B","userIdentity":{"arn":"y"}}'
    )
    assert (made.event_name, made.user_identity.arn) == ("B", "y")
    assert made.to_dict() == {"eventName": "B", "userIdentity": {"arn": "y"}}


def test_a_number_that_python_cannot_read_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="a number in it is too long"):
        CloudTrailEvent.from_json(b'{"eventName":"A","requestParameters":{"n":' + b"9" * 5000 + b"}}")


def test_a_part_is_read_once() -> None:
    made = event(user_identity=CALLER | {"sessionContext": SESSION})
    assert made.user_identity is made.user_identity
    assert made.user_identity.session_context is made.user_identity.session_context


def test_an_odd_part_is_handed_out_as_it_came() -> None:
    made = CloudTrailEvent.from_dict({"userIdentity": "somebody", "tlsDetails": {"tlsVersion": 7}, "resources": [1]})
    assert str(made.user_identity) == "somebody"
    assert made.get("tlsDetails.tlsVersion") == getattr(made.tls_details, "tls_version", None) == 7
    assert repr(made.resources) == "[1]"
    assert set(made.anomalies) == {"userIdentity", "tlsDetails.tlsVersion", "resources[0]"}


def test_unknown_members_of_a_part_are_kept() -> None:
    made = CloudTrailEvent.from_dict({"userIdentity": CALLER | {"fromTheFuture": {"a": 1}}})
    assert made.user_identity.model_extra == {"fromTheFuture": {"a": 1}}
    assert made.user_identity.arn == CALLER["arn"]
    assert event(user_identity=CALLER).user_identity.model_extra == {}


def test_an_absent_part_has_its_default() -> None:
    made = CloudTrailEvent.from_json(b"{}")
    assert made.user_identity == UserIdentity()
    assert made.tls_details is None
    assert "user_identity" not in made.model_fields_set


def test_what_does_not_exist_is_no_attribute() -> None:
    made = event()
    with pytest.raises(AttributeError, match="user_idenity"):
        _ = made.user_idenity  # type: ignore[attr-defined]
    assert not hasattr(CloudTrailEvent, "user_identity")
    assert not hasattr(UserIdentity, "session_context")


class Alert(BaseModel):
    event: CloudTrailEvent


def test_an_event_inside_another_model_is_dumped_whole() -> None:
    made = event(user_identity=CALLER, tls_details={"tlsVersion": "TLSv1.3"})
    alone = TypeAdapter(CloudTrailEvent).dump_python(made, by_alias=True)
    inside = json.loads(Alert(event=made).model_dump_json(by_alias=True))["event"]
    assert alone["userIdentity"]["arn"] == inside["userIdentity"]["arn"] == CALLER["arn"]
    assert inside["tlsDetails"]["tlsVersion"] == "TLSv1.3"


def test_a_dump_has_the_declared_order() -> None:
    made = event(user_identity=CALLER)
    _ = made.tls_details
    names = [name for name in CloudTrailEvent.model_fields if name != "event_time_text"]
    assert list(made.model_dump())[: len(names)] == names
    assert [name for name, _ in made][: len(names)] != []


def parts() -> tuple[UserIdentity, UserIdentity]:
    quick = event(user_identity=CALLER | {"sessionContext": SESSION}).user_identity
    return quick, UserIdentity.model_validate(quick.model_dump(by_alias=True))


def test_a_part_equals_one_that_was_made_otherwise() -> None:
    quick, whole = parts()
    assert quick == whole
    assert whole == parts()[0]
    assert hash(quick) == hash(whole)
    assert repr(quick) == repr(whole)
    assert dict(quick) == dict(whole)


def test_copies_of_a_part_are_whole() -> None:
    whole = parts()[1]
    for copied in (copy.copy(parts()[0]), copy.deepcopy(parts()[0]), pickle.loads(pickle.dumps(parts()[0]))):
        assert copied == whole
        assert copied.session_context == whole.session_context
    changed = parts()[0].model_copy(update={"type": "Root"})
    assert (changed.type, changed.session_context) == ("Root", whole.session_context)


def test_parts_of_other_kinds_are_read_later_too() -> None:
    made = CloudTrailEvent.from_dict(
        {"eventType": "AwsCloudTrailInsight", "insightDetails": {"state": "Start", "insightContext": {"x": 1}}}
    )
    assert isinstance(made, InsightEvent)
    assert made.insight_details.state == "Start"
    assert made.insight.is_start


def test_a_part_made_by_hand_is_a_plain_model() -> None:
    assert TlsDetails(tlsVersion="TLSv1.2").model_fields_set == {"tls_version"}
    assert TlsDetails().model_dump() == dict.fromkeys(TlsDetails.model_fields)


def test_every_record_of_the_corpora_is_what_pydantic_makes_of_it(corpora: Path) -> None:
    paths = sorted(corpora.joinpath("invictus-aws-dataset").rglob("*.json"))[:40]
    records = [each for path in paths for each in json.loads(path.read_bytes()).get("Records", [])]
    assert records
    for each in records:
        raw = json.dumps(each).encode()
        assert_same(CloudTrailEvent.from_json(raw), raw)


def test_the_record_of_a_test_is_made_the_same_way() -> None:
    raw = json.dumps(record(user_identity=CALLER)).encode()
    assert_same(CloudTrailEvent.from_json(raw), raw)
