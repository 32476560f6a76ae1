"""The programs that prove a trail, run as their users run them: how they ended, what they said, what it took."""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.aws.running import Aws
from benchmarks.speed.watching import watched

_PATIENCE = 3600


class Failed(Exception):
    """A program did not do what it was asked for."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A program's end: exit code, what it wrote, and what it took of time (seconds), processors (seconds) and memory.

    ``cpu`` is of the process and its children; ``memory`` is in bytes, of all of them together at the peak. ``served``
    is the processor time of the simulated AWS meanwhile, ``requests`` how many it answered.
    """

    code: int
    out: str = field(repr=False)
    err: str = field(repr=False)
    wall: float
    cpu: float
    memory: int
    served: float = 0
    requests: int = 0


def run(command: Sequence[str], aws: Aws, *, root: Path | None = None) -> Ended:
    """Run it to its end against the simulated AWS, with nothing of this machine's settings for AWS."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = ours | aws.environment | {"AWS_ENDPOINT_URL": aws.url, "AWS_PAGER": "", "NO_COLOR": "1"}
    before = aws.stats()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, cwd=root, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        with watched(process.pid) as memory:
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        after = aws.stats()
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode(errors="replace"))
    return Ended(
        code=process.returncode,
        out=said[0],
        err=said[1],
        wall=wall,
        cpu=used.ru_utime + used.ru_stime,
        memory=memory.together,
        served=after["cpu"] - before["cpu"],
        requests=sum(after["requests"].values()) - sum(before["requests"].values()),
    )
