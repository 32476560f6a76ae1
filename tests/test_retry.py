"""Waits are bounded, spread out, and end early when the work must end."""

import asyncio
import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    CorruptLog,
    LeaseLost,
    LogGone,
    Stopped,
    TransientError,
)
from cloudtrail_processing.retry import DENIED, GIVE_BACK, POLL, SETTLE, Backoff, in_place, napping, within
from cloudtrail_processing.testing import ManualClock


@pytest.mark.parametrize("backoff", [GIVE_BACK, POLL, SETTLE])
@given(attempt=st.integers(-5, 10**9), chance=st.floats(0, 1))
def test_every_delay_lies_between_half_and_all_of_the_full_one(backoff: Backoff, attempt: int, chance: float) -> None:
    full = min(backoff.cap, backoff.first * 2.0 ** min(max(attempt - 1, 0), 40))
    assert full / 2 <= backoff.delay(attempt, chance=lambda: chance) <= full


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(first=1, cap=6)
    assert [backoff.delay(attempt, chance=lambda: 1) for attempt in range(1, 6)] == [1, 2, 4, 6, 6]


def test_a_delay_without_a_cap_worth_the_name_stays_a_number() -> None:
    assert Backoff(first=1, cap=math.inf).delay(10**9, chance=lambda: 1) == 2.0**32


def test_what_waits_for_an_operator_is_received_less_than_five_times_in_six_hours() -> None:
    """Even when every delay comes out as short as it can."""
    waits = [DENIED.delay(count, chance=lambda: 0) for count in range(1, 5)]
    assert sum(waits) > 6 * 3600
    assert [DENIED.delay(count, chance=lambda: 1) for count in range(1, 5)] == [300, 2400, 19_200, 21_600]


def test_two_workers_do_not_wait_equally_long() -> None:
    assert len({GIVE_BACK.delay(3) for _ in range(50)}) > 25


class Attempts:
    """A function that fails with ``errors`` in turn, then returns; ``waits`` are the seconds slept meanwhile."""

    def __init__(self, *errors: Exception, keep_going: Callable[[], None] = lambda: None) -> None:
        self._errors = iter(errors)
        self._keep_going = keep_going
        self.made = 0
        self.waits: list[float] = []

    def run(self, *, attempts: int = 4, seconds: float = 30) -> str:
        retrying = in_place(
            attempts=attempts, seconds=seconds, before_attempt=self._keep_going, sleep=self.waits.append
        )
        return retrying(self._attempt)

    def _attempt(self) -> str:
        self.made += 1
        error = next(self._errors, None)
        if error is not None:
            raise error
        return "done"


def test_transient_errors_are_tried_again() -> None:
    attempts = Attempts(TransientError("a"), TransientError("b"))
    assert attempts.run() == "done"
    assert attempts.made == 3


def test_attempts_are_bounded_and_the_last_error_is_raised() -> None:
    attempts = Attempts(*(TransientError(str(number)) for number in range(10)))
    with pytest.raises(TransientError, match=r"^3$"):
        attempts.run(attempts=4)
    assert attempts.made == 4


def test_attempts_are_bounded_in_time() -> None:
    attempts = Attempts(*(TransientError(str(number)) for number in range(10)))
    with pytest.raises(TransientError, match=r"^0$"):
        attempts.run(seconds=0)


@pytest.mark.parametrize("error", [ConfigurationError("c"), LogGone("g"), CorruptLog("x"), LeaseLost("l"), KeyError()])
def test_what_waiting_does_not_cure_is_raised_at_once(error: Exception) -> None:
    attempts = Attempts(error)
    with pytest.raises(type(error)):
        attempts.run()
    assert (attempts.made, attempts.waits) == (1, [])


@pytest.mark.parametrize("reason", [Stopped("stop"), LeaseLost("lost")], ids=["Stopped", "LeaseLost"])
def test_work_that_must_end_is_not_attempted(reason: CloudTrailProcessingError) -> None:
    def refuse() -> None:
        raise reason

    attempts = Attempts(keep_going=refuse)
    with pytest.raises(type(reason)):
        attempts.run()
    assert attempts.made == 0


def test_a_wait_ends_soon_after_the_work_must_end() -> None:
    """A worker that stops has only seconds: no thread may sleep through them."""
    asked = itertools.count()

    def stop_during_the_first_wait() -> None:
        if next(asked) == 2:
            raise Stopped("stop")

    attempts = Attempts(*itertools.repeat(TransientError("down"), 10), keep_going=stop_during_the_first_wait)
    with pytest.raises(Stopped):
        attempts.run(attempts=10)
    assert sum(attempts.waits) <= 0.5


def test_no_single_sleep_is_longer_than_a_stopping_worker_can_wait_for() -> None:
    attempts = Attempts(*itertools.repeat(TransientError("down"), 9))
    with pytest.raises(TransientError):
        attempts.run(attempts=9, seconds=1000)
    assert max(attempts.waits) <= 0.25


def test_waits_are_jittered_over_all_of_a_window_that_doubles_from_a_fifth_of_a_second_to_five_seconds() -> None:
    """A crowd of workers that lost S3 at once must not come back at once."""
    waited: list[list[float]] = [[] for _ in range(9)]
    for _ in range(60):
        attempts = Attempts(*itertools.repeat(TransientError("down"), 10))
        retrying = in_place(attempts=10, seconds=1000, before_attempt=lambda: None, sleep=attempts.waits.append)
        retrying = retrying.copy(
            before_sleep=lambda state: waited[state.attempt_number - 1].append(state.upcoming_sleep)
        )
        with pytest.raises(TransientError):
            retrying(attempts._attempt)
    for number, waits in enumerate(waited):
        window = min(5.0, 0.2 * 2**number)
        assert window * 0.7 < max(waits) <= window
        assert min(waits) < window * 0.3


def test_a_wait_is_slept_to_its_end_in_naps() -> None:
    naps: list[float] = []
    napping(lambda: None, naps.append)(1.1)
    assert naps == pytest.approx([0.25, 0.25, 0.25, 0.25, 0.1])
    naps.clear()
    napping(lambda: None, naps.append)(0.5)
    assert naps == [0.25, 0.25]


@pytest.mark.parametrize("error", [TransientError("t"), KeyError("k")])
def test_what_is_worth_another_try_is_for_the_caller_to_say(error: Exception) -> None:
    attempts = Attempts(error)
    retrying = in_place(
        attempts=3,
        seconds=30,
        before_attempt=lambda: None,
        sleep=attempts.waits.append,
        worth_it=lambda found: isinstance(found, KeyError),
    )
    if isinstance(error, KeyError):
        assert retrying(attempts._attempt) == "done"
    else:
        with pytest.raises(TransientError):
            retrying(attempts._attempt)


def test_delays_grow_as_fast_as_was_said() -> None:
    backoff = Backoff(first=1, cap=100, growth=8)
    assert [backoff.delay(attempt, chance=lambda: 1) for attempt in range(1, 5)] == [1, 8, 64, 100]


# ── a bound on time ──


def test_what_takes_too_long_is_cancelled() -> None:
    cancelled: list[bool] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    async def case() -> None:
        clock = ManualClock()
        waiting = asyncio.ensure_future(within(5, hang(), clock=clock))
        await clock.elapse(4.9)
        assert not waiting.done()
        await clock.elapse(0.1)
        with pytest.raises(TimeoutError, match="within 5 s"):
            await waiting

    asyncio.run(case())
    assert cancelled == [True]


def test_what_is_quick_enough_gives_its_result_or_its_error_and_leaves_no_task() -> None:
    async def answer(value: int) -> int:
        if value < 0:
            raise ValueError(value)
        return value

    async def case() -> None:
        clock = ManualClock()
        assert await within(5, answer(7), clock=clock) == 7
        with pytest.raises(ValueError, match="-1"):
            await within(5, answer(-1), clock=clock)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(case())


def test_nothing_is_left_running_when_the_time_is_over() -> None:
    """Work that takes its time to be cancelled is waited for, and so is the clock."""
    ended: list[str] = []

    async def slow_to_end(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            ended.append(name)

    class OddClock(ManualClock):
        async def sleep(self, seconds: float) -> None:
            if seconds:
                await slow_to_end("clock")

    async def quick() -> None:
        return

    async def case() -> None:
        await within(5, quick(), clock=OddClock())
        assert ended == ["clock"]
        with pytest.raises(TimeoutError):
            await within(0, slow_to_end("work"), clock=OddClock())

    asyncio.run(case())
    assert ended == ["clock", "work"]
