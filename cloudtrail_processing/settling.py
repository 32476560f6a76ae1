"""Carries verdicts out: deletes, visibility changes and dead letters, in tens, with every failed entry tried again."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import assert_never

from cloudtrail_processing.errors import CloudTrailProcessingError, ConfigurationError, TransientError
from cloudtrail_processing.flow import Delete, QueueMessage, Reject, Release, Retry, Verdict
from cloudtrail_processing.ports import BATCH, LONGEST_INVISIBLE, Clock, DeadLetters, EntryFailure, Letter, Queue
from cloudtrail_processing.processor import Failure, Stage
from cloudtrail_processing.progress import Progress, ProgressState
from cloudtrail_processing.retry import SETTLE, Backoff
from cloudtrail_processing.settlement import settle_copied

_LONGEST = LONGEST_INVISIBLE - 1
"""Seconds of invisibility asked for at most: SQS refuses more than 12 hours from the receive."""


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
    until: float
    settled: "asyncio.Future[Settled]"
    letter: Letter | None = None
    attempts: int = 0


class Settling:
    """Collects verdicts and carries them out in batches. ``run`` must be running."""

    def __init__(
        self,
        queue: Queue,
        *,
        clock: Clock,
        progress: Progress,
        on_failure: Callable[[Failure], None],
        linger: float = 0.1,
        attempts: int = 6,
        backoff: Backoff = SETTLE,
        dead_letters: DeadLetters | None = None,
    ) -> None:
        """A batch waits ``linger`` seconds to fill up; an entry is tried ``attempts`` times, then ``on_failure``.

        Without ``dead_letters`` rejected messages stay in their queue.
        """
        self._queue = queue
        self._clock = clock
        self._progress = progress
        self._on_failure = on_failure
        self._linger = linger
        self._attempts = attempts
        self._backoff = backoff
        self._dead_letters = dead_letters
        self._waiting: list[_Entry] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()
        self.waiting = 0
        """Verdicts that have not taken effect yet."""

    async def settle(self, message: QueueMessage, verdict: Verdict, *, until: float = math.inf) -> Settled:
        """Return when the verdict took effect, or could not be made to.

        ``until`` is when SQS would end the message's invisibility for good, in the clock's monotonic seconds.
        """
        return await self._carry_out(_Entry(message, verdict, until, asyncio.get_running_loop().create_future()))

    @property
    def copies(self) -> bool:
        """True when rejected messages are sent to a dead-letter queue."""
        return self._dead_letters is not None

    async def copy(self, message: QueueMessage, reject: Reject) -> Delete | Reject:
        """Send a rejected message to the dead-letter queue; return the verdict that is left to carry out.

        It is ``Delete`` when the copy was confirmed, else, and without a dead-letter queue, ``reject``. The message
        must stay invisible until then: whoever received it meanwhile would send it again.
        """
        if self._dead_letters is None:
            return reject
        letter = Letter(message, reject.error, reject.reason)
        future: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()
        sent = await self._carry_out(_Entry(message, reject, math.inf, future, letter))
        return settle_copied(reject, copied=sent.done)

    async def _carry_out(self, entry: _Entry) -> Settled:
        self._waiting.append(entry)
        self._arrived.set()
        self.waiting += 1
        try:
            return await entry.settled
        finally:
            self.waiting -= 1

    async def run(self) -> None:
        """Send batches, for ever. Cancel it when nothing waits any more: calls under way are cancelled too."""
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                if len(self._waiting) < BATCH:
                    await self._clock.sleep(self._linger)
                self._send_waiting()
        finally:
            calls = list(self._calls)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    def _send_waiting(self) -> None:
        entries, self._waiting = self._waiting, []
        # A message whose copying was cancelled is given back: another copy of it would be one too many.
        letters = [entry for entry in entries if entry.letter and not entry.settled.done()]
        deletes = [entry for entry in entries if isinstance(entry.verdict, Delete)]
        changes = [entry for entry in entries if not entry.letter and not isinstance(entry.verdict, Delete)]
        for batch, send in [(deletes, self._delete), (changes, self._change), (letters, self._post)]:
            for start in range(0, len(batch), BATCH):
                call = asyncio.create_task(self._call(batch[start : start + BATCH], send))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)

    async def _call(
        self, entries: Sequence[_Entry], send: Callable[[Sequence[_Entry]], Awaitable[Sequence[EntryFailure]]]
    ) -> None:
        error: Exception | None = None
        try:
            failures = {failure.message.receipt: failure for failure in await send(entries)}
        except Exception as caught:  # noqa: BLE001 - whatever happened, every entry must be tried again or given up
            error = caught
            reason = f"{type(error).__name__}: {error}"
            failures = {entry.message.receipt: EntryFailure(entry.message, reason) for entry in entries}
        again = [entry for entry in entries if not self._finish(entry, failures.get(entry.message.receipt), error)]
        if again:
            await self._clock.sleep(self._backoff.delay(again[0].attempts))
            self._waiting += again
            self._arrived.set()

    def _finish(self, entry: _Entry, failure: EntryFailure | None, error: Exception | None) -> bool:
        """Resolve an entry that needs no further try. ``error`` is why the whole call failed, if it did."""
        entry.attempts += 1
        if failure and not failure.gone and entry.attempts < self._attempts:
            return False
        if failure:
            self._on_failure(Failure(Stage.SETTLE, _given_up(entry, failure.reason, error), message=entry.message))
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
        now = self._clock.monotonic()
        changes = [
            (entry.message, seconds_hidden(entry.verdict, longest=entry.until - now - 1))
            for entry in entries
            if not isinstance(entry.verdict, Delete)
        ]
        return await self._queue.change_visibility(changes)

    async def _post(self, entries: Sequence[_Entry]) -> Sequence[EntryFailure]:
        if self._dead_letters is None:
            raise ConfigurationError("there is no dead-letter queue")
        unsent = await self._dead_letters.post([entry.letter for entry in entries if entry.letter])
        return [EntryFailure(one.letter.message, one.reason) for one in unsent]


def seconds_hidden(verdict: Retry | Reject | Release, *, longest: float = math.inf) -> int:
    """How many whole seconds a message that is not deleted stays invisible: ``longest`` and what SQS allows at most."""
    match verdict:
        case Retry(after) | Reject(after) | Release(after=after):
            most = max(0, math.floor(min(longest, _LONGEST)))
            return most if math.isnan(after) or after > most else math.ceil(max(after, 0))
        case unreachable:
            assert_never(unreachable)


def _given_up(entry: _Entry, reason: str, error: Exception | None) -> CloudTrailProcessingError:
    """``error`` is why the whole last call failed, if it did."""
    kind = ConfigurationError if isinstance(error, ConfigurationError) else TransientError
    tries = f"in {entry.attempts} tries: {reason}"
    if entry.letter:
        what = f"be sent to the dead-letter queue {tries}"
        after = "it stays in its own queue and is sent again when it comes back; see whether this worker may send there"
    else:
        what = f"be settled ({type(entry.verdict).__name__.lower()}) {tries}"
        after = "it comes back when its visibility timeout is over"
    given_up = kind(f"message {entry.message.message_id} could not {what}; {after}")
    given_up.__cause__ = None if isinstance(error, CloudTrailProcessingError) else error
    return given_up


def _state(entry: _Entry) -> ProgressState:
    filtered = isinstance(entry.verdict, Delete) and entry.verdict.filtered
    return ProgressState.DELETE_FILTERED_MESSAGE if filtered else ProgressState.DELETE_MESSAGE
