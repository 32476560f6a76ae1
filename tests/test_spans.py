import json

import pytest
from hypothesis import given
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


def test_a_document_is_looked_for_only_before_its_limit() -> None:
    """Otherwise each of many damaged lines would be searched to the end of the file."""
    with pytest.raises(CorruptLog):
        spans.document(b'{"a":[\n]}', 0, 6)


def test_lines_are_taken_without_their_space_and_blank_ones_not_at_all() -> None:
    data = b'\xef\xbb\xbf{"a":1}\r\n\n \t\r\n  [2] \n3'
    assert [data[start:end] for start, end in spans.lines(data)] == [b'{"a":1}', b"[2]", b"3"]
