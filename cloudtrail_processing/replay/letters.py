"""A dead-letter queue as a worker may see it: each letter once, only those asked for, all others left as they are."""

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.letters import ERROR
from cloudtrail_processing.ports import BATCH, EntryFailure, Queue, QueueInfo

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""The error class of a letter that does not tell its own, as those that SQS's redrive policy moved."""


def error_of(message: QueueMessage) -> str:
    """The class name of what went wrong with a dead letter."""
    return message.attributes.get(ERROR, UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Met:
    """A letter that was received in this run; ``message`` has its latest receipt, and no body."""

    message: QueueMessage
    error: str
    asked: bool


class Letters:
    """A ``ports.Queue`` on a dead-letter queue, for one run.

    A letter whose error class is not among ``errors`` is received and held back; without ``errors`` all are asked for.
    None is handed out twice, so a letter that is rejected again ends the run instead of coming round for ever.
    ``release`` at the end shows again whatever was not deleted.
    """

    def __init__(self, queue: Queue, *, errors: Collection[str] = ()) -> None:
        self._queue = queue
        self._errors = frozenset(errors)
        self._met: dict[str, _Met] = {}
        self._deleted: set[str] = set()

    async def receive(self, *, limit: int, wait: float, visibility: int) -> Sequence[QueueMessage]:
        """Letters that are asked for and new; none only when the queue has no more, or the same ones again."""
        while found := await self._queue.receive(limit=limit, wait=wait, visibility=visibility):
            new = [message for message in found if message.message_id not in self._met]
            self._meet(found)
            asked = [message for message in new if self._met[message.message_id].asked]
            if asked or not new:
                return asked
        return ()

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[EntryFailure]:
        """Delete, and note what was deleted."""
        failures = await self._queue.delete(messages)
        failed = {failure.message.message_id for failure in failures}
        self._deleted.update(message.message_id for message in messages if message.message_id not in failed)
        return failures

    async def change_visibility(self, changes: Sequence[tuple[QueueMessage, int]]) -> Sequence[EntryFailure]:
        """As the queue's own."""
        return await self._queue.change_visibility(changes)

    async def info(self) -> QueueInfo:
        """As the queue's own, but where its messages go at their end is no concern: here they are at it."""
        return replace(await self._queue.info(), dead_letter_arn="", max_receive_count=None, retention=None)

    async def release(self) -> None:
        """Show every letter again that was received and not deleted; what that fails for comes back by itself."""
        left = [met.message for name, met in self._met.items() if name not in self._deleted]
        for start in range(0, len(left), BATCH):
            batch = left[start : start + BATCH]
            try:
                failures = await self._queue.change_visibility([(message, 0) for message in batch])
            except CloudTrailProcessingError as error:
                _come_back_later(len(left) - start, error)
                return
            if stuck := [failure for failure in failures if not failure.gone]:
                _come_back_later(len(stuck), stuck[0].reason)

    @property
    def asked(self) -> dict[str, str]:
        """The letters that were handed out: their error classes by their message ids."""
        return {name: met.error for name, met in self._met.items() if met.asked}

    @property
    def left_out(self) -> Counter[str]:
        """How many letters were not asked for, by error class."""
        return Counter(met.error for met in self._met.values() if not met.asked)

    @property
    def deleted(self) -> int:
        """How many were deleted."""
        return len(self._deleted)

    @property
    def kept(self) -> list[str]:
        """The message ids of those that were handed out and not deleted."""
        return [name for name in self.asked if name not in self._deleted]

    def _meet(self, messages: Sequence[QueueMessage]) -> None:
        for message in messages:
            error = error_of(message)
            slim = replace(message, body="", attributes={})
            self._met[message.message_id] = _Met(slim, error, not self._errors or error in self._errors)


def _come_back_later(count: int, why: object) -> None:
    logger.warning(
        "%d dead letter(s) could not be shown again: %s; they come back when their visibility timeout is over",
        count,
        why,
    )
