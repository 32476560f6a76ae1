"""The simulated AWS as a process of its own, and what it is ordered and asked by who measures."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.aws.logs import ACCOUNT, REGION

_ROOT = Path(__file__).parent.parent.parent
_PATIENCE = 30


@dataclass(frozen=True, slots=True)
class Aws:
    """A running one: where it is, and the number of its process."""

    url: str
    pid: int

    @property
    def queue_url(self) -> str:
        """The queue's URL."""
        return f"{self.url}/{ACCOUNT}/bench"

    @property
    def environment(self) -> dict[str, str]:
        """What a client of it needs beside an endpoint: keys that nobody looks at, and nothing of this machine's."""
        return {
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def fill(self, logs: int, *, first: int | None = None) -> dict[str, Any]:
        """One message for each of so many logs, from ``first`` on, else from where the last fill ended."""
        return self._control("fill", {"logs": logs, "first": first})

    def reset(self) -> dict[str, Any]:
        """Empty queues, and every count zero."""
        return self._control("reset", {})

    def latency(self, *, sqs_ms: float, s3_ms: float) -> dict[str, Any]:
        """How long answers take from now on."""
        return self._control("latency", {"sqs_ms": sqs_ms, "s3_ms": s3_ms})

    def stats(self) -> dict[str, Any]:
        """What there is and was; ``benchmarks.aws.control`` names it all."""
        return self._control("stats", None)

    def _control(self, order: str, asked: dict[str, Any] | None) -> dict[str, Any]:
        body = None if asked is None else json.dumps(asked).encode()
        with urllib.request.urlopen(f"{self.url}/_control/{order}", body, timeout=_PATIENCE) as reply:
            told: dict[str, Any] = json.load(reply)
            return told


@contextmanager
def running(logs: Path, *, sqs_ms: float = 15, s3_ms: float = 40) -> Iterator[Aws]:
    """Serve the bodies in the folder ``logs`` until the block ends."""
    with _serving("--logs", logs, sqs_ms=sqs_ms, s3_ms=s3_ms) as aws:
        yield aws


@contextmanager
def running_layout(layout: Path, *, s3_ms: float = 30) -> Iterator[Aws]:
    """Serve the layout that the file ``layout`` holds until the block ends."""
    with _serving("--layout", layout, sqs_ms=0, s3_ms=s3_ms) as aws:
        yield aws


@contextmanager
def _serving(what: str, path: Path, *, sqs_ms: float, s3_ms: float) -> Iterator[Aws]:
    latencies = (f"--sqs-ms={sqs_ms}", f"--s3-ms={s3_ms}")
    command = [sys.executable, "-m", "benchmarks.aws", what, str(path), *latencies]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = json.loads(process.stdout.readline())["port"]
            yield Aws(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()
