"""What a process and its children take: processor time, and memory at its peak."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

_EVERY = 0.05  # seconds


@dataclass(slots=True)
class Memory:
    """Bytes at the peak: of the largest process, and of all of them together."""

    largest: int = 0
    together: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def look(self, pid: int) -> None:
        """Compare with what they have now."""
        sizes = [size for process in family(pid) if (size := _resident(process))]
        self.largest = max([self.largest, *sizes])
        self.together = max(self.together, sum(sizes))

    def watch(self, pid: int) -> None:
        """Look again and again."""
        while not self._ended.wait(_EVERY):
            self.look(pid)

    def end(self) -> None:
        """No more looking."""
        self._ended.set()


@contextmanager
def watched(pid: int) -> Iterator[Memory]:
    """The memory of a process and its children, watched while the block runs."""
    memory = Memory()
    thread = threading.Thread(target=memory.watch, args=(pid,))
    thread.start()
    try:
        yield memory
    finally:
        memory.end()
        thread.join()


def family(pid: int) -> list[psutil.Process]:
    """A process and its children, and theirs; none when it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu(pid: int) -> float:
    """The processor time of them all so far, in seconds, of the kernel for them included."""
    return sum(map(_seconds, family(pid)))


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0
    return float(times.user + times.system + times.children_user + times.children_system)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
