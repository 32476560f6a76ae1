"""A queue in memory with real visibility timeouts; every step costs the same, however deep the queue is."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from benchmarks.aws.logs import announcement

_SLOTS = 10
"""How often a second messages come back."""
_VISIBLE, _DELETED = 0, -1
_RECEIPT = "AQEB"
_PADDING = "c2ltdWxhdGVk" * 24


@dataclass(slots=True, eq=False)
class Message:
    """One message, either about a log or with a ``text`` of its own. Times are in milliseconds since 1970."""

    number: int
    sent: int
    log: int = -1
    text: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    count: int = 0
    first: int = 0
    due: int = _VISIBLE
    """The slot of time when it is visible again."""

    @property
    def name(self) -> str:
        """The id that SQS tells."""
        return f"00000000-0000-4000-8000-{self.number:012x}"

    @property
    def receipt(self) -> str:
        """The receipt of the last receive."""
        return f"{_RECEIPT}{self.number:016x}{self.count:08x}{_PADDING}"

    @property
    def body(self) -> str:
        """What is in it."""
        return self.text if self.log < 0 else announcement(self.log)


class Queue:
    """Messages that were sent, received, hidden and deleted. Who fills it with logs pays nothing for each."""

    def __init__(self) -> None:
        self.visible = 0
        self.in_flight = 0
        self.deleted = 0
        self.again = 0
        """How many messages were received more than once."""
        self._numbers = count(1)
        self._logs: deque[tuple[int, Iterator[int]]] = deque()
        self._ready: deque[Message] = deque()
        self._known: dict[int, Message] = {}
        self._slots: dict[int, list[int]] = {}
        self._slot = _slot()

    def fill(self, logs: range) -> None:
        """One message for each log; they are made when they are received."""
        self._logs.append((_now(), iter(logs)))
        self.visible += len(logs)

    def send(self, text: str, attributes: Mapping[str, Any]) -> Message:
        """A message of this text."""
        message = Message(next(self._numbers), _now(), text=text, attributes=attributes)
        self._known[message.number] = message
        self._show(message)
        return message

    def receive(self, most: int, *, seconds: float) -> list[Message]:
        """Up to ``most`` messages, each hidden for so long."""
        self.come_back()
        now, slot = _now(), _slot_after(seconds)
        received: list[Message] = []
        while len(received) < most and (message := self._next()) is not None:
            message.count += 1
            message.first = message.first or now
            self.again += message.count == 2
            self._hide(message, slot)
            received.append(message)
        self.visible -= len(received)
        self.in_flight += len(received)
        return received

    def delete(self, receipt: str) -> bool:
        """Delete a message; False when there was nothing to delete: it is gone, or was received again since."""
        message = self._of(receipt)
        if message is None:
            return False
        if message.due == _VISIBLE:
            self.visible -= 1
        else:
            self.in_flight -= 1
        message.due = _DELETED
        del self._known[message.number]
        self.deleted += 1
        return True

    def hide(self, receipt: str, *, seconds: float) -> bool:
        """Hide a message for so long from now; False when it is not in flight."""
        message = self._of(receipt)
        if message is None or message.due == _VISIBLE:
            return False
        if seconds > 0:
            self._hide(message, _slot_after(seconds))
        else:
            self._return(message)
        return True

    def come_back(self) -> None:
        """Show all messages whose time is over."""
        now = _slot()
        while self._slot < now:
            self._slot += 1
            for number in self._slots.pop(self._slot, ()):
                message = self._known.get(number)
                if message is not None and message.due == self._slot:
                    self._return(message)

    def _next(self) -> Message | None:
        while self._logs:
            sent, logs = self._logs[0]
            if (log := next(logs, None)) is not None:
                message = Message(next(self._numbers), sent, log=log)
                self._known[message.number] = message
                return message
            self._logs.popleft()
        while self._ready:
            message = self._ready.popleft()
            if message.due == _VISIBLE:
                return message
        return None

    def _of(self, receipt: str) -> Message | None:
        message = self._known.get(int(receipt[4:20], 16))
        return message if message is not None and message.count == int(receipt[20:28], 16) else None

    def _hide(self, message: Message, slot: int) -> None:
        message.due = slot
        self._slots.setdefault(slot, []).append(message.number)

    def _return(self, message: Message) -> None:
        self.in_flight -= 1
        self._show(message)

    def _show(self, message: Message) -> None:
        message.due = _VISIBLE
        self.visible += 1
        self._ready.append(message)


def _now() -> int:
    return int(time.time() * 1000)


def _slot(seconds: float = 0) -> int:
    """The slot of time so many seconds from now."""
    return int((time.monotonic() + seconds) * _SLOTS)


def _slot_after(seconds: float) -> int:
    """The first slot that begins when so many seconds are over: never one that was looked at before."""
    return _slot(seconds) + 1
