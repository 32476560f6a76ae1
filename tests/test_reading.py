import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logtexts import TEXT, JsonValue, log_text, log_texts

from cloudtrail_processing.errors import CorruptLog, LogTooLarge, TrailingData
from cloudtrail_processing.logfile import Limits, Records
from cloudtrail_processing.reading import Source, read_events, split_any

RECORD = {"eventVersion": "1.08", "eventID": "one", "requestParameters": {"a": ["}", None]}}
RAW = json.dumps(RECORD).encode()
EVENTBRIDGE = {
    "version": "0",
    "id": "e",
    "detail-type": "AWS API Call via CloudTrail",
    "source": "aws.s3",
    "resources": [],
    "detail": RECORD,
}
GUARDDUTY = {"version": "0", "detail-type": "GuardDuty Finding", "source": "aws.guardduty", "detail": {"id": "f"}}
LOOKUP_EVENT = {"EventId": "one", "ReadOnly": "true", "Resources": [], "CloudTrailEvent": json.dumps(RECORD)}
SUBSCRIPTION = {
    "messageType": "DATA_MESSAGE",
    "owner": "123456789012",
    "logEvents": [{"id": "1", "timestamp": 1, "message": json.dumps(RECORD)}],
}
CONTROL = {
    "messageType": "CONTROL_MESSAGE",
    "owner": "CloudwatchLogs",
    "logEvents": [{"id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE: Checking health of destination."}],
}
FORMS = {
    "record": RECORD,
    "log": {"Records": [RECORD]},
    "lookup": {"Events": [LOOKUP_EVENT], "NextToken": "n"},
    "lookup event": LOOKUP_EVENT,
    "eventbridge": EVENTBRIDGE,
    "subscription": SUBSCRIPTION,
}


def dumped(value: JsonValue, *, indent: int | None = None) -> bytes:
    return json.dumps(value, indent=indent).encode()


def parsed(data: bytes) -> list[JsonValue]:
    return [json.loads(raw) for raw in split_any(data)]


def assert_places_are_exact(records: Records, data: bytes) -> None:
    for index, raw in enumerate(records):
        start = records.start_of(index)
        assert start is None or data[start : start + len(raw)] == raw


# ── forms ──


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_is_read_alone_in_arrays_and_in_lines(form: JsonValue, indent: int | None) -> None:
    lines = b"\n \r\n" + dumped(form) + b"\n\n" + dumped(form) + b"\r\n"
    for data, count in ((dumped(form, indent=indent), 1), (dumped([form, form], indent=indent), 2), (lines, 2)):
        records = split_any(data)
        assert [json.loads(raw) for raw in records] == [RECORD] * count
        assert_places_are_exact(records, data)
        assert parsed(b"\xef\xbb\xbf" + data) == [RECORD] * count


def test_forms_may_be_mixed_in_one_file() -> None:
    data = b"\n".join(map(dumped, FORMS.values()))
    assert parsed(data) == [RECORD] * len(FORMS)


@given(log_texts())
@settings(deadline=None)
def test_records_in_a_log_object_are_taken_as_split_takes_them(log: tuple[list[JsonValue], bytes]) -> None:
    values, data = log
    if data.lstrip().startswith(b"{") and json.loads(data).keys() == {"Records"}:
        assert list(map(json.dumps, parsed(data))) == list(map(json.dumps, values))


def test_the_record_of_an_eventbridge_event_is_the_exact_bytes_of_its_detail() -> None:
    data = dumped(EVENTBRIDGE).replace(RAW, b'{ "eventID" :"one" }')
    records = split_any(data)
    assert list(records) == [b'{ "eventID" :"one" }']
    assert records.start_of(0) == data.index(b'{ "eventID"')


@pytest.mark.parametrize("name", ["AWS Console Sign In via CloudTrail", "AWS Insight via CloudTrail"])
def test_every_eventbridge_event_via_cloudtrail_counts(name: str) -> None:
    assert parsed(dumped(EVENTBRIDGE | {"detail-type": name})) == [RECORD]


def test_records_that_stand_as_text_in_other_json_have_no_place() -> None:
    assert split_any(dumped(LOOKUP_EVENT)).start_of(0) is None
    assert split_any(dumped(SUBSCRIPTION)).start_of(0) is None


def test_a_lookup_event_whose_record_was_expanded_to_an_object_is_read() -> None:
    assert parsed(dumped(LOOKUP_EVENT | {"CloudTrailEvent": RECORD})) == [RECORD]


@pytest.mark.parametrize("value", [CONTROL, [CONTROL, CONTROL], [], {"Events": []}, {"Records": []}], ids=repr)
def test_what_is_known_to_hold_no_record_is_empty(value: JsonValue) -> None:
    assert parsed(dumped(value)) == []


def test_events_of_other_services_on_the_same_bus_are_left_out() -> None:
    assert parsed(b"\n".join(map(dumped, [GUARDDUTY, EVENTBRIDGE, GUARDDUTY]))) == [RECORD]
    assert parsed(dumped([GUARDDUTY, EVENTBRIDGE])) == [RECORD]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (GUARDDUTY, "an EventBridge event 'GuardDuty Finding', not from CloudTrail"),
        ([GUARDDUTY], "none of 1 values.*GuardDuty Finding"),
        ({"awsAccountId": "1", "logFiles": []}, "not known to come from CloudTrail.*'awsAccountId', 'logFiles'"),
        ([{"awsAccountId": "1"}] * 2, "none of 2 values"),
        ([RECORD["requestParameters"]], "none of 1 values"),
        ([[RECORD]], "an array inside of another"),
        ([1, None, "eventVersion"], "none of 3 values"),
        ({}, "not known to come from CloudTrail"),
        (None, "an object or an array"),
        ({"Records": None}, "not an array"),
        ({"Events": None}, "expected an array"),
        ({"Events": [{"EventId": "1"}]}, "none of 1 values"),
        ({"detail-type": "AWS API Call via CloudTrail"}, "no member detail"),
        ({"logEvents": []}, "no member messageType"),
        (SUBSCRIPTION | {"logEvents": [{"id": "1"}]}, "no member message"),
    ],
)
def test_what_is_not_known_to_come_from_cloudtrail_is_corrupt(value: JsonValue, reason: str) -> None:
    for indent in (None, 1):
        with pytest.raises(CorruptLog, match=reason):
            split_any(dumped(value, indent=indent))


def test_a_repeated_member_name_never_hides_records() -> None:
    for name in ("Records", "Events"):
        with pytest.raises(CorruptLog, match=r"twice|2 times"):
            split_any(b'{"%s":[%s],"%s":[]}' % (name.encode(), RAW, name.encode()))


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf\n"])
def test_nothing_at_all_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptLog, match="empty"):
        split_any(data)


def test_a_text_that_is_neither_document_nor_lines_says_why_for_both() -> None:
    with pytest.raises(CorruptLog, match=r"neither one JSON document \(.*\) nor JSON lines \(.*\)"):
        split_any(b"a\nb\n")


@pytest.mark.parametrize("cut", range(1, len(TEXT), 7))
def test_a_log_cut_short_is_corrupt(cut: int) -> None:
    with pytest.raises(CorruptLog):
        split_any(TEXT[:cut])


@pytest.mark.parametrize("damaged", [b"{", b'{"eventID":"', b'{"a":1}{"b":2}', b"null", b'{"eventID":tru}', b"\xff"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_damaged_line_stays_in_its_place_and_costs_no_other(damaged: bytes, place: int) -> None:
    lines = [RAW, RAW]
    lines.insert(place, damaged)
    data = b"\n".join(lines)
    records = split_any(data)
    assert list(records) == lines
    assert_places_are_exact(records, data)


def test_a_damaged_message_or_entry_costs_no_other() -> None:
    events = [{"id": "1", "message": text} for text in ("START", json.dumps(RECORD), '{"eventID":"')]
    assert list(split_any(dumped(SUBSCRIPTION | {"logEvents": events})))[1] == RAW
    entries = [LOOKUP_EVENT | {"CloudTrailEvent": value} for value in (None, "x\ud800", json.dumps(RECORD))]
    raws = list(split_any(dumped({"Events": entries})))
    assert (raws[0], raws[2]) == (b"null", RAW)


PIECES = [*(dumped(form) for form in FORMS.values()), dumped(CONTROL), dumped(GUARDDUTY)]
PIECES += [
    b"\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b'"',
    b"\\",
    b'{"Events":[',
    b'"logEvents":[',
    b'"detail":',
    b"\xff",
    b" ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join) | st.binary(max_size=30))
@settings(max_examples=400, deadline=None)
def test_any_bytes_become_records_or_a_corrupt_log_and_nothing_else(data: bytes) -> None:
    try:
        records = split_any(data)
        assert_places_are_exact(records, data)
    except CorruptLog:
        return
    try:
        for event in read_events(data):
            assert event.raw in list(records)
    except CorruptLog as error:
        assert "are no events" in str(error)  # noqa: PT017


# ── read_events ──


def test_a_file_is_read_by_path_as_text_as_bytes_and_from_memory(tmp_path: Path) -> None:
    plain, packed = tmp_path / "log.json", tmp_path / "log.json.gz"
    plain.write_bytes(TEXT)
    packed.write_bytes(gzip.compress(TEXT))
    expected = [f"id-{index}" for index in range(4)]
    with plain.open() as text, plain.open("rb") as file, packed.open("rb") as gzipped:
        sources: list[Source] = [str(plain), plain, packed, str(packed), text, file, gzipped, TEXT, bytearray(TEXT)]
        sources += [memoryview(gzip.compress(TEXT)), io.StringIO(TEXT.decode()), io.BytesIO(TEXT)]
        for source in sources:
            assert [event.get("eventID") for event in read_events(source)] == expected


def test_a_stream_that_gives_less_than_was_asked_for_is_read_to_its_end() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 7))

    assert len(list(read_events(Slow(b"\n".join([RAW] * 3))))) == 3


def test_events_know_their_file_their_index_and_their_bytes(tmp_path: Path) -> None:
    file = tmp_path / "111111111111_CloudTrail_eu-central-1_20171211T1505Z_A6kvhMoVeCsc7v8U.json.gz"
    file.write_bytes(gzip.compress(TEXT))
    for index, event in enumerate(read_events(file)):
        assert event.metadata.log is not None
        assert (event.metadata.log.uri, event.metadata.index) == (str(file), index)
        assert event.metadata.byte_range is not None
        assert TEXT[slice(*event.metadata.byte_range)] == event.raw


def test_a_missing_file_is_reported_before_the_first_event_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_events(tmp_path / "none.json")


@pytest.mark.parametrize("body", [b"", b"{", gzip.compress(TEXT)[:-1], gzip.compress(TEXT) * 2, b"\x00"])
def test_a_corrupt_file_is_named_in_the_error(body: bytes, tmp_path: Path) -> None:
    file = tmp_path / "bad.json.gz"
    file.write_bytes(body)
    with pytest.raises(CorruptLog, match=r"bad\.json\.gz: "):
        read_events(file)


def test_the_limits_hold_for_plain_and_for_gzipped_files_and_can_be_raised(tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    for body in (TEXT, gzip.compress(TEXT)):
        file.write_bytes(body)
        with pytest.raises(LogTooLarge, match=r"log\.json: "):
            read_events(file, limits=Limits(inflated=len(TEXT) - 1))
        assert len(list(read_events(file, limits=Limits(inflated=len(TEXT))))) == 4


def test_good_records_come_before_the_error_about_bad_ones() -> None:
    events = read_events(log_text(RAW, 7, b'{"s3cret":}', RAW))
    assert [next(events).raw, next(events).raw] == [RAW, RAW]
    with pytest.raises(CorruptLog, match=r"<bytes>: 2 of 4 records are no events, the first at index 1: ") as caught:
        next(events)
    assert "s3cret" not in str(caught.value)


def test_bytes_behind_the_end_of_a_log_are_told_as_what_they_are() -> None:
    with pytest.raises(TrailingData, match="<bytes>: 4 bytes after the end"):
        read_events(gzip.compress(b'{"Records":[]}') + b"tail")
