"""How long to wait, and when to stop trying: in place by tenacity, across deliveries by the receive count."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import tenacity

from cloudtrail_processing.errors import Claimed, LeaseLost, TransientError
from cloudtrail_processing.ports import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that double, or grow by ``growth``, from ``first`` seconds up to ``cap`` seconds.

    They are jittered, so that a crowd spreads out.
    """

    first: float
    cap: float
    growth: float = 2

    def delay(self, attempt: int, *, chance: Callable[[], float] = random.random) -> float:
        """Seconds to wait after the ``attempt``-th try (1 is the first): between half and all of the full delay.

        ``chance`` gives a number from 0 to 1; tests pass their own.
        """
        full = min(self.cap, self.first * float(self.growth) ** min(max(attempt, 1) - 1, 32))
        return full * (0.5 + chance() / 2)


GIVE_BACK = Backoff(first=30, cap=900)
"""How long a failed message stays invisible, by its receive count."""

DENIED = Backoff(first=300, cap=21_600, growth=8)
"""How long a message stays invisible that waits for an operator, by its receive count.

Five minutes, forty, and then about six hours: no message is received five times within six hours, and one that a
redrive policy gives five tries outlives a working day.
"""

PROBE = Backoff(first=5, cap=300)
"""How long until the next attempt to go on, after so many in vain."""

POLL = Backoff(first=0.5, cap=30)
"""How long a poller rests after failed calls in a row."""

SETTLE = Backoff(first=0.2, cap=10)
"""How long an entry waits whose delete or visibility change did not take effect, by its attempts."""


_NAP = 0.25  # seconds in which a waiting thread notices that its work must end


def is_worth_another_try(error: BaseException) -> bool:
    """True for errors that pass by themselves while a thread waits."""
    return isinstance(error, TransientError) and not isinstance(error, LeaseLost | Claimed)


def napping(before_nap: Callable[[], None], sleep: Callable[[float], None] = time.sleep) -> Callable[[float], None]:
    """A ``sleep`` of short naps; what ``before_nap`` raises ends it, as when the worker stops."""

    def wait(left: float) -> None:
        while left > 0:
            before_nap()
            sleep(min(left, _NAP))
            left -= _NAP

    return wait


def in_place(
    *,
    attempts: int,
    seconds: float,
    before_attempt: Callable[[], None],
    sleep: Callable[[float], None] = time.sleep,
    worth_it: Callable[[BaseException], bool] = is_worth_another_try,
) -> tenacity.Retrying:
    """A tenacity policy for errors that pass: full jitter, bounded in count and in time; then the error is raised.

    ``before_attempt`` runs before each try and all through each wait, and may raise to give up, as when the worker
    stops. ``sleep`` is called with a quarter of a second at most.
    """
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(worth_it),
        stop=tenacity.stop_after_attempt(attempts) | tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
        before=lambda _state: before_attempt(),
        sleep=napping(before_attempt, sleep),
        reraise=True,
    )


async def within(seconds: float, work: Awaitable[T], *, clock: Clock) -> T:
    """The result of ``work``; cancelled and a ``TimeoutError`` when it takes longer than ``seconds`` of the clock."""
    task, timer = asyncio.ensure_future(work), asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError(f"no answer within {seconds:.3g} s")
        return task.result()
    finally:
        task.cancel()
        timer.cancel()
        await asyncio.gather(task, timer, return_exceptions=True)


async def first_of(*waits: Awaitable[Any]) -> None:
    """Return when one of them is over; the others are cancelled, and over, too."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
