import copy
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

from cloudtrail_processing.events import CloudTrailEvent, EventMetadata, NetworkActivityEvent, Origin

RAW = b' {"eventName" : "CreateUser",\n "requestParameters": {"userName": "alice"}, "readOnly": "false"} '


@dataclass(frozen=True)
class Log:
    bucket: str = "bucket"
    key: str = "key"

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def located(raw: bytes = RAW) -> CloudTrailEvent:
    return CloudTrailEvent.from_record(raw, index=3, origin=Origin(Log(), lambda index: index * 100))


def test_the_raw_bytes_are_exactly_those_that_came() -> None:
    assert CloudTrailEvent.from_json(RAW).raw is RAW
    assert CloudTrailEvent.from_json(RAW.decode()).raw == RAW


def test_to_dict_is_a_fresh_parse_each_time() -> None:
    event = CloudTrailEvent.from_json(RAW)
    first = event.to_dict()
    first["requestParameters"]["userName"] = "mallory"
    assert event.to_dict()["requestParameters"] == {"userName": "alice"}
    assert event.request_parameters == {"userName": "alice"}


def test_metadata_say_which_log_and_where_in_it() -> None:
    metadata = located().metadata
    assert metadata.log == Log()
    assert metadata.log is not None
    assert metadata.log.uri == "s3://bucket/key"
    assert metadata.index == 3
    assert metadata.byte_range == (300, 300 + len(RAW))


def test_the_byte_range_is_computed_only_when_asked() -> None:
    asked: list[int] = []

    def start_of(index: int) -> None:
        asked.append(index)

    event = CloudTrailEvent.from_record(RAW, index=7, origin=Origin(Log(), start_of))
    assert event.metadata.index == 7
    assert asked == []
    assert event.metadata.byte_range is None
    assert asked == [7]


def test_an_event_from_no_log_has_empty_metadata() -> None:
    metadata = CloudTrailEvent.from_json(RAW).metadata
    assert metadata == EventMetadata(size=len(RAW))
    assert metadata.byte_range is None


def test_a_record_from_a_log_gets_the_class_of_its_kind() -> None:
    event = located(b'{"eventType": "AwsVpceEvent"}')
    assert type(event) is NetworkActivityEvent
    assert event.metadata.index == 3


def test_events_compare_and_hash_by_class_and_bytes() -> None:
    event = CloudTrailEvent.from_json(RAW)
    assert event == located()
    assert len({event, located(), CloudTrailEvent.from_json(b"{}")}) == 2
    assert event != CloudTrailEvent.from_json(RAW.strip())
    assert event != NetworkActivityEvent.from_json(RAW)
    assert event != RAW


def test_a_pickled_event_comes_back_whole_but_for_its_byte_range() -> None:
    event = located()
    back = pickle.loads(pickle.dumps(event))
    assert back == event
    assert (back.anomalies, back.request_parameters) == (event.anomalies, event.request_parameters)
    assert (back.metadata.log, back.metadata.index, back.metadata.byte_range) == (Log(), 3, None)
    assert pickle.loads(pickle.dumps(CloudTrailEvent.from_json(RAW))).metadata.log is None


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, CloudTrailEvent.model_copy], ids=["copy", "deep", "model"]
)
def test_a_copy_is_equal_and_knows_where_it_came_from(copied: Any) -> None:
    event = located()
    assert event.request_parameters == {"userName": "alice"}
    twin = copied(event)
    assert twin is not event
    assert twin == event
    assert twin.anomalies == event.anomalies == ("readOnly",)
    assert twin.metadata == event.metadata
    assert twin.metadata.byte_range == event.metadata.byte_range
    assert twin.request_parameters == {"userName": "alice"}


def test_events_and_their_parts_are_frozen() -> None:
    event: Any = CloudTrailEvent.from_json(RAW)
    with pytest.raises(ValueError, match="frozen"):
        event.event_name = "DeleteUser"
    with pytest.raises(ValueError, match="frozen"):
        event.user_identity.arn = "x"


def test_pydantics_own_entrances_lead_to_the_same_event() -> None:
    event = CloudTrailEvent.from_json(RAW)
    assert CloudTrailEvent.model_validate_json(RAW, strict=True) == event
    assert CloudTrailEvent.model_validate(event) is event
    assert CloudTrailEvent.model_validate({"eventType": "AwsVpceEvent"}).category == "NetworkActivity"
    with pytest.raises(ValueError, match="from a mapping, not from list"):
        CloudTrailEvent.model_validate([1])


@pytest.mark.parametrize("use", ["raw", "request_parameters", "model_extra", "metadata"])
def test_an_event_without_a_record_fails_loudly_and_says_what_to_do(use: str) -> None:
    for event in (CloudTrailEvent(), CloudTrailEvent.model_construct()):
        assert event.event_name == ""
        with pytest.raises(TypeError, match="from_json or from_dict"):
            getattr(event, use)


def test_events_without_a_record_compare_by_their_fields() -> None:
    assert CloudTrailEvent() == CloudTrailEvent()
    assert CloudTrailEvent() != CloudTrailEvent.model_construct(event_name="x")
    assert CloudTrailEvent() != CloudTrailEvent.from_json(b"{}")


@pytest.mark.parametrize("data", [b"[]", b"null", b"", b'"s3cr3t"', b'{"s3cr3t": '])
def test_what_is_no_object_is_a_value_error_without_a_trace_of_the_data(data: bytes) -> None:
    with pytest.raises(ValueError, match="event record") as caught:
        CloudTrailEvent.from_json(data)
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cr3t" not in repr(error)
        error = error.__cause__ or error.__context__


def test_a_record_that_json_cannot_hold_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        CloudTrailEvent.from_dict({"eventTime": object()})
