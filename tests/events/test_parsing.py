import datetime
import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.events.parsing import parse_object, to_bytes, write_object


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"[]", "JSON array"),
        (b"7", "JSON number"),
        (b"7.5", "JSON number"),
        (b'"secret"', "JSON string"),
        (b"null", "JSON null"),
        (b"true", "JSON boolean"),
        (b"", "not valid JSON"),
        (b'{"secret": ', "not valid JSON"),
        (b'{"secret": 1} {}', "not valid JSON"),
        (b'{"secret": "\xff"}', "not valid JSON"),
        (b'{"secret": ' + b"1" * 5000 + b"}", "too long"),
        (b'{"secret": ' + b"[" * 100_000, "too deeply"),
    ],
)
def test_what_is_no_object_is_a_value_error_that_shows_no_data(raw: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        parse_object(raw)
    assert "secret" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 123456789012345678901234567890}',
        '{"a": -0, "b": -0.0, "c": 1, "d": 1.0, "e": 1e0, "f": 9.82222E-5}',
        '{"a": 1e400, "b": -1e400}',
        '{"a": "\\ud800", "\\udfff": 1}',
        '{"a": 1, "a": 2}',
        '{"a": ' + "[" * 300 + "]" * 300 + "}",
        '\ufeff{"a": 1}',
        ' {"a": "\\u0000\\u00e9\u00e9"} ',
    ],
)
def test_unusual_json_is_read_as_the_standard_library_reads_it(text: str) -> None:
    raw = text.encode("utf-8")
    assert repr(parse_object(raw)) == repr(json.loads(raw))


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda data: b'{"a":' + data + b"}"))
def test_any_bytes_are_an_object_or_a_value_error(raw: bytes) -> None:
    try:
        assert isinstance(parse_object(raw), dict)
    except ValueError as error:
        assert "event record" in str(error)  # noqa: PT017 - the error is one of two allowed ends


def test_a_record_is_written_compactly_and_mappings_inside_count_as_objects() -> None:
    record = MappingProxyType({"a": MappingProxyType({"b": "é\ud800"}), "c": (1, 1.0)})
    assert write_object(record) == b'{"a":{"b":"\xc3\xa9\xed\xa0\x80"},"c":[1,1.0]}'
    assert parse_object(write_object(record)) == {"a": {"b": "é\ud800"}, "c": [1, 1.0]}


def _endless() -> dict[str, Any]:
    record: dict[str, Any] = {}
    record["itself"] = record
    return record


@pytest.mark.parametrize("record", [{"when": datetime.datetime.now(datetime.UTC)}, {("a",): 1}, {"a": {1}}, _endless()])
def test_what_json_cannot_hold_is_a_value_error(record: dict[Any, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        write_object(record)


def test_text_becomes_utf_8_and_bytes_stay_the_same_object() -> None:
    raw = b"{}"
    assert to_bytes(raw) is raw
    assert to_bytes(bytearray(raw)) == raw
    assert to_bytes("é") == b"\xc3\xa9"
