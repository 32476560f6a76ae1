"""Dead letters once more: a worker drains their queue, and deletes only what was delivered."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from cloudtrail_processing.app import build
from cloudtrail_processing.aws.queue import SqsQueue
from cloudtrail_processing.errors import ProcessorError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.idle import EMPTY_POLLS
from cloudtrail_processing.letters import REASON
from cloudtrail_processing.parts import Parts, Processors, aws_options
from cloudtrail_processing.ports import BATCH
from cloudtrail_processing.progress import LoggingReporter, ProgressReporter, ProgressState, ProgressStatus, Reporters
from cloudtrail_processing.replay.letters import Letters, error_of
from cloudtrail_processing.replay.preview import Preview
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.worker import Worker


@dataclass(frozen=True, slots=True)
class LettersReplayed:
    """What became of the dead letters: ``delivered`` and deleted, or ``kept``: why, in one line, by message id.

    ``left_out`` counts those that were not asked for, by error class.
    """

    delivered: int
    kept: Mapping[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def replay_letters(
    processors: Processors | None,
    url: str,
    *,
    errors: Collection[str] = (),
    settings: Settings | None = None,
    parts: Parts | None = None,
    drain: Callable[[Worker], Awaitable[object]] = Worker.drain,
    **values: Any,
) -> LettersReplayed:
    """Have a worker process the messages of a dead-letter queue, as it would have in their own queue.

    ``errors`` are the error classes that are asked for, as the letters tell them (``CorruptLog``), ``unknown`` being
    those that tell none; without, all are. What was delivered, or deliberately skipped, is deleted from the queue at
    ``url``. Any other letter stays there, is tried once at most, is sent nowhere, and is visible again at the end. A
    checkpoint counts as ever: what was delivered of a log in vain attempts does not come again.

    Each look at a letter raises its receive count, which matters only if the dead-letter queue has a redrive policy
    of its own. In a FIFO queue the letters of a group wait behind one that stays. ``parts.queue`` stands for the queue
    at ``url``; ``drain`` is how the worker is run, for tests. Raises as ``Worker.drain`` does.
    """
    usual = Settings.of(settings, **values)
    return asyncio.run(_replay(processors, url, errors=errors, settings=usual, parts=parts or Parts(), drain=drain))


def preview_letters(
    url: str,
    *,
    errors: Collection[str] = (),
    settings: Settings | None = None,
    parts: Parts | None = None,
    most: int = 20,
    **values: Any,
) -> Preview:
    """What lies in the dead-letter queue, counted by error class, with the ``most`` first letters that are asked for.

    Every letter is received once and shown again, which raises its receive count. Raises what the queue raises.
    """
    usual = Settings.of(settings, **values)
    return asyncio.run(_preview(url, errors=errors, settings=usual, parts=parts or Parts(), most=most))


async def _replay(
    processors: Processors | None,
    url: str,
    *,
    errors: Collection[str],
    settings: Settings,
    parts: Parts,
    drain: Callable[[Worker], Awaitable[object]],
) -> LettersReplayed:
    reasons = _Reasons()
    reporter = Reporters(LoggingReporter() if parts.reporter is None else parts.reporter, reasons)
    usual = settings.model_copy(update={"queue_url": url, "dead_letter_url": None})
    async with _letters(url, errors=errors, settings=settings, parts=parts) as letters:
        chosen = replace(parts, queue=letters, reporter=reporter, dead_letters=None)
        async with build(processors, settings=usual, parts=chosen) as worker:
            await drain(worker)
        if worker.stuck:
            raise ProcessorError(worker.why_stuck)
    kept = {name: reasons.by_message.get(name, "it was given back") for name in letters.kept}
    return LettersReplayed(letters.deleted, kept, letters.left_out)


async def _preview(url: str, *, errors: Collection[str], settings: Settings, parts: Parts, most: int) -> Preview:
    rows: list[tuple[str, tuple[str, ...]]] = []
    async with _letters(url, errors=errors, settings=settings, parts=parts) as letters:
        empty = 0
        while empty < EMPTY_POLLS:
            wait, visibility = min(1, settings.wait_time), settings.visibility_timeout
            found = await letters.receive(limit=BATCH, wait=wait, visibility=visibility)
            empty = 0 if found else empty + 1
            rows += [(error_of(message), _row(message) if len(rows) < most else ()) for message in found]
    columns = ("message", "error", "sent (UTC)", "reason")
    preview = Preview.of(rows, counted="error", columns=columns, most=most)
    return replace(preview, left_out=letters.left_out)


@asynccontextmanager
async def _letters(url: str, *, errors: Collection[str], settings: Settings, parts: Parts) -> AsyncIterator[Letters]:
    """The letters at ``url``; in the end, whatever happened, those that are left are shown again."""
    async with AsyncExitStack() as closing:
        queue = parts.queue
        if queue is None:
            queue = await closing.enter_async_context(SqsQueue(url, aws_options(settings, parts)))
        letters = Letters(queue, errors=errors)
        closing.push_async_callback(letters.release)
        yield letters


class _Reasons(ProgressReporter):
    """Remembers why messages failed."""

    def __init__(self) -> None:
        self.by_message: dict[str, str] = {}

    def report_end(self, status: ProgressStatus, token: object) -> None:
        del token
        if status.state is ProgressState.PROCESS_SOURCE and status.message and status.error:
            # The text alone: an error would hold on to every local variable of its frames, a whole log among them.
            text = " ".join(str(status.error).split())
            self.by_message[status.message.message_id] = f"{text} ({type(status.error).__name__})"


def _row(message: QueueMessage) -> tuple[str, ...]:
    sent = f"{message.sent_at:%Y-%m-%d %H:%M}" if message.sent_at else ""
    return message.message_id, error_of(message), sent, message.attributes.get(REASON, "")
