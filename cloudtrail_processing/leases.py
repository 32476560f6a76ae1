"""Leases on messages: kept from receive to final settle, extended in batches at a third of the visibility time."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloudtrail_processing.errors import LeaseLost, Stopped
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.ports import BATCH, LONGEST_INVISIBLE, Clock, Queue
from cloudtrail_processing.retry import within

logger = logging.getLogger(__name__)

_RAN_OUT = "its visibility timeout ran out before it could be extended"


@dataclass(eq=False, slots=True)
class Lease:
    """Our right to work on one received message, until it is settled, lost or given up.

    ``check`` and ``is_ours`` may be asked from any thread. Times are the clock's monotonic seconds.
    """

    message: QueueMessage
    clock: Clock
    received: float
    expires: float
    due: float
    lost: str | None = None
    stopped: bool = False
    settling: bool = False

    @property
    def ends(self) -> float:
        """When SQS ends it, however often it was extended."""
        return self.received + LONGEST_INVISIBLE

    @property
    def is_ours(self) -> bool:
        """False once the receipt is gone, or the time is over and nobody has extended it."""
        return self.lost is None and self.clock.monotonic() < self.expires

    def check(self) -> None:
        """Return when work may go on; raise ``LeaseLost`` or ``Stopped`` when it must end before the next batch."""
        if not self.is_ours:
            why = self.lost or _RAN_OUT
            raise LeaseLost(f"message {self.message.message_id} is no longer ours: {why}; it will come again")
        if self.stopped:
            raise Stopped(f"message {self.message.message_id} was given back, because the worker stops")


class Leases:
    """All leases of a worker, and the one task that keeps them alive."""

    def __init__(
        self, queue: Queue, *, visibility: int, clock: Clock, chance: Callable[[], float] = random.random
    ) -> None:
        """``visibility`` is in seconds; ``chance`` gives a number from 0 to 1 for the jitter."""
        self._queue = queue
        self._visibility = visibility
        self._clock = clock
        self._chance = chance
        self._open: set[Lease] = set()
        self._calls: dict[Lease, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def take(self, messages: Sequence[QueueMessage], *, asked: float) -> list[Lease]:
        """Open a lease for each message; ``asked`` is when the receive call was sent.

        SQS starts the visibility time somewhere between question and answer. The first extension is planned from the
        question, which is safe; the loss is declared from the answer, or a long poll would eat up short leases.
        """
        now = self._clock.monotonic()
        due = asked + self._interval()
        expires = now + self._visibility
        leases = [Lease(message, self._clock, received=now, expires=expires, due=due) for message in messages]
        self._open.update(leases)
        return leases

    async def drop(self, lease: Lease) -> None:
        """Stop extending a lease, and return only when no running extension can still reach its message."""
        self._open.discard(lease)
        if call := self._calls.get(lease):
            await asyncio.wait({call})

    def stop_work(self) -> None:
        """Make ``check`` raise ``Stopped`` on every lease that is open now."""
        for lease in self._open:
            lease.stopped = True

    def working(self) -> list[Lease]:
        """The leases whose messages have no verdict yet."""
        return [lease for lease in self._open if not lease.settling]

    async def keep(self) -> None:
        """Extend what is due, for ever. Cancel it to end it."""
        while True:
            await self._clock.sleep(self._visibility / 20)
            await self.extend_due()

    async def extend_due(self) -> None:
        """Extend every lease that is due now, ten in a call; declare those lost that ran out or are gone."""
        for lease in self._open:
            if lease.lost is None and not lease.is_ours:
                _lose(lease, _RAN_OUT)
        now = self._clock.monotonic()
        due = sorted((lease for lease in self._open if lease.due <= now and not lease.lost), key=lambda it: it.due)
        changes = [(lease, seconds) for lease in due if (seconds := self._seconds_left(lease, now)) > 0]
        batches = [changes[start : start + BATCH] for start in range(0, len(changes), BATCH)]
        calls = [self._begin(batch) for batch in batches]
        await asyncio.gather(*calls)

    def _begin(self, changes: Sequence[tuple[Lease, int]]) -> "asyncio.Task[None]":
        call = asyncio.create_task(self._extend(changes))
        leases = [lease for lease, _ in changes]
        self._calls.update(dict.fromkeys(leases, call))
        call.add_done_callback(lambda _: [self._calls.pop(lease, None) for lease in leases])
        return call

    async def _extend(self, changes: Sequence[tuple[Lease, int]]) -> None:
        asked = self._clock.monotonic()
        try:
            call = self._queue.change_visibility([(lease.message, seconds) for lease, seconds in changes])
            # Others become due meanwhile: a call that hangs must leave them, and a further try, enough time.
            failures = await within(self._visibility / 6, call, clock=self._clock)
        except Exception as error:  # noqa: BLE001 - leases must outlive whatever one call met
            name = type(error).__name__
            logger.warning("cannot extend %d message(s), will try again: %s: %s", len(changes), name, error)
            return
        failed = {failure.message.receipt: failure for failure in failures}
        for lease, seconds in changes:
            failure = failed.get(lease.message.receipt)
            if failure is None:
                lease.expires, lease.due = asked + seconds, asked + self._interval()
            elif failure.gone:
                _lose(lease, failure.reason)

    def _interval(self) -> float:
        return self._visibility / 3 * (0.8 + 0.2 * self._chance())

    def _seconds_left(self, lease: Lease, now: float) -> int:
        return min(self._visibility, int(lease.ends - now) - 1)


def _lose(lease: Lease, reason: str) -> None:
    if lease.settling:
        return  # its delete may already have taken effect, and then no receipt is left to extend
    lease.lost = reason
    logger.warning("message %s is no longer ours: %s; it will be delivered again", lease.message.message_id, reason)
