"""A queue in memory with SQS's semantics."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import count

from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.letters import attributes as letter_attributes
from cloudtrail_processing.ports import BATCH, LONGEST_INVISIBLE, Clock, EntryFailure, Letter, QueueInfo, Unsent
from cloudtrail_processing.retry import first_of
from cloudtrail_processing.testing.clock import ManualClock, Signal
from cloudtrail_processing.testing.faults import Duplicate, FailEntries, Faults, LostResponse


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that happened to a message.

    ``what`` is ``sent``, ``received``, ``deleted``, ``visibility`` (with ``seconds``), ``refused`` (a failed entry of
    a batch), ``dead-lettered`` or ``expired``; ``at`` is in seconds of the clock.
    """

    what: str
    message_id: str
    at: float
    receive_count: int
    seconds: int | None = None


@dataclass(slots=True)
class _Held:
    message_id: str
    body: str = field(repr=False)
    sent_at: datetime
    group: str | None
    attributes: Mapping[str, str]
    visible_at: float
    receipt: str | None = None
    receive_count: int = 0
    received_at: float = 0.0

    def message(self) -> QueueMessage:
        system = {
            "ApproximateReceiveCount": str(self.receive_count),
            "SentTimestamp": str(int(self.sent_at.timestamp() * 1000)),
        }
        return QueueMessage(
            message_id=self.message_id,
            body=self.body,
            receipt=self.receipt or "",
            receive_count=self.receive_count,
            sent_at=self.sent_at,
            group=self.group,
            attributes={**self.attributes, **system},
        )


class FakeQueue:
    """``ports.Queue`` and ``ports.DeadLetters`` in memory: let your worker use it, then ask what became of it all.

    * A received message is invisible for its visibility timeout, then comes again with a higher receive count and a
      new receipt; from then on the old receipt fails with ``gone=True``. On a FIFO queue it fails as soon as the time
      is over. The visibility of a message that is not in flight cannot be changed: ``gone=True``.
    * With ``retention`` (seconds) a message that old is dropped, whatever is done with it.
    * With ``max_receive_count`` a message received that often goes to ``dead_letters`` instead of being received again.
    * On a FIFO queue a group with a message in flight, or delayed, gives nothing; groups keep their order; a letter
      posted again is stored once.
    * More than 10 entries, or none to receive, are a ``ValueError``; deleting twice succeeds.

    Time is ``clock``'s, a ``ManualClock`` of its own unless given: an idle ``receive(wait=20)`` returns when the clock
    is advanced or a message is sent. ``faults`` go wrong by plan. ``history`` tells all that happened, in order.
    """

    def __init__(
        self,
        bodies: Iterable[str] = (),
        *,
        clock: Clock | None = None,
        fifo: bool = False,
        max_receive_count: int | None = None,
        retention: int | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.clock: Clock = clock or ManualClock()
        self.history: list[Action] = []
        self.dead_letters: list[QueueMessage] = []
        self._fifo = fifo
        self._max_receive_count = max_receive_count
        self._retention = retention
        self._faults = faults or Faults()
        self._held: dict[str, _Held] = {}
        self._deleted: set[str] = set()
        self._posted: set[str] = set()
        self._numbers = count(1)
        self._changes = 0
        self._changed = Signal()
        for body in bodies:
            self.send(body)

    @property
    def messages_left(self) -> int:
        """How many are in the queue, in flight and delayed ones included, dead letters not."""
        return len(self._held)

    def history_of(self, message_id: str) -> list[str]:
        """What happened to one message, as words: ``["sent", "received", "deleted"]``."""
        return [action.what for action in self.history if action.message_id == message_id]

    def send(
        self, body: str, *, group: str | None = None, delay: float = 0, attributes: Mapping[str, str] | None = None
    ) -> str:
        """Put a message into the queue, visible after ``delay`` seconds; returns its id. Callable from any thread.

        ``group`` counts on FIFO queues only, where it is ``"default"`` unless given.
        """
        held = _Held(
            message_id=f"message-{next(self._numbers)}",
            body=body,
            sent_at=self.clock.now(),
            group=(group or "default") if self._fifo else None,
            attributes=attributes or {},
            visible_at=self.clock.monotonic() + delay,
        )
        self._held[held.message_id] = held
        self._note("sent", held)
        self._notify()
        return held.message_id

    async def receive(self, *, limit: int, wait: float, visibility: int) -> Sequence[QueueMessage]:
        """Up to ``limit`` visible messages, oldest first."""
        _check(limit, least=1)
        fault = self._faults.next("receive")
        await self._wait(self.clock.monotonic() + wait)
        taken = [self._take(held, visibility) for held in list(self._ready())[:limit]]
        if isinstance(fault, Duplicate):
            for message in taken:
                self._held[message.message_id].visible_at = self.clock.monotonic()
        if isinstance(fault, LostResponse):
            raise fault.error
        return taken

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[EntryFailure]:
        """Delete what its receipt still allows to delete."""
        return await self._each("delete", [(message, partial(self._delete, message)) for message in messages])

    async def change_visibility(self, changes: Sequence[tuple[QueueMessage, int]]) -> Sequence[EntryFailure]:
        """Change the time until each is visible again, for those in flight."""
        entries = [(message, partial(self._change, message, seconds)) for message, seconds in changes]
        return await self._each("change_visibility", entries)

    async def post(self, letters: Sequence[Letter]) -> Sequence[Unsent]:
        """Send each letter into this queue, with the attributes that ``SqsQueue`` gives it."""
        by_message = {id(letter.message): letter for letter in letters}
        entries = [(letter.message, partial(self._post, letter)) for letter in letters]
        failures = await self._each("post", entries)
        return [Unsent(by_message[id(failure.message)], failure.reason) for failure in failures]

    async def info(self) -> QueueInfo:
        """Exact counts; the dead-letter ARN is made up when there is a ``max_receive_count``."""
        await asyncio.sleep(0)
        self._faults.next("info")
        hidden = [held for held in self._held.values() if held.visible_at > self.clock.monotonic()]
        in_flight = sum(held.receipt is not None for held in hidden)
        redrive = self._max_receive_count is not None
        return QueueInfo(
            visible=len(self._held) - len(hidden),
            in_flight=in_flight,
            delayed=len(hidden) - in_flight,
            visibility_timeout=30,
            dead_letter_arn="arn:aws:sqs:us-east-1:123456789012:dead-letters" if redrive else None,
            max_receive_count=self._max_receive_count,
            fifo=self._fifo,
            retention=self._retention,
        )

    async def _wait(self, deadline: float) -> None:
        await asyncio.sleep(0)
        while next(self._ready(), None) is None and (now := self.clock.monotonic()) < deadline:
            seen = self._changes
            times = [held.visible_at for held in list(self._held.values()) if held.visible_at > now]
            await first_of(
                self.clock.sleep(min([deadline, *times]) - now),
                self._changed.until(partial(self._has_changed_since, seen)),
            )

    def _has_changed_since(self, seen: int) -> bool:
        return self._changes != seen

    def _ready(self) -> Iterator[_Held]:
        """What a receive may return now, in order; what was received too often is moved away on the way."""
        now = self.clock.monotonic()
        blocked: set[str | None] = set()
        for held in list(self._held.values()):
            if self._retention is not None and (self.clock.now() - held.sent_at).total_seconds() >= self._retention:
                self._note("expired", self._held.pop(held.message_id))
                continue
            if self._fifo and held.group in blocked:
                continue
            if held.visible_at > now:
                blocked.add(held.group)
            elif self._max_receive_count is not None and held.receive_count >= self._max_receive_count:
                self._note("dead-lettered", held)
                self.dead_letters.append(self._held.pop(held.message_id).message())
            else:
                yield held

    def _take(self, held: _Held, visibility: int) -> QueueMessage:
        held.receive_count += 1
        held.receipt = f"{held.message_id}/receipt-{held.receive_count}"
        held.received_at = self.clock.monotonic()
        held.visible_at = held.received_at + visibility
        self._note("received", held)
        return held.message()

    async def _each(
        self, operation: str, entries: Sequence[tuple[QueueMessage, Callable[[], EntryFailure | None]]]
    ) -> Sequence[EntryFailure]:
        _check(len(entries), least=0)
        await asyncio.sleep(0)
        if not entries:
            return ()
        fault = self._faults.next(operation)
        failures = [_fail(fault, message, index) or act() for index, (message, act) in enumerate(entries)]
        for failure in filter(None, failures):
            self.history.append(self._action("refused", failure.message.message_id, failure.message.receive_count))
        if isinstance(fault, LostResponse):
            raise fault.error
        return [failure for failure in failures if failure]

    def _post(self, letter: Letter) -> None:
        message = letter.message
        if not (self._fifo and message.message_id in self._posted):
            self._posted.add(message.message_id)
            self.send(message.body, group=message.group or message.message_id, attributes=letter_attributes(letter))

    def _delete(self, message: QueueMessage) -> EntryFailure | None:
        if message.message_id in self._deleted:
            return None
        held = self._held.get(message.message_id)
        if held is None or held.receipt != message.receipt or (self._fifo and not self._in_flight(held)):
            return EntryFailure(message, "ReceiptHandleIsInvalid: the receipt has expired", gone=True)
        del self._held[held.message_id]
        self._deleted.add(held.message_id)
        self._note("deleted", held)
        self._notify()
        return None

    def _change(self, message: QueueMessage, seconds: int) -> EntryFailure | None:
        held = self._held.get(message.message_id)
        if held is None or held.receipt != message.receipt or not self._in_flight(held):
            return EntryFailure(message, "InvalidParameterValue: the message is not in flight", gone=True)
        now = self.clock.monotonic()
        if not 0 <= seconds <= LONGEST_INVISIBLE - (now - held.received_at):
            return EntryFailure(message, "InvalidParameterValue: beyond the limit of 43200 seconds")
        held.visible_at = now + seconds
        self.history.append(self._action("visibility", held.message_id, held.receive_count, seconds=seconds))
        self._notify()
        return None

    def _in_flight(self, held: _Held) -> bool:
        return held.receipt is not None and held.visible_at > self.clock.monotonic()

    def _note(self, what: str, held: _Held) -> None:
        self.history.append(self._action(what, held.message_id, held.receive_count))

    def _action(self, what: str, message_id: str, receive_count: int, *, seconds: int | None = None) -> Action:
        return Action(what, message_id, self.clock.monotonic(), receive_count, seconds)

    def _notify(self) -> None:
        self._changes += 1
        self._changed.send()


def _check(entries: int, *, least: int) -> None:
    if not least <= entries <= BATCH:
        raise ValueError(f"one call takes {least} to {BATCH} messages, not {entries}")


def _fail(fault: object, message: QueueMessage, index: int) -> EntryFailure | None:
    if isinstance(fault, FailEntries) and fault.hits(index):
        return EntryFailure(message, fault.reason, gone=fault.gone)
    return None
