"""How a process is told to stop: SIGTERM, or SIGINT by Ctrl-C."""

import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def taken(first: Callable[[], object], *, again: Callable[[int], object]) -> Iterator[None]:
    """While inside, the first signal calls ``first``, and every later one ``again`` with its number.

    They are called in the middle of anything, such as writing a log line, so they should do next to nothing. Only the
    main thread can take signals: in another one nothing is changed, and whoever started the work must stop it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = itertools.count()

    def take(number: int, _frame: object) -> None:
        if next(earlier):
            again(number)
        else:
            first()

    before = {number: signal.signal(number, take) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
