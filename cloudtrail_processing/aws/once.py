"""Answers that are asked for once and remembered, by many threads together."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Answer(Generic[T]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    value: T | None = None


class Once(Generic[T]):
    """Remembers the answer to each question, at most ``bound`` of them; those not asked for longest are forgotten.

    Threads that ask the same question at the same time wait for one answer; other questions are not held up.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, _Answer[T]] = OrderedDict()

    def get(self, question: str, ask: Callable[[], T]) -> T:
        """The answer, by ``ask()`` when it is not known yet. What ``ask`` raises goes through and is not remembered."""
        answer = self._answer(question)
        with answer.lock:
            if answer.value is None:
                answer.value = ask()
            return answer.value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._answers.clear()

    def _answer(self, question: str) -> _Answer[T]:
        with self._lock:
            answer = self._answers.setdefault(question, _Answer())
            self._answers.move_to_end(question)
            # Questions come from messages: whoever can send one must not fill the memory.
            while len(self._answers) > self._bound:
                self._answers.popitem(last=False)
            return answer
