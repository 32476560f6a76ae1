"""Messages in hand: each from its lease to its verdict in effect, as many at once as were received."""

import asyncio
import functools
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Protocol

from cloudtrail_processing.errors import Unproven
from cloudtrail_processing.flow import Delete, Handled, QueueMessage, Reject, Release, Retry, Verdict
from cloudtrail_processing.leases import Lease, Leases
from cloudtrail_processing.letters import in_time
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.settlement import settle
from cloudtrail_processing.settling import Settling

logger = logging.getLogger(__name__)

UNSETTLED = 100
"""Verdicts that may wait to take effect while more is received: when deletes fail, memory must not fill up."""


class Handle(Protocol):
    """The data plane: what becomes of everything that one message names. Called in threads; never raises."""

    def __call__(self, message: QueueMessage, *, keep_going: Callable[[], None]) -> Handled:
        """``keep_going`` raises ``Stopped`` or ``LeaseLost`` when the work must end."""
        ...


class Work:
    """Everything in hand. What is received while ``stopping`` is set, or not begun by then, goes back untouched."""

    def __init__(
        self,
        handle: Handle,
        *,
        pool: Executor,
        leases: Leases,
        settling: Settling,
        delays: Backoff,
        denied: Backoff,
        stopping: asyncio.Event,
        give_back: Callable[[], None],
        on_handled: Callable[[Handled], None],
        on_broken: Callable[[BaseException, str], None],
    ) -> None:
        """``delays`` and ``denied`` hide what failed, by its receive count; ``denied`` what waits for an operator.

        ``give_back`` returns one permit to the intake; ``on_handled`` is told what became of each message's logs before
        that; ``on_broken`` must end the worker.
        """
        self._handle = handle
        self._pool = pool
        self._leases = leases
        self._settling = settling
        self._delays = delays
        self._denied = denied
        self._stopping = stopping
        self._give_back = give_back
        self._on_handled = on_handled
        self._on_broken = on_broken
        self._at_work: set[Lease] = set()
        self.retention: float | None = None
        """Seconds after which the queue drops a message, once that is known."""
        self.polls_end = -math.inf
        """When the last poll that was open at the stop is over, in the clock's monotonic seconds."""
        self.tasks: set[asyncio.Task[None]] = set()
        """One for each unit in hand: a message, or messages of one FIFO group."""

    @property
    def is_stuck(self) -> bool:
        """True while any thread is at work on a message."""
        return bool(self._at_work)

    def accept(self, messages: Sequence[QueueMessage], asked: float) -> None:
        """Start work on what was received; messages of one FIFO group one after the other."""
        units: dict[str, list[Lease]] = {}
        for lease in self._leases.take(messages, asked=asked):
            units.setdefault(lease.message.group or lease.message.receipt, []).append(lease)
        for unit in units.values():
            task = asyncio.create_task(self._one_by_one(unit))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def abandon(self) -> None:
        """End the tasks that are left, and give back every message that has no verdict yet."""
        if self.tasks and self._settling.waiting:
            logger.warning(
                "%d message(s) could not be settled in time; they come back when their visibility timeout is over",
                self._settling.waiting,
            )
        await end(self.tasks)
        left = self._leases.working()
        for lease in left:
            logger.error("message %s: work on it does not end; it is given back", lease.message.message_id)
        await asyncio.gather(*(self._settle(lease, Release("the worker stops without it")) for lease in left))

    async def _one_by_one(self, unit: Sequence[Lease]) -> None:
        """Work on messages whose order matters: after the first that is not deleted, the rest goes back untouched."""
        in_order, not_begun = True, len(unit)
        try:
            for lease in unit:
                not_begun -= 1
                in_order = await self._work_on(lease, in_order=in_order)
        except Exception as error:  # noqa: BLE001 - a bug of ours: it is raised when the worker has ended
            self._on_broken(error, "work on a message")
        finally:
            for _ in range(not_begun):
                self._give_back()

    async def _work_on(self, lease: Lease, *, in_order: bool) -> bool:
        """Bring one message to its end; True when it was deleted."""
        has_permit = True
        try:
            verdict = await self._verdict(lease, in_order=in_order)
            if self._settling.waiting < UNSETTLED:
                self._give_back()
                has_permit = False
            return await self._settle(lease, verdict)
        finally:
            if has_permit:
                self._give_back()

    async def _verdict(self, lease: Lease, *, in_order: bool) -> Verdict:
        if self._stopping.is_set():
            return Release("the worker stops")
        if not in_order:
            return Release("an earlier message of its group is not settled")
        count = lease.message.receive_count
        delay = self._delays.delay(count)
        try:
            handled = await self._in_pool(lease)
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - the pool's, or a processor's way out
            self._on_broken(error, "the pool of threads")
            return Retry(after=delay, reason=f"the pool of threads failed: {type(error).__name__}")
        self._on_handled(handled)
        return settle(handled, delay=delay, denied=self._denied.delay(count))

    async def _in_pool(self, lease: Lease) -> Handled:
        """Work on one message in a thread. Only our own end may look like one: else the message stayed in hand."""
        work = functools.partial(self._in_thread, lease)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            raise RuntimeError("work on a message was cancelled, but not by the worker") from error

    def _in_thread(self, lease: Lease) -> Handled:
        self._at_work.add(lease)
        try:
            return self._handle(lease.message, keep_going=lease.check)
        finally:
            self._at_work.discard(lease)

    async def _settle(self, lease: Lease, verdict: Verdict) -> bool:
        """Carry the verdict out; True when the message was deleted.

        Whoever changes a visibility must be the only one, so the lease goes first then. A lost message is another's:
        it may still be deleted, as it was delivered, but not hidden or shown, and a copy of it is the other's affair.
        """
        verdict = self._out_of_reach(lease, self._in_time(lease, verdict))
        _log(lease, verdict, copies=self._settling.copies)
        if isinstance(verdict, Reject) and lease.is_ours:
            verdict = await self._settling.copy(lease.message, verdict)
        if isinstance(verdict, Delete):
            return await self._delete(lease, verdict)
        await self._leases.drop(lease)
        if lease.is_ours:
            await self._settling.settle(lease.message, verdict, until=lease.ends)
        return False

    def _out_of_reach(self, lease: Lease, verdict: Verdict) -> Verdict:
        """Keep what is given back at a stop hidden from polls that are still open, here and in processes beside us.

        Each of them would receive it and give it back, until its receive count makes a dead letter of it.
        """
        left = self.polls_end - lease.clock.monotonic()
        return replace(verdict, after=left) if isinstance(verdict, Release) and left > 0 else verdict

    def _in_time(self, lease: Lease, verdict: Verdict) -> Verdict:
        now, copies = lease.clock.now(), self._settling.copies
        verdict, concern = in_time(verdict, lease.message, now=now, retention=self.retention, copies=copies)
        if concern is not None:
            logger.error("%s", concern)
        return verdict

    async def _delete(self, lease: Lease, verdict: Delete) -> bool:
        lease.settling = True
        settled = await self._settling.settle(lease.message, verdict)
        await self._leases.drop(lease)
        if verdict.copied and settled.done:
            logger.info("message %s is settled: it lies in the dead-letter queue now", lease.message.message_id)
        return settled.done


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks and wait until they are over."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _log(lease: Lease, verdict: Verdict, *, copies: bool) -> None:
    name = lease.message.message_id
    if not lease.is_ours and not isinstance(verdict, Delete):
        logger.info("message %s is left alone: it is no longer ours", name)
        return
    match verdict:
        case Delete():
            logger.debug("message %s is settled", name)
        case Retry(after, reason):
            level = logging.INFO if _in_short(reason) == Unproven.__name__ else logging.WARNING
            logger.log(level, "message %s goes back for %.0f s: %s", name, after, _in_short(reason))
        case Reject(after, reason):
            fate = "is sent to the dead-letter queue" if copies else "stays in its queue"
            logger.error("message %s is rejected: %s; it %s", name, _in_short(reason), fate)
        case Release(reason, after):
            when = f"for {after:.0f} s" if after > 0 else "at once"
            logger.info("message %s is given back %s: %s", name, when, _in_short(reason))


def _in_short(reason: str) -> str:
    """The kind of failure: what exactly went wrong, and where, was logged when it happened."""
    return reason.partition(": ")[0]
