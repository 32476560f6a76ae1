"""Carries verdicts out: deletes and visibility changes, in tens, with every failed entry tried again."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import assert_never

from cloudtrail_processing.errors import TransientError
from cloudtrail_processing.flow import Delete, QueueMessage, Reject, Release, Retry, Verdict
from cloudtrail_processing.ports import Clock, EntryFailure, Queue
from cloudtrail_processing.progress import Progress, ProgressState
from cloudtrail_processing.retry import SETTLE, Backoff

logger = logging.getLogger(__name__)

BATCH = 10
"""Entries in one SQS batch call."""
LONGEST_DELAY = 41_000
"""Seconds of invisibility asked for at most: SQS allows 12 hours from the receive, and work has taken some of it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A message whose verdict took effect, or was given up: then it comes back when its visibility time is over."""

    message: QueueMessage
    verdict: Verdict
    done: bool


@dataclass(slots=True)
class _Entry:
    message: QueueMessage
    verdict: Verdict
    settled: "asyncio.Future[Settled]"
    attempts: int = 0
    not_before: float = 0.0


class Settling:
    """Collects verdicts and carries them out in batches. ``run`` must be running."""

    def __init__(
        self,
        queue: Queue,
        *,
        clock: Clock,
        progress: Progress,
        linger: float = 0.1,
        attempts: int = 6,
        backoff: Backoff = SETTLE,
    ) -> None:
        """A batch waits ``linger`` seconds to fill up; an entry is tried ``attempts`` times."""
        self._queue = queue
        self._clock = clock
        self._progress = progress
        self._linger = linger
        self._attempts = attempts
        self._backoff = backoff
        self._waiting: list[_Entry] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()

    async def settle(self, message: QueueMessage, verdict: Verdict) -> Settled:
        """Return when the verdict took effect, or could not be made to."""
        entry = _Entry(message, verdict, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        self._arrived.set()
        return await entry.settled

    async def run(self) -> None:
        """Send batches, for ever. Cancel it when nothing waits any more."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            if len(self._waiting) < BATCH:
                await self._clock.sleep(self._linger)
            self._send_waiting()

    def _send_waiting(self) -> None:
        entries, self._waiting = self._waiting, []
        deletes = [entry for entry in entries if isinstance(entry.verdict, Delete)]
        changes = [entry for entry in entries if not isinstance(entry.verdict, Delete)]
        for batch, send in [(deletes, self._delete), (changes, self._change)]:
            for start in range(0, len(batch), BATCH):
                call = asyncio.create_task(self._call(batch[start : start + BATCH], send))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)

    async def _call(
        self, entries: Sequence[_Entry], send: Callable[[Sequence[_Entry]], Awaitable[Sequence[EntryFailure]]]
    ) -> None:
        try:
            failures = {failure.message.receipt: failure for failure in await send(entries)}
        except Exception as error:  # noqa: BLE001 - whatever happened, every entry must be tried again or given up
            reason = f"{type(error).__name__}: {error}"
            failures = {entry.message.receipt: EntryFailure(entry.message, reason) for entry in entries}
        again = [entry for entry in entries if not self._finish(entry, failures.get(entry.message.receipt))]
        if again:
            await self._clock.sleep(self._backoff.delay(again[0].attempts))
            self._waiting += again
            self._arrived.set()

    def _finish(self, entry: _Entry, failure: EntryFailure | None) -> bool:
        """Resolve an entry that needs no further try."""
        entry.attempts += 1
        if failure and not failure.gone and entry.attempts < self._attempts:
            return False
        if failure:
            logger.warning(
                "message %s could not be settled (%s): %s; it comes back when its visibility timeout is over",
                entry.message.message_id,
                type(entry.verdict).__name__.lower(),
                failure.reason,
            )
        if not entry.settled.done():
            entry.settled.set_result(Settled(entry.message, entry.verdict, done=failure is None))
        return True

    async def _delete(self, entries: Sequence[_Entry]) -> Sequence[EntryFailure]:
        with ExitStack() as stack:
            steps = {
                entry.message.receipt: stack.enter_context(self._progress.step(_state(entry), message=entry.message))
                for entry in entries
            }
            failures = await self._queue.delete([entry.message for entry in entries])
            for failure in failures:
                steps[failure.message.receipt].result(succeeded=False, error=TransientError(failure.reason))
        return failures

    async def _change(self, entries: Sequence[_Entry]) -> Sequence[EntryFailure]:
        verdicts = [(entry.message, entry.verdict) for entry in entries]
        changes = [
            (message, seconds_hidden(verdict)) for message, verdict in verdicts if not isinstance(verdict, Delete)
        ]
        return await self._queue.change_visibility(changes)


def seconds_hidden(verdict: Retry | Reject | Release) -> int:
    """How many whole seconds a message that is not deleted stays invisible, within what SQS allows."""
    match verdict:
        case Retry(after) | Reject(after):
            return math.ceil(min(max(after, 0), LONGEST_DELAY)) if math.isfinite(after) else LONGEST_DELAY
        case Release():
            return 0
        case unreachable:
            assert_never(unreachable)


def _state(entry: _Entry) -> ProgressState:
    filtered = isinstance(entry.verdict, Delete) and entry.verdict.filtered
    return ProgressState.DELETE_FILTERED_MESSAGE if filtered else ProgressState.DELETE_MESSAGE
