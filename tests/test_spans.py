import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from logtexts import JsonValue, log_texts

from cloudtrail_processing import spans
from cloudtrail_processing.errors import CorruptLog


@given(log_texts())
def test_the_span_of_a_document_is_the_text_without_the_space_around_it(log: tuple[list[JsonValue], bytes]) -> None:
    data = log[1]
    start, end = spans.document(data, spans.first(data), len(data))
    assert data[start:end] == data.strip(spans.SPACE)


@pytest.mark.parametrize("data", [b'{"a":[1,2],"a" : "}","b\\"":{}}', b'{ "a":[1,2]\n,"a":"}" , "b\\"":\t{} }'])
def test_members_come_in_order_with_repeated_names_and_decoded(data: bytes) -> None:
    found = [(name, json.loads(data[start:end])) for name, (start, end) in spans.members(data, 0)]
    assert found == [("a", [1, 2]), ("a", "}"), ('b"', {})]


def test_a_name_that_cannot_be_decoded_is_still_a_name() -> None:
    assert [name for name, _ in spans.members(b'{"\xff\\x":1,"\\ud800":2}', 0)] == ["\ufffd\\x", "\ud800"]


@pytest.mark.parametrize("data", [b"[]", b"[ ]", b"[\n]"])
def test_an_empty_array_has_no_elements(data: bytes) -> None:
    assert list(spans.elements(data, 0)) == []


@pytest.mark.parametrize(("data", "count"), [(b"[,]", 2), (b"[1,]", 2), (b"[,1]", 2), (b"[1,,2]", 3)])
def test_a_missing_element_is_an_empty_span_in_its_place(data: bytes, count: int) -> None:
    found = [data[start:end] for start, end in spans.elements(data, 0)]
    assert len(found) == count
    assert b"" in found


@pytest.mark.parametrize(
    "data", [b"", b"{", b"{}", b"[", b"[1", b'["', b'["\\', b'["\\"', b"[[]", b"[1}", b"[" * 5000, b'[{"a":]']
)
def test_an_array_without_an_end_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptLog):
        list(spans.elements(data, 0))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{1:2}", b'{"a"}', b'{"a":1', b'{"a":1,}', b'{"a":1]', b'{"a"1}'])
def test_an_object_that_is_none_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptLog):
        list(spans.members(data, 0))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{}", "an array, at byte 0"),
        (b'["a', "the end of a string: cut short or damaged, at byte 1"),
        (b"[1 ", "the end of the array, at byte 3"),
        (b"[1}", "the end of the array, at byte 2"),
        (b"[[1", "the end of a value: cut short or damaged, at byte 3"),
        (b"[" * 2000, "nothing nested deeper than 1000 levels, at byte 999"),
    ],
)
def test_what_is_no_array_is_corrupt_for_a_reason_and_at_a_place(data: bytes, why: str) -> None:
    with pytest.raises(CorruptLog) as caught:
        list(spans.elements(data, 0))
    assert str(caught.value) == f"not JSON: expected {why}"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[]", "expected an object, at byte 0"),
        (b'{"a":1', "expected the end of the object, at byte 6"),
        (b'{"a":1]', "expected the end of the object, at byte 6"),
        (b'{"a":1, 2}', "no member name at byte 8"),
        (b'{"a" 2}', "no member name at byte 1"),
    ],
)
def test_what_is_no_object_is_corrupt_for_a_reason_and_at_a_place(data: bytes, why: str) -> None:
    with pytest.raises(CorruptLog) as caught:
        list(spans.members(data, 0))
    assert str(caught.value) == f"not JSON: {why}"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b" 1", "not JSON: expected an object or an array, at byte 1"),
        (b" {} x y ", "5 bytes after the end of the JSON document, at byte 3"),
        (b" \n", "empty: no JSON document"),
    ],
)
def test_what_is_no_document_is_corrupt_for_a_reason_and_at_a_place(data: bytes, why: str) -> None:
    with pytest.raises(CorruptLog) as caught:
        spans.document(data, spans.first(data), len(data))
    assert str(caught.value) == why


def test_a_thousand_levels_are_passed_over_and_one_more_is_not() -> None:
    deepest = b"[" * spans.MAX_DEPTH + b"]" * spans.MAX_DEPTH
    assert list(spans.elements(b"[" + deepest + b"]", 0)) == [(1, 1 + len(deepest))]
    with pytest.raises(CorruptLog, match="nested deeper"):
        list(spans.elements(b"[[" + deepest + b"]]", 0))


def end_by_hand(data: bytes) -> int | None:
    """The place behind the bracket that closes the first one, found byte by byte; None without one."""
    depth, place = 0, 0
    while place < len(data):
        if data[place : place + 1] == b'"':
            place += 1
            while data[place : place + 1] not in (b'"', b""):
                place += 2 if data[place : place + 1] == b"\\" else 1
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(data[place : place + 1], 0)
        place += 1
        if not depth:
            return place if place <= len(data) else None
    return None


@given(
    st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b",", b"a", b"[]", b'[{"a":1},[2]]']), max_size=60)
)
@example([b"[", b"[", b"[", b"]", b'"', b"]", b"\\", b'"', b'"', b"]", b"]", b"]"])
def test_brackets_are_paired_as_one_would_by_hand(pieces: list[bytes]) -> None:
    """However many levels are passed over at once."""
    data = b"[" + b"".join(pieces)
    end = end_by_hand(data)
    if end is None:
        with pytest.raises(CorruptLog):
            spans.document(data, 0, len(data))
    else:
        assert spans.document(data[:end], 0, end) == (0, end)


def test_what_is_empty_inside_of_another_has_neither_members_nor_elements() -> None:
    assert list(spans.members(b'{"a":{},"b":1}', 5)) == []
    assert list(spans.elements(b"[[],1]", 1)) == []


def test_a_document_begins_behind_a_byte_order_mark_and_space() -> None:
    assert spans.first(b"\xef\xbb\xbf {}") == 4
    assert spans.first(b" {}") == 1


def test_a_missing_element_lies_where_it_should_stand() -> None:
    assert list(spans.elements(b"[1, ,2 ]", 0)) == [(1, 2), (4, 4), (5, 6)]


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "none"), (1, "'00'"), (8, ", ".join(f"'{n:02}'" for n in range(8))), (9, "'06', '07', …"), (50, "'07', …")],
)
def test_names_for_an_error_are_eight_at_most(count: int, shown: str) -> None:
    found = spans.names(json.dumps({f"{n:02}": 1 for n in range(count)}).encode(), 0)
    assert found.endswith(shown)
    assert found.count("'") == 2 * min(count, 8)


def test_a_name_for_an_error_is_cut_after_forty_characters_and_is_ascii() -> None:
    assert spans.names(json.dumps({"é" + "x" * 50: 1}).encode(), 0) == "'\\xe9" + "x" * 39 + "'"


def test_a_document_is_looked_for_only_before_its_limit() -> None:
    """Otherwise each of many damaged lines would be searched to the end of the file."""
    with pytest.raises(CorruptLog):
        spans.document(b'{"a":[\n]}', 0, 6)


def test_lines_are_taken_without_their_space_and_blank_ones_not_at_all() -> None:
    data = b'\xef\xbb\xbf{"a":1}\r\n\n \t\r\n  [2] \n3'
    assert [data[start:end] for start, end in spans.lines(data)] == [b'{"a":1}', b"[2]", b"3"]
    assert list(spans.lines(b"1\n2\n \t")) == [(0, 1), (2, 3)]
