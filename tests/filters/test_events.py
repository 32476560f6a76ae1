from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters.events import EventFilter, event_filter
from cloudtrail_processing.filters.header import Header
from cloudtrail_processing.filters.matching import opposite
from cloudtrail_processing.flow import LogObject

EVENT = CloudTrailEvent.from_json('{"eventName":"DeleteUser","errorCode":"AccessDenied"}')
LOG = LogObject("b", "k")
HEADER = Header()


class Fixed(EventFilter):
    """Says at each stage what it is told to say."""

    def __init__(self, on_log: bool | None, on_header: bool | None, on_event: bool) -> None:
        self._answers = (on_log, on_header, on_event)

    def on_log(self, log: LogObject) -> bool | None:
        return self._answers[0]

    def on_header(self, header: Header) -> bool | None:
        return self._answers[1]

    def on_event(self, event: CloudTrailEvent) -> bool:
        return self._answers[2]


def answers(wanted: EventFilter) -> tuple[bool | None, bool | None, bool]:
    return wanted.on_log(LOG), wanted.on_header(HEADER), wanted.on_event(EVENT)


@st.composite
def _truthful(draw: st.DrawFn) -> EventFilter:
    """A combination of filters each of which knows its answer from some stage on and never changes it."""
    answer, known_from = draw(st.tuples(st.booleans(), st.integers(0, 2)))
    wanted: EventFilter = Fixed(answer if known_from == 0 else None, answer if known_from < 2 else None, answer)
    return ~wanted if draw(st.booleans()) else wanted


_combined = st.recursive(
    _truthful(),
    lambda inner: (
        st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1])
        | st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1])
        | inner.map(lambda wanted: ~wanted)
    ),
    max_leaves=8,
)


@given(_combined)
def test_an_early_answer_of_any_combination_is_the_last_answer_too(wanted: EventFilter) -> None:
    on_log, on_header, on_event = answers(wanted)
    assert on_log in (None, on_event)
    assert on_header in (None, on_event)


@pytest.mark.parametrize(("first", "second"), list(product([True, False, None], repeat=2)))
def test_every_stage_combines_on_its_own(first: bool | None, second: bool | None) -> None:
    one, two = Fixed(first, second, True), Fixed(second, first, False)
    assert answers(one & two)[:2] == answers(two & one)[:2]
    assert answers(one | two)[:2] == tuple(opposite(answer) for answer in answers(~one & ~two)[:2])
    assert (answers(one & two)[2], answers(one | two)[2], answers(~one)[2]) == (False, True, False)


def test_a_callable_is_asked_with_the_whole_event_only() -> None:
    asked: list[CloudTrailEvent] = []

    def mine(event: CloudTrailEvent) -> str | None:
        asked.append(event)
        return event.error_code

    wanted = event_filter(mine)
    assert (wanted.on_log(LOG), wanted.on_header(HEADER), asked) == (None, None, [])
    assert wanted.on_event(EVENT) is True
    assert asked == [EVENT]


def test_a_callable_combines_and_is_not_asked_when_the_other_side_has_decided() -> None:
    def never(_: CloudTrailEvent) -> bool:
        raise AssertionError("asked in vain")

    assert answers(Fixed(False, False, False) & never) == (False, False, False)
    assert answers(Fixed(True, True, True) | never) == (True, True, True)


def test_an_error_of_a_callable_goes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        event_filter(lambda _: 1 / 0).on_event(EVENT)


def test_a_filter_is_taken_as_it_is() -> None:
    assert event_filter(wanted := Fixed(None, None, True)) is wanted


async def _async(_: CloudTrailEvent) -> bool:
    return False


@pytest.mark.parametrize("wanted", [_async, Fixed, "event_name=x", 5, None])
def test_what_could_not_answer_is_refused(wanted: Any) -> None:
    with pytest.raises(SettingsError, match="event filter"):
        event_filter(wanted)


def test_a_combination_shows_what_it_is_made_of() -> None:
    def mine(_: CloudTrailEvent) -> bool:
        return True

    function: Callable[[CloudTrailEvent], bool] = mine
    assert repr(~(event_filter(function) & function) | function) == "(~(mine & mine) | mine)"
