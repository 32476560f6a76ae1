"""What we set out to reach, and whether it was: nothing here is changed to fit a figure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.speed.figures import Run, Runs, Spread
from benchmarks.speed.limit import NAME as LIMIT

_MIB = 2**20
_TUNED_JAVA, _NAIVE, _OURS = "java-tuned", "naive", "ours"


@dataclass(frozen=True, slots=True)
class Target:
    """A promise: ``reached`` is None where nothing was measured."""

    what: str
    wanted: str
    reached: str | None
    is_met: bool


def targets(runs: Runs) -> Iterator[Target]:
    """All targets, with the medians of these runs."""
    for workload, peer, factor in _FASTER:
        yield _faster(runs, workload, peer, factor)
    for workload, share in _OF_THE_LIMIT:
        yield _near_the_limit(runs, workload, share)
    yield from _proven(runs)
    yield from _small(runs)
    yield from _soon(runs)


_FASTER: Final = (
    ("large", _TUNED_JAVA, 1.5),
    ("large", _NAIVE, 4),
    ("typical", _TUNED_JAVA, 1.5),
    ("typical", _NAIVE, 8),
    ("tiny", _TUNED_JAVA, 2),
    ("tiny", _NAIVE, 10),
    ("filter", _TUNED_JAVA, 6),
    ("projection", _TUNED_JAVA, 3),
)
_OF_THE_LIMIT: Final = (("filter", 0.7), ("raw", 0.8))
_PROOF: Final = 0.05
_MOST_MEMORY: Final = 120
_OF_THE_JVM: Final = 1 / 3
_IMPORT: Final = 0.15
_FIRST_EVENT: Final = 1.0


def middle(runs: Sequence[Run], figure: Callable[[Run], float | None]) -> float | None:
    """The median of a figure of these runs; None without any."""
    spread = Spread.of(map(figure, runs))
    return None if spread is None else spread.middle


def _faster(runs: Runs, workload: str, peer: str, factor: float) -> Target:
    ours = middle(runs.of(workload=workload, peer=_OURS), lambda run: run.rate)
    theirs = middle(runs.of(workload=workload, peer=peer), lambda run: run.rate)
    times = ours / theirs if ours and theirs else None
    reached = None if times is None else f"{times:.1f} ×"
    return Target(
        f"{workload}: events/s beside {peer}", f"≥ {factor:g} ×", reached, times is not None and times >= factor
    )


def _near_the_limit(runs: Runs, workload: str, share: float) -> Target:
    """By processor time: the simulated AWS takes of the same two cores while a peer works, and not from the limit."""
    ours = middle(runs.of(workload=workload, peer=_OURS), lambda run: run.cost)
    least = middle(runs.of(workload=workload, peer=LIMIT), lambda run: run.cost)
    reached = least / ours if ours and least else None
    told = None if reached is None else f"{reached:.0%}"
    return Target(f"{workload}: share of the limit", f"≥ {share:.0%}", told, reached is not None and reached >= share)


def _proven(runs: Runs) -> Iterator[Target]:
    """What it costs to hash every log for ``verify``, and to note it."""
    for workload in ("large", "typical"):
        without = middle(runs.of("proof", workload=workload, peer=_OURS), lambda run: run.cost)
        proven = middle(runs.of("proof", workload=workload, peer="ours-report"), lambda run: run.cost)
        more = proven / without - 1 if without and proven else None
        told = None if more is None else f"{more:+.0%}"
        yield Target(
            f"{workload}: processor time with verify=report",
            f"≤ +{_PROOF:.0%}",
            told,
            more is not None and more <= _PROOF,
        )


def _small(runs: Runs) -> Iterator[Target]:
    ours = middle(runs.of(workload="typical", peer=_OURS), lambda run: run.largest)
    java = middle(runs.of(workload="typical", peer=_TUNED_JAVA), lambda run: run.largest)
    told = f"{ours / _MIB:.0f} MiB" if ours else None
    is_small = bool(ours) and (ours or 0) <= _MOST_MEMORY * 1e6
    yield Target("typical: memory of a process at its peak", f"≤ {_MOST_MEMORY} MB", told, is_small)
    part = ours / java if ours and java else None
    told = None if part is None else f"{part:.0%}"
    yield Target("typical: the same beside the JVM's", "≤ 33 %", told, part is not None and part <= _OF_THE_JVM)


def _soon(runs: Runs) -> Iterator[Target]:
    nothing = middle(runs.of("import", peer="nothing"), lambda run: run.wall)
    package = middle(runs.of("import", peer="package"), lambda run: run.wall)
    seconds = package - nothing if package and nothing else None
    told = None if seconds is None else f"{seconds * 1000:.0f} ms"
    yield Target(
        "import of the package", f"≤ {_IMPORT * 1000:.0f} ms", told, seconds is not None and seconds <= _IMPORT
    )
    first = middle(runs.of("first event", processes=2), lambda run: run.first_event)
    told, is_soon = (None, False) if first is None else (f"{first:.2f} s", first <= _FIRST_EVENT)
    yield Target("first event after the start, two processes", f"≤ {_FIRST_EVENT:g} s", told, is_soon)
