"""Answers that are asked for once and remembered, by many threads together."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from cloudtrail_processing.errors import TransientError

T = TypeVar("T")


class Once(Generic[T]):
    """Remembers the answer to each question, at most ``bound`` of them; those not asked for longest are forgotten.

    Threads that ask the same question at the same time wait for one answer; other questions are not held up.
    """

    def __init__(self, bound: int, *, patience: float = 10) -> None:
        """``patience`` is in seconds: for so long one thread waits for what another one asks."""
        self._bound = bound
        self._patience = patience
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Future[T]] = OrderedDict()

    def get(self, question: str, ask: Callable[[], T]) -> T:
        """The answer, by ``ask()`` when it is not known yet.

        What ``ask`` raises goes through, to all who waited for it, and is not remembered. Raises ``TransientError``
        when another thread has been asking for longer than ``patience``.
        """
        answer, is_new = self._answer(question)
        try:
            if is_new:
                self._ask(question, ask, answer)
            elif wait([answer], self._patience).not_done:
                raise TransientError(
                    f"another thread has been asking about {question} for more than {self._patience:.3g} s: the "
                    "answer is waited for again later"
                )
            return self.get(question, ask) if answer.cancelled() else answer.result()
        finally:
            del answer  # an error's traceback would keep it alive, and with it the error and all that its frames hold

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._answers.clear()

    def _ask(self, question: str, ask: Callable[[], T], answer: "Future[T]") -> None:
        try:
            answer.set_result(ask())
        except Exception as error:  # noqa: BLE001 - it is raised for this thread, and for all who wait
            self._forget(question, answer)
            answer.set_exception(error)
        except BaseException:
            self._forget(question, answer)
            answer.cancel()  # it concerns this thread alone: another one asks
            answer.set_running_or_notify_cancel()
            raise
        finally:
            del answer

    def _answer(self, question: str) -> tuple["Future[T]", bool]:
        """The answer, maybe still awaited, and whether it is for the caller to ask."""
        with self._lock:
            known = self._answers.get(question)
            answer = self._answers.setdefault(question, Future())
            self._answers.move_to_end(question)
            # Questions come from messages: whoever can send one must not fill the memory.
            while len(self._answers) > self._bound:
                self._answers.popitem(last=False)
            return answer, known is None

    def _forget(self, question: str, answer: "Future[T]") -> None:
        with self._lock:
            if self._answers.get(question) is answer:
                del self._answers[question]
