"""One run: a peer is started on a queue with messages, warmed by these, and measured on the next ones."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.aws.running import Aws
from benchmarks.speed.figures import Run
from benchmarks.speed.peers import Peer
from benchmarks.speed.watching import cpu, family, watched
from benchmarks.speed.workloads import Logs, Truth, Workload

_ROOT = Path(__file__).parent.parent.parent
_LOOK = 0.05  # seconds between two looks at the queue
_PATIENCE = 600
_GOODBYE = 60
_TOLD = 2000  # bytes of what a failed peer said


class Failed(Exception):
    """A peer has no figure: it ended early, took for ever, or did not count what the logs hold."""


@dataclass(frozen=True, slots=True)
class Started:
    """A peer at work, and the folder into which it tells what it counted."""

    process: "subprocess.Popen[bytes]"
    out: Path
    since: float

    @property
    def said(self) -> str:
        """The end of what it printed."""
        return (self.out / "log").read_bytes()[-_TOLD:].decode(errors="replace")

    def end(self) -> None:
        """Ask it to stop and to tell what it counted."""
        self.process.terminate()
        self.process.wait(_GOODBYE)

    def kill(self) -> None:
        """Leave nothing of it."""
        for process in family(self.process.pid):
            process.kill()
        self.process.wait()

    def told(self) -> tuple[Truth, float | None]:
        """What all of its processes counted, and the seconds from its start to its first event."""
        told = [json.loads(path.read_text()) for path in self.out.glob("*.json")]
        firsts = [it["first_event"] for it in told if it["first_event"] is not None]
        counted = sum((Truth(it["events"], it["read"]) for it in told), Truth(0, 0))
        return counted, min(firsts) - self.since if firsts else None


def measure(
    peer: Peer, workload: Workload, logs: Logs, aws: Aws, *, count: int, warm: int | None = None, processes: int = 2
) -> Run:
    """Let ``peer`` do ``warm`` logs, then ``count`` more that are measured. Raises ``Failed``."""
    warm = peer.warming(workload.name, otherwise=max(1, count // 2)) if warm is None else warm
    aws.reset()
    aws.fill(warm)
    with _started(peer, workload, aws, processes) as started, watched(started.process.pid) as memory:
        _until_done(started, aws)
        before, cpu_before = aws.stats(), cpu(started.process.pid)
        aws.fill(count)
        after = _until_done(started, aws)
        cpu_after = cpu(started.process.pid)
        started.end()
        first_event = _checked(started, logs.truth(warm + count), after)
    wall = after["last_delete"] - after["first_receive"]
    return Run(
        workload=workload.name,
        peer=peer.name,
        processes=processes,
        records=logs.records,
        logs=count,
        events=count * logs.records,
        wall=wall,
        cpu=cpu_after - cpu_before,
        first_event=first_event,
        largest=memory.largest,
        together=memory.together,
        requests={name: made - before["requests"].get(name, 0) for name, made in after["requests"].items()},
        busy=(after["cpu"] - before["cpu"]) / wall,
    )


@contextmanager
def _started(peer: Peer, workload: Workload, aws: Aws, processes: int) -> Iterator[Started]:
    with tempfile.TemporaryDirectory() as folder:
        told = {
            "BENCH_ENDPOINT": aws.url,
            "BENCH_QUEUE_URL": aws.queue_url,
            "BENCH_REGION": aws.environment["AWS_REGION"],
            "BENCH_WORKLOAD": workload.name,
            "BENCH_OUT": folder,
            "BENCH_PROCESSES": str(processes),
        }
        ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment = ours | aws.environment | dict(peer.environment) | told
        # Into a file: a peer that talks much would wait for ever on a pipe that nobody reads.
        with Path(folder, "log").open("wb") as log:
            started = time.time()
            process = subprocess.Popen(
                peer.started(workload.name), cwd=_ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        peer_started = Started(process, Path(folder), started)
        try:
            yield peer_started
        finally:
            peer_started.kill()


def _until_done(started: Started, aws: Aws) -> dict[str, Any]:
    end = time.monotonic() + _PATIENCE
    while True:
        stats = aws.stats()
        if not stats["visible"] and not stats["in_flight"]:
            return stats
        if started.process.poll() is not None:
            raise Failed(f"ended with {started.process.returncode}: {started.said}")
        if time.monotonic() > end:
            raise Failed(f"not done after {_PATIENCE} seconds, {stats['visible']} messages left: {started.said}")
        time.sleep(_LOOK)


def _checked(started: Started, truth: Truth, stats: dict[str, Any]) -> float | None:
    """The time of the first event, when the peer counted what is true; more of it where messages came again."""
    counted, first_event = started.told()
    is_more = bool(stats["receives_again"]) and counted.events >= truth.events and counted.read >= truth.read
    if counted != truth and not is_more:
        raise Failed(f"counted {counted}, but the logs hold {truth}: {started.said}")
    return first_event
