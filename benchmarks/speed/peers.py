"""Who takes part: how each is started, and how fast it may be expected to be."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.peers import java


@dataclass(frozen=True, slots=True)
class Peer:
    """One program. ``pace`` is its expected speed beside ours: it gets that share of the logs, so that runs end."""

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    pace: Mapping[str, float] = field(default_factory=dict)

    def share(self, workload: str) -> float:
        """The share of the workload's logs that it gets."""
        return self.pace.get(workload, self.pace.get("", 1))


def _python(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"benchmarks.peers.{name}")


OURS = Peer("ours", "this library", _python("ours"))
_SLOW = {"": 0.15, "typical": 0.03, "tiny": 0.012}
PEERS: Mapping[str, Peer] = {
    it.name: it
    for it in (
        OURS,
        Peer("tuned", "boto3 + orjson, threads, tuned by hand", _python("tuned"), pace={"": 0.5, "tiny": 0.3}),
        Peer("naive", "boto3 loop, as people write it", _python("naive"), pace=_SLOW),
        Peer(
            "java-tuned",
            "Java library, tuned",
            tuple(java.command("tuned")),
            java.environment("tuned"),
            {"": 0.5, "tiny": 0.3},
        ),
        Peer("java", "Java library, defaults", tuple(java.command("defaults")), java.environment("defaults"), _SLOW),
    )
}


def unavailable(peer: Peer) -> str | None:
    """Why a peer cannot take part; None when it can."""
    return java.available() if peer.name.startswith("java") else None


def prepare(peer: Peer) -> None:
    """Build what has to be built."""
    if peer.name.startswith("java"):
        java.build()
