"""A million brackets anywhere end in an error of ours: no RecursionError, no crash of the interpreter."""

import gzip

import msgspec
import orjson
import pytest

from cloudtrail_processing.building import build
from cloudtrail_processing.errors import CorruptLog, NotificationError
from cloudtrail_processing.events import CloudTrailEvent, DigestFile
from cloudtrail_processing.flow import LogObject, QueueMessage, RejectedRecord
from cloudtrail_processing.logfile import Records, split
from cloudtrail_processing.notification import MessageLimits, parse
from cloudtrail_processing.reading import read_events

DEEP = 10**6
LOG = LogObject("trail", "log")
NO_LIMIT = MessageLimits(bytes=2**40)

each_depth = pytest.mark.parametrize("depth", [150, 250, 999, 1001, 1100, 5000, 100_000, DEEP])
each_bracket = pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])


def nested(depth: int, opened: str = "[", closed: str = "]") -> str:
    return opened * depth + "1" + closed * depth


@each_depth
@each_bracket
@pytest.mark.parametrize("cut", [False, True])
def test_a_message_body_of_any_depth_is_refused_as_a_message(
    depth: int, opened: str, closed: str, *, cut: bool
) -> None:
    inner = nested(depth, opened, "" if cut else closed)
    pointer = f'{{"s3Bucket":"b","s3ObjectKey":["k",{inner}]}}'
    bodies = [inner, pointer, f'{{"Type":"Notification","Message":{inner}}}', f'{{"Records":[{inner}]}}']
    bodies.append(orjson.dumps({"Type": "Notification", "Message": inner}).decode())
    bodies.append(f'{{"detail-type":"AWS API Call via CloudTrail","source":"x","detail":{inner}}}')
    for body in bodies:
        with pytest.raises(NotificationError):
            parse(QueueMessage("m", body, "r"), limits=NO_LIMIT)


@each_depth
@each_bracket
def test_a_record_of_any_depth_becomes_an_event_or_is_rejected_and_its_neighbours_are_read(
    depth: int, opened: str, closed: str
) -> None:
    deep = f'{{"eventID":"deep","requestParameters":{nested(depth, opened, closed)}}}'
    data = f'{{"Records":[{{"eventID":"1"}},{deep},{{"eventID":"3"}}]}}'.encode()
    if depth * len(closed) > 995:
        with pytest.raises(CorruptLog, match="nested deeper than 1000 levels"):
            split(data)
        return
    first, found, third = build(split(data), log=LOG, indexes=range(3))
    assert isinstance(first, CloudTrailEvent)
    assert isinstance(third, CloudTrailEvent)
    assert isinstance(found, CloudTrailEvent)
    assert found.to_dict()["eventID"] == found.event_id == "deep"
    assert found.request_parameters is not None
    assert repr(found)


@each_depth
@each_bracket
def test_records_that_came_inside_a_message_are_bounded_the_same(depth: int, opened: str, closed: str) -> None:
    raw = f'{{"eventVersion":"1.0","eventID":"x","a":{nested(depth, opened, closed)}}}'.encode()
    (found,) = build(Records.of([raw]), log=LOG, indexes=[0])
    assert isinstance(found, CloudTrailEvent | RejectedRecord)


@each_depth
@each_bracket
def test_a_digest_of_any_depth_is_a_value_error(depth: int, opened: str, closed: str) -> None:
    for body in (nested(depth, opened, closed), f'{{"logFiles":{nested(depth, opened, closed)}}}'):
        with pytest.raises(ValueError):
            DigestFile.from_json(body)


@each_depth
@each_bracket
@pytest.mark.parametrize("around", ["{}", '{{"Records":{}}}', '{{"Records":[{}]}}', '{{"Events":[{}]}}', "{0}\n{0}"])
def test_read_events_of_any_depth_ends_in_events_or_a_corrupt_log(
    around: str, depth: int, opened: str, closed: str
) -> None:
    data = around.format(nested(depth, opened, closed)).encode()
    for body in (data, gzip.compress(data)):
        try:
            found = list(read_events(body))
        except CorruptLog:
            continue
        assert depth < 999
        assert all(event.to_dict() for event in found)


def test_the_parsers_themselves_know_a_limit() -> None:
    """What all of the above rests on: none of them recurses on the C stack without counting."""
    deep = nested(DEEP).encode()
    with pytest.raises(ValueError):
        orjson.loads(deep)
    with pytest.raises((RecursionError, msgspec.DecodeError)):
        msgspec.json.decode(deep)
