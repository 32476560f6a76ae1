"""Who takes part: how each is started, and how fast it may be expected to be."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.peers import java

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Peer:
    """One program, and what depends on the workload; "" stands for all that are not named.

    ``pace`` is its expected speed beside ours: it gets that share of the logs, so that runs end; with 0 it does not
    take part. ``warm`` is how many logs it does before it is measured, ``flags`` stand right behind its program.
    """

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    pace: Mapping[str, float] = field(default_factory=dict)
    warm: Mapping[str, int] = field(default_factory=dict)
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def share(self, workload: str) -> float:
        """The share of the workload's logs that it gets."""
        return _of(self.pace, workload, 1)

    def warming(self, workload: str, *, otherwise: int) -> int:
        """The logs that it does before it is measured."""
        return _of(self.warm, workload, otherwise)

    def started(self, workload: str) -> Sequence[str]:
        """The command to start it with."""
        program, *rest = self.command
        return (program, *_of(self.flags, workload, ()), *rest)


def _of(values: Mapping[str, _Value], workload: str, otherwise: _Value) -> _Value:
    return values.get(workload, values.get("", otherwise))


def _python(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"benchmarks.peers.{name}")


_SLOW = {"": 0.15, "typical": 0.03, "tiny": 0.012}
# Until its compiler has seen enough: after 120 large logs the JVM is half as fast as after 600.
_LONG = {"": 600, "typical": 5000, "tiny": 8000}
_SHORT = {"": 150, "typical": 300, "tiny": 300}
OURS = Peer("ours", "this library", _python("ours"))
OURS_PROVEN = Peer("ours-report", "this library, verify=report", _python("ours"), {"BENCH_VERIFY": "report"})
OURS_ANYWHERE = Peer("ours-anywhere", "this library, pin_processes=false", _python("ours"), {"BENCH_PIN": "false"})
PEERS: Mapping[str, Peer] = {
    it.name: it
    for it in (
        OURS,
        Peer(
            "ours-struct",
            "this library, a msgspec struct",
            _python("ours"),
            {"BENCH_MODEL": "struct"},
            {"": 0, "projection": 1},
        ),
        Peer("tuned", "boto3 + orjson, threads, tuned by hand", _python("tuned"), pace={"": 0.5, "tiny": 0.3}),
        Peer("naive", "boto3 loop, as people write it", _python("naive"), pace=_SLOW),
        Peer(
            "java-tuned",
            "Java library, tuned",
            java.command(),
            java.environment("tuned"),
            {"": 0.5, "tiny": 0.3},
            warm=_LONG,
            flags=java.flags(),
        ),
        Peer("java", "Java library, defaults", java.command(), java.environment("defaults"), pace=_SLOW, warm=_SHORT),
    )
}


def unavailable(peer: Peer) -> str | None:
    """Why a peer cannot take part; None when it can."""
    return java.available() if peer.name.startswith("java") else None


def prepare(peer: Peer) -> None:
    """Build what has to be built."""
    if peer.name.startswith("java"):
        java.build()
