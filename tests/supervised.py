"""Processors and set-ups for tests of many processes: what they do shows in a folder, where a test waits for it."""

import atexit
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from bench import Bench

from cloudtrail_processing import EventBatch, EventProcessor, Settings
from cloudtrail_processing.app import SystemClock
from cloudtrail_processing.parts import Parts

PATIENCE = 60
"""Seconds after which a test gives up."""


class InFolder(EventProcessor):
    """Leaves a file for each process that starts and stops; each batch it notes when ``gate``, a file, is there."""

    def __init__(self, folder: str, gate: str = "") -> None:
        self._folder = Path(folder)
        self._gate = Path(gate) if gate else None

    def start(self) -> None:
        (self._folder / f"{os.getpid()}.started").touch()

    def process(self, batch: EventBatch) -> None:
        (self._folder / f"{os.getpid()}.working").touch()
        while self._gate and not self._gate.exists():
            time.sleep(0.02)
        with (self._folder / "events").open("a", encoding="utf-8") as file:
            file.write("".join(f"{event.event_id}\n" for event in batch))

    def stop(self) -> None:
        (self._folder / f"{os.getpid()}.stopped").touch()


class Lingering(InFolder):
    """Leaves a thread behind that would keep its process for ever."""

    def start(self) -> None:
        threading.Thread(target=threading.Event().wait, name="left-behind").start()
        super().start()


class LingeringUnready(Lingering):
    """Leaves a thread behind, and cannot start."""

    def start(self) -> None:
        super().start()
        raise ConnectionError("the database does not answer")


class Orderly(InFolder):
    """Leaves a file when its interpreter ends in order."""

    def start(self) -> None:
        atexit.register((self._folder / f"{os.getpid()}.exited").touch)
        super().start()


class Dying(InFolder):
    """Takes its process with it at its first batch in this folder."""

    def process(self, batch: EventBatch) -> None:
        victim = self._folder / "victim"
        try:
            victim.touch(exist_ok=False)
        except FileExistsError:
            super().process(batch)
        else:
            os.kill(os.getpid(), 9)


class Printing(InFolder):
    """Prints and warns, and stops its supervisor when both processes have begun and there was time to show it."""

    def process(self, batch: EventBatch) -> None:
        super().process(batch)
        until(lambda: len(pids(self._folder, "started")) == 2)
        print("printed by a processor")  # noqa: T201 - the test reads it
        logging.getLogger(__name__).warning("warned by a processor")
        time.sleep(1.5)
        with suppress(FileExistsError):
            (self._folder / "stopping").touch(exist_ok=False)
            os.kill(os.getppid(), signal.SIGTERM)


class Unready(EventProcessor):
    """Cannot start."""

    def start(self) -> None:
        raise ConnectionError("the database does not answer")

    def process(self, batch: EventBatch) -> None:
        raise AssertionError(batch)


@contextmanager
def fakes(_settings: Settings) -> Iterator[Parts]:
    """An empty queue of its own for each process."""
    clock: Any = SystemClock()
    bench = Bench(clock=clock)
    yield Parts(queue=bench.queue, store=bench.store, clock=clock)


def broken(settings: Settings) -> AbstractContextManager[Parts]:
    """No set-up at all: what it raises is no error of ours."""
    raise LookupError(f"a bug in the set-up: {settings.wait_time}")


def pids(folder: Path, what: str) -> set[int]:
    """The processes that said so."""
    return {int(path.stem) for path in folder.glob(f"*.{what}")}


def lives(pid: int) -> bool:
    """True while there is such a process; one that has ended and waits for its parent does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened for a long time"
        time.sleep(0.02)
