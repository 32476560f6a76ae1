import gzip
import json
import sys
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from logtexts import TEXT, JsonValue, built, log_text, log_texts

from cloudtrail_processing.errors import CorruptLog
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.flow import RejectedRecord
from cloudtrail_processing.logfile import Records, inflate, split


@given(log_texts())
@settings(max_examples=200, deadline=None)
def test_records_come_back_whole_in_order_and_in_place_from_any_layout(log: tuple[list[JsonValue], bytes]) -> None:
    values, data = log
    records = split(data)
    assert [json.dumps(json.loads(raw)) for raw in records] == [json.dumps(value) for value in values]
    for index, raw in enumerate(records):
        start = records.start_of(index)
        assert start is not None
        assert data[start : start + len(raw)] == raw == records.raw(index)


FRAGMENTS = [
    *b'{}[]",:\\ \n0-\x00\xff',
    b'"Records"',
    b'{"Records":[',
    b"]}",
    b'{"a":1}',
    b"null",
    b"\\ud800",
    b"\xef\xbb\xbf",
]
fragments = st.lists(st.sampled_from([bytes([f]) if isinstance(f, int) else f for f in FRAGMENTS]), max_size=30)


@given(st.binary(max_size=40) | fragments.map(b"".join))
@settings(max_examples=500, deadline=None)
def test_any_bytes_become_records_or_a_corrupt_log_and_nothing_else(body: bytes) -> None:
    for stored in (body, gzip.compress(body)):
        try:
            records = split(inflate(stored))
        except CorruptLog:
            continue
        for event in built(records):
            assert isinstance(event, CloudTrailEvent | RejectedRecord)


def seen(data: bytes) -> list[tuple[int, bytes]] | None:
    """The place and the bytes of each record; None for a corrupt log."""
    try:
        records = split(data)
    except CorruptLog:
        return None
    return [(records.start_of(index) or 0, raw) for index, raw in enumerate(records)]


@given(fragments.map(b"".join) | log_texts().map(lambda log: log[1]))
@example(b'{"Records":[1],"Records":[2]}')
@example(b'{"Records":[1], "Records":[1]           }')
@example(b'{"Records":[1],"x":[1]}')
@example(b"[1, 2 ]")
@settings(max_examples=500, deadline=None)
def test_the_quick_and_the_thorough_way_agree(data: bytes) -> None:
    """A byte order mark makes the reader take the thorough way."""
    mark = b"\xef\xbb\xbf"
    assume(not data.startswith(mark))
    quick, thorough = seen(data), seen(mark + data)
    assert quick == (None if thorough is None else [(start - len(mark), raw) for start, raw in thorough])


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255))
@settings(deadline=None)
def test_a_text_with_one_wrong_byte_loses_no_record_silently(place: int, byte: int) -> None:
    """Whatever is still taken for records covers the whole array: bytes may be wrong, but none are dropped."""
    data = TEXT[:place] + bytes([byte]) + TEXT[place + 1 :]
    try:
        records = split(data)
    except CorruptLog:
        return
    starts = [records.start_of(index) for index in range(len(records))]
    assert starts[0] == 12
    for start, raw, following in zip(starts, records, [*starts[1:], len(data) - 1], strict=True):
        assert start is not None
        assert following == start + len(raw) + 1


@pytest.mark.parametrize("data", [b'{"Records":[]}', b"[]", b' { "Records" : [ ] } \n', b'{"a":"]","Records":[]}'])
def test_an_empty_log_is_fine(data: bytes) -> None:
    assert len(split(data)) == 0


@pytest.mark.parametrize("cut", range(len(TEXT)))
def test_a_text_cut_short_anywhere_is_corrupt(cut: int) -> None:
    with pytest.raises(CorruptLog):
        split(TEXT[:cut])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"null", "an object or an array"),
        (b'"Records"', "an object or an array"),
        (b"<html>", "an object or an array"),
        (b"{}", 'no "Records".*none'),
        (b'{"Message":1,"b":{"Records":[]}}', "no \"Records\".*'Message', 'b'"),
        (b'{"Records":null}', "not an array"),
        (b'{"Records":{}}', "not an array"),
        (b'{"Records":"[]"}', "not an array"),
        (b'{"Records":[1],"Records":[2]}', "stands in it 2 times"),
        (b'{"Records":[1],"Recor\\u0064s":[2]}', "stands in it 2 times"),
        (b'{"Records":[1]} {"Records":[2]}', "after the end of the JSON document"),
        (b'{"Records":[1]}x', "after the end of the JSON document"),
        (b'{"Records":[1]}\x00', "after the end of the JSON document"),
        (b"[1],[2]", "after the end of the JSON document"),
        (b'{"Records":[1}}', "end of the array"),
        (b'{"Records":[1]]', "end of the object"),
        (b"{1:[]}", "member name"),
    ],
)
def test_what_is_no_log_is_corrupt_for_a_stated_reason(data: bytes, reason: str) -> None:
    with pytest.raises(CorruptLog, match=reason):
        split(data)


def test_the_names_in_an_error_are_few_short_and_escaped() -> None:
    members = {f"{n:03}é{'x' * 500}": "s3cret" for n in range(1000)}
    with pytest.raises(CorruptLog) as caught:
        split(json.dumps(members).encode())
    text = str(caught.value)
    assert len(text) < 1000
    assert text.isprintable()
    assert "s3cret" not in text


def test_a_byte_order_mark_is_passed_over_and_counted_in_places() -> None:
    data = b"\xef\xbb\xbf" + log_text(b'{"a":1}', b"[2]")
    records = split(data)
    assert list(records) == [b'{"a":1}', b"[2]"]
    assert records.start_of(1) == data.index(b"[2]")


@pytest.mark.parametrize("depth", [50, 500, 5_000, 1_000_000])
def test_deep_nesting_never_breaks_the_reader(depth: int) -> None:
    for bomb in (b"[" * depth + b"]" * depth, b'{"":' * depth + b"0" + b"}" * depth, b"[" * depth):
        data = log_text({"eventID": "before"}, bomb, {"eventID": "after"})
        try:
            first, _, last = built(split(data))
        except CorruptLog:
            assert depth > 500 or not bomb.endswith((b"]", b"}"))
            continue
        assert isinstance(first, CloudTrailEvent)
        assert isinstance(last, CloudTrailEvent)


def test_neither_events_nor_places_keep_the_inflated_data_in_memory() -> None:
    for data in (bytes(bytearray(TEXT)), json.dumps(json.loads(TEXT), indent=1).encode()):
        held = sys.getrefcount(data)
        records = split(data)
        events, start_of = built(records), records.start_of
        del records
        assert sys.getrefcount(data) == held
        assert len(events) == 4
        assert start_of(0) == data.index(b'{"eventVersion"') if data == TEXT else start_of(0)


def test_records_that_are_no_slices_of_a_log_have_no_place() -> None:
    records = Records.of([b'{"eventID":"1"}', b"{}"])
    assert (len(records), records.raw(1), records.start_of(1)) == (2, b"{}", None)


def test_every_real_log_splits_alike_on_the_quick_and_on_the_thorough_way(corpora: Path) -> None:
    total = 0
    for file in corpora.glob("invictus-aws-dataset/CloudTrail/*.json"):
        data = file.read_bytes()
        quick, thorough = seen(data) or [], seen(b"\xef\xbb\xbf" + data) or []
        assert quick == [(start - 3, raw) for start, raw in thorough]
        total += len(quick)
    assert total == 2900
