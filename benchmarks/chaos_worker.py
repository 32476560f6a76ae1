"""One worker of a chaos run: a real ``run(…)`` whose processor leaves a trace of every event, whatever kills it.

``python chaos_worker.py CONFIG NAME``; the configuration is the JSON of ``chaos_fleet.Orders``.
"""

import contextlib
import faulthandler
import json
import logging
import mmap
import os
import random
import resource
import signal
import struct
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cloudtrail_processing import EventBatch, EventProcessor, Parts, Settings, run
from cloudtrail_processing.app import SystemClock
from cloudtrail_processing.aws.session import AwsOptions, Credentials
from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint

_LINGERING = 0.2
_LONGEST_FILE = 2**16
_ROOM = 2**17
"""Bytes that a file may have while the disk is full: traces stay below it, the database is beyond it."""


class JumpingTime:
    """The time of day plus what a file says, in seconds: all workers of a run jump together, as on one machine."""

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            self._offset = mmap.mmap(opened.fileno(), 8, access=mmap.ACCESS_READ)

    @property
    def offset(self) -> float:
        """How far the clock is off now."""
        return float(struct.unpack("d", self._offset[:8])[0])

    def time(self) -> float:
        """As ``time.time``."""
        return time.time() + self.offset


class JumpingClock(SystemClock):
    """The control plane's clock; only the time of day jumps, as on a real machine."""

    def __init__(self, jumping: JumpingTime) -> None:
        self._jumping = jumping

    def now(self) -> datetime:
        """The time of day, wrong at times."""
        return super().now() + timedelta(seconds=self._jumping.offset)


class Witness(EventProcessor):
    """Appends one line for each batch with one write, which survives any kill; sometimes it fails before that.

    What it could not write whole it raises, and the next line goes to another file.
    """

    def __init__(self, folder: Path, *, name: str, dice: random.Random, pause: float, failing: float) -> None:
        self._folder = folder
        self._name = name
        self._dice = dice
        self._pause = pause
        self._failing = failing
        self._lock = threading.Lock()
        self._files = 0
        self._file: int | None = None

    def process(self, batch: EventBatch) -> None:
        """Take some time, leave the trace, and sometimes return only later: a kill in between repeats the batch."""
        time.sleep(self._dice.uniform(0, 2 * self._pause))
        if self._dice.random() < self._failing:
            raise OSError("the sink is down, says the dice")
        line = json.dumps([batch.id, [event.event_id for event in batch]]).encode() + b"\n"
        with self._lock:
            self._write(line)
        if self._dice.random() < _LINGERING:
            time.sleep(self._pause)

    def _write(self, line: bytes) -> None:
        if self._file is None or os.fstat(self._file).st_size > _LONGEST_FILE:
            self._close()
            self._files += 1
            path = self._folder / f"{self._name}.{self._files:04}.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            written = os.write(self._file, line)
        except OSError:
            written = 0
        if written < len(line):
            self._close()
            raise OSError(f"only {written} of {len(line)} bytes were written")

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def full_disk(dice: random.Random) -> None:
    """For ever: after some time no file may grow beyond a limit, for some time; for half of the times none at all."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    while True:
        time.sleep(dice.uniform(8, 60))
        resource.setrlimit(resource.RLIMIT_FSIZE, (dice.choice([0, _ROOM]), most))
        time.sleep(dice.uniform(0.5, 3))
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def main(config: Path, name: str) -> None:
    """Run until it is told to stop, or killed."""
    faulthandler.register(signal.SIGUSR1)  # what all threads are at, for whoever wonders
    orders: dict[str, Any] = json.loads(config.read_text())
    folder = Path(orders["folder"])
    logging.basicConfig(level=orders["log_level"], format=f"%(asctime)s {name} %(levelname)s %(name)s: %(message)s")
    dice = random.Random(f"{orders['seed']}/{name}")
    time_of_day = JumpingTime(folder / "clock")
    if orders["full_disk"]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        threading.Thread(target=full_disk, args=[random.Random(dice.random())], daemon=True).start()
    witness = Witness(folder / "delivered", name=name, dice=dice, pause=orders["pause"], failing=orders["failing"])
    aws = AwsOptions(
        region="us-east-1",
        endpoint_url=orders["endpoint"],
        connect_timeout=2,
        read_timeout=2,
        credentials=Credentials("chaos", "chaos"),
    )
    # Made here instead of by the setting, for its clock to jump as well.
    checkpoint = SqliteCheckpoint(
        folder / "state" / "checkpoint.db", claim_time=orders["claim_time"], now=time_of_day.time
    )
    parts = Parts(aws=aws, clock=JumpingClock(time_of_day), checkpoint=checkpoint)
    with contextlib.closing(checkpoint):
        run(witness, settings=Settings.load(**orders["settings"]), parts=parts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
