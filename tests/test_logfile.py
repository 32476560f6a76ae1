import json

import pytest
from logtexts import LOG, TEXT, JsonValue, built, log_text

from cloudtrail_processing.building import build
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.flow import RejectedRecord
from cloudtrail_processing.logfile import Records, split

DAMAGED = [
    b'{"a":tru}',
    b'{"a":01}',
    b'{"a":1,}',
    b'{"a" 1}',
    b'{"a":"\\x"}',
    b'{"a":"\\ud800"}',
    b'{"a":NaN}',
    b'{"a":"\x00"}',
    b'{"a":"\xff"}',
    b'{"a":[}}',
    b'{"a":1}{"b":2}',
    b"'a'",
    b"nul",
    b"\xff",
    b"",
]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("damaged", DAMAGED, ids=repr)
def test_a_damaged_element_never_costs_its_neighbours(damaged: bytes, place: int) -> None:
    raws: list[bytes] = [b'{"eventID":"one"}', b'{"eventID":"two"}']
    raws.insert(place, damaged)
    events = built(split(log_text(*raws)))
    assert [event.raw for event in events] == raws
    good = [event for index, event in enumerate(events) if index != place]
    assert [event.to_dict() for event in good if isinstance(event, CloudTrailEvent)] == [
        {"eventID": "one"},
        {"eventID": "two"},
    ]


@pytest.mark.parametrize("element", [None, 7, True, "text", [], [{"eventID": "inside"}]], ids=repr)
def test_w9_an_element_that_is_no_object_is_rejected_and_the_rest_of_the_file_is_read(element: JsonValue) -> None:
    """The Java library dropped the rest of the file and reported success."""
    before, rejected, after = built(split(log_text({"eventID": "1"}, element, {"eventID": "3"})))
    assert isinstance(before, CloudTrailEvent)
    assert isinstance(after, CloudTrailEvent)
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.log, rejected.index, json.loads(rejected.raw)) == (LOG, 1, element)
    assert "JSON object" in rejected.error


def test_w10_a_value_of_another_type_than_expected_ends_nothing() -> None:
    """The Java library lost its place in the file at an object where it expected text."""
    odd = {"eventVersion": {"a": ["]"]}, "eventID": [1], "userIdentity": "}", "resources": {"x": "{"}}
    events = built(split(log_text(odd, {"eventID": "2"}, odd, {"eventID": "4"})))
    assert all(isinstance(event, CloudTrailEvent) for event in events)
    assert [event.raw for event in events if isinstance(event, CloudTrailEvent)][1::2] == [
        b'{"eventID":"2"}',
        b'{"eventID":"4"}',
    ]


def test_w11_events_before_a_bad_record_are_handed_out_before_it_is_looked_at() -> None:
    """The Java library lost the good events it had buffered when a later one could not be parsed."""
    stream = build(split(log_text({"eventID": "1"}, b"{,}", {"eventID": "3"})), log=LOG, indexes=range(3))
    assert isinstance(next(stream), CloudTrailEvent)
    assert isinstance(next(stream), RejectedRecord)
    assert isinstance(next(stream), CloudTrailEvent)


@pytest.mark.parametrize("raw", [b'{"password":"s3cret",}', b'"s3cret"', b'["s3cret"]', b"s3cret", b'{"s3cret"'])
def test_the_reason_of_a_rejection_never_shows_the_record(raw: bytes) -> None:
    (rejected,) = built(Records.of([raw]))
    assert isinstance(rejected, RejectedRecord)
    assert rejected.error
    assert "s3cret" not in rejected.error + repr(rejected)


def test_events_come_in_the_order_asked_and_know_where_they_stood() -> None:
    records = split(TEXT)
    events = list(build(records, log=LOG, indexes=[3, 0]))
    assert [event.raw for event in events] == [records.raw(3), records.raw(0)]
    for event in events:
        assert isinstance(event, CloudTrailEvent)
        assert event.metadata.log is LOG
        assert event.metadata.byte_range is not None
        assert TEXT[slice(*event.metadata.byte_range)] == event.raw
    assert [event.metadata.index for event in events if isinstance(event, CloudTrailEvent)] == [3, 0]


def test_some_records_of_a_log_know_where_they_stood_in_it() -> None:
    good, bad = built(Records.of([b'{"eventID":"1"}', b"nul"], indexes=[7, 900]))
    assert isinstance(good, CloudTrailEvent)
    assert isinstance(bad, RejectedRecord)
    assert (good.metadata.index, good.metadata.byte_range, bad.index) == (7, None, 900)
