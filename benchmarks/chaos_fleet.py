"""The worker processes of a chaos run: started, killed, restarted, watched; and what else happens to their machine."""

import contextlib
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

_WORKER = Path(__file__).with_name("chaos_worker.py")
_PATIENCE = 40
_PIECE = 2**16


@dataclass(frozen=True, slots=True)
class Orders:
    """What every worker is told.

    ``claim_time`` and ``pause`` (for one batch) are in seconds; ``failing`` is how likely its sink is down for a batch.
    """

    folder: str
    seed: int
    endpoint: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    claim_time: float = 5
    pause: float = 0.01
    failing: float = 0.003
    full_disk: bool = True
    log_level: str = "WARNING"


class Fleet:
    """``size`` workers; each start of one is an incarnation with a name of its own."""

    def __init__(self, orders: Orders, size: int) -> None:
        self._folder = Path(orders.folder)
        self._config = self._folder / "orders.json"
        self._config.write_text(json.dumps(asdict(orders)))
        self._running: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}
        self._size = size
        self._starts = 0
        self.killed: set[str] = set()
        self.crashes: list[str] = []
        """Incarnations that ended by themselves, with their exit codes."""
        self.peak: int = 0
        """The most memory that any of them had, in bytes."""

    def tend(self) -> None:
        """Start who is missing, and note who ended by itself."""
        for slot in range(self._size):
            if slot in self._running:
                self._look_at(slot)
            if slot not in self._running:
                self._start(slot)

    def kill(self, dice: random.Random) -> None:
        """SIGKILL for one of them, whatever it does; another takes its place at the next ``tend``."""
        slot = dice.choice(list(self._running))
        self._look_at(slot)
        if slot in self._running:
            name, process = self._running.pop(slot)
            process.kill()
            process.wait()
            self.killed.add(name)

    def stop(self) -> None:
        """SIGTERM for all, and wait until they have ended; who does not end is a crash."""
        for _, process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + _PATIENCE
        for slot, (name, process) in list(self._running.items()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            self._look_at(slot)
            if slot in self._running:
                process.kill()
                process.wait()
                self.crashes.append(f"{name}: did not stop")
        self._running.clear()

    def _start(self, slot: int) -> None:
        self._starts += 1
        name = f"w{slot + 1}-{self._starts:03}"
        command = [sys.executable, str(_WORKER), str(self._config), name]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        # By a pipe: its own files may not grow while its disk is full.
        log = self._folder / "logs" / f"{name}.log"
        threading.Thread(target=_copy, args=[process.stderr, log], daemon=True).start()
        self._running[slot] = name, process

    def _look_at(self, slot: int) -> None:
        name, process = self._running[slot]
        self.peak = max(self.peak, peak_memory(process.pid))
        code = process.poll()
        if code is not None:
            del self._running[slot]
            if code and code != -signal.SIGTERM:  # told to stop before it could hear that
                self.crashes.append(f"{name}: exit code {code}")


def _copy(source: IO[bytes], target: Path) -> None:
    with source, target.open("wb") as log:
        shutil.copyfileobj(source, log)


def peak_memory(pid: int) -> int:
    """The most memory that a process has had so far, in bytes; 0 where the system does not tell."""
    return _memory(pid, "VmHWM")


def memory(pid: int) -> int:
    """The memory that a process has now, in bytes; 0 where the system does not tell."""
    return _memory(pid, "VmRSS")


def _memory(pid: int, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


class Clock:
    """The offset of all workers' time of day, in a file that they map."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.jumps = 0
        self.set(0)

    def set(self, offset: float) -> None:
        """From now on the time of day is off by ``offset`` seconds."""
        with self._file.open("r+b" if self._file.exists() else "w+b") as opened:
            opened.write(struct.pack("d", offset))

    def jump(self, dice: random.Random) -> None:
        """Somewhere else: seconds, an hour or a day ahead or behind, or right again."""
        self.set(dice.choice([0, 0, -15, 15, -3600, 3600, -86_400, 86_400]))
        self.jumps += 1


class Disk:
    """A folder that may be a small disk of its own: then ``fill`` leaves no byte free until ``free``."""

    def __init__(self, folder: Path, *, is_small: bool) -> None:
        self.is_small = is_small
        self._filler = folder / "filler"
        self.fills = 0

    def fill(self) -> None:
        """Take all the room there is."""
        self.fills += 1
        with self._filler.open("wb", buffering=0) as opened, contextlib.suppress(OSError):
            for piece in (_PIECE, 512, 1):
                with contextlib.suppress(OSError):
                    while opened.write(bytes(piece)) == piece:
                        continue

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, *, megabytes: int, wanted: bool) -> Iterator[Disk]:
    """A disk of its own at ``folder`` where the system lets us mount one (as root on Linux), else a plain folder."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "chaos", str(folder)]
    is_small = wanted and sys.platform == "linux" and os.geteuid() == 0 and _works(mount)
    try:
        yield Disk(folder, is_small=is_small)
    finally:
        if is_small:
            _works(["umount", str(folder)])


def _works(command: Sequence[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


class Timetable:
    """Things that happen again and again, after random times."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._due: list[tuple[float, tuple[float, float], Callable[[], None]]] = []

    def every(self, low: float, high: float, action: Callable[[], None]) -> None:
        """Do ``action`` again and again, each time ``low`` to ``high`` seconds after the last."""
        self._due.append((self._next((low, high)), (low, high), action))

    def tick(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        for number, (due, span, action) in enumerate(self._due):
            if due <= now:
                self._due[number] = self._next(span), span, action
                action()

    def _next(self, span: tuple[float, float]) -> float:
        return time.monotonic() + self._dice.uniform(*span)
