"""Needles: a record that has a text is found by its bytes, however the text is written."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logtexts import log_text
from spelling import spelled

from cloudtrail_processing.filters.needles import needles_of
from cloudtrail_processing.logfile import split
from cloudtrail_processing.needles import is_needle

DULL = b'{"eventName":"Nothing"}'


def holding(*records: Any, needles: tuple[bytes, ...] = (b'"DeleteUser"',), dull: int = 40) -> list[int] | None:
    """The records that are named, of these and of many behind them that nobody would look for."""
    found = split(log_text(*records, *[DULL] * dull)).holding(needles)
    return None if found is None else list(found)


def test_the_records_that_hold_a_needle_are_named_in_order() -> None:
    records = [{"eventName": name} for name in ("GetUser", "DeleteUser", "ListUsers", "DeleteUser")]
    assert holding(*records) == [1, 3]


def test_one_of_several_needles_is_enough() -> None:
    assert holding({"a": "StopLogging"}, {"a": "x"}, {"a": "DeleteTrail"}, needles=(b'"StopLog', b'"DeleteTr')) == [
        0,
        2,
    ]


@pytest.mark.parametrize(
    "escaped", [rb"\u0044eleteUser", rb"Delete\u0055ser", rb"DeleteUse\u0072", rb"D\u0065leteUser"]
)
def test_a_text_with_escaped_characters_is_found(escaped: bytes) -> None:
    assert holding(b'{"eventName":"%s"}' % escaped) == [0]


def test_hexadecimal_digits_may_be_of_either_case() -> None:
    needles = (b'"Jkl-mno"',)
    assert holding(rb'{"a":"\u004Akl-mno"}', rb'{"a":"\u004akl-mno"}', needles=needles) == [0, 1]


@pytest.mark.parametrize("written", [b"role/Admin", rb"role\/Admin", rb"role\u002fAdmin", rb"role\u002FAdmin"])
def test_a_slash_may_be_written_in_any_way(written: bytes) -> None:
    assert holding(b'{"arn":"%s"}' % written, needles=(b'/Admin"',)) == [0]


def test_an_escape_that_hides_nothing_of_a_needle_names_no_record() -> None:
    assert holding(rb'{"eventName":"caf\u00e9 \u0000 \ud83d\ude00"}') == []


def test_whatever_is_no_object_is_named_so_that_it_comes_to_light() -> None:
    assert holding(5, None, [1], "text", True, {"a": 1}) == [0, 1, 2, 3, 4]


def test_nothing_is_named_where_that_would_be_too_many() -> None:
    assert holding(*[{"eventName": "DeleteUser"}] * 20, dull=20) is None


@pytest.mark.parametrize("needles", [(b'"a\nb"',), ("é".encode(),), (b'a"b',), (b"",), ()])
def test_what_is_no_needle_proves_nothing(needles: tuple[bytes, ...]) -> None:
    assert not all(map(is_needle, needles)) or not needles
    assert holding({"eventName": "x"}, needles=needles) is None


def test_a_log_that_is_no_utf8_proves_nothing() -> None:
    assert holding(b'{"eventName":"\xff"}') is None


def test_a_log_in_utf8_is_searched() -> None:
    assert holding('{"a":"é😀","eventName":"DeleteUser"}'.encode(), '{"a":"é"}'.encode()) == [0]


def test_records_that_came_in_a_message_are_not_searched() -> None:
    damaged = b'{"Records":[{"eventName":"DeleteUser"},{,}]}'
    assert split(damaged).holding((b'"DeleteUser"',)) is None


@pytest.mark.parametrize("around", range(-20, 21))
def test_a_needle_is_found_wherever_the_log_is_cut_for_the_search(around: int) -> None:
    """It is searched in stretches of 16 KiB."""
    before = b'{"Records":[{"eventName":"'
    padding = "x" * (2**14 - len(before) - len(DULL) + around)
    assert holding({"eventName": padding}, {"eventName": "DeleteUser"}, {"a": 1}) == [1]


def test_white_space_between_records_moves_nothing() -> None:
    texts = [b'{"eventName":"x"}', b'{"eventName":"DeleteUser"}', *[DULL] * 30]
    data = b'{ "Records" : [ ' + b" ,\n".join(texts) + b" ] }"
    assert list(split(data).holding((b'"DeleteUser"',)) or ()) == [1]


_texts = st.text(st.sampled_from('abAB.:/\\"-_ é\n'), min_size=5, max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.lists(_texts, min_size=1, max_size=6), st.randoms(use_true_random=False), st.data())
def test_no_text_is_missed_however_it_is_written(texts: list[str], chance: random.Random, data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from(texts))
    needles = needles_of([wanted])
    found = holding(*(spelled({"x": [it]}, chance).encode() for it in texts), needles=needles) if needles else None
    assert found is None or set(found) >= {place for place, it in enumerate(texts) if it == wanted}
