"""The results as pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.speed.figures import Run, Runs
from benchmarks.speed.limit import NAME as LIMIT
from benchmarks.speed.peers import PEERS
from benchmarks.speed.tables import TITLES
from benchmarks.speed.targets import middle
from benchmarks.speed.workloads import WORKLOADS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS: Final = {
    "ours": "#1b6ca8",
    "ours-struct": "#5fa8d3",
    "tuned": "#7fb069",
    "naive": "#b9c4b0",
    "java-tuned": "#e08e45",
    "java": "#f0c9a4",
    LIMIT: "#444444",
}
_MIB = 2**20
Figure_ = Callable[[Run], float | None]


def draw(runs: Runs, folder: Path) -> None:
    """Write ``speed.png``, ``cost.png`` and ``scaling.png``."""
    _speed(runs).savefig(folder / "speed.png", dpi=110)
    _cost(runs).savefig(folder / "cost.png", dpi=110)
    _scaling(runs).savefig(folder / "scaling.png", dpi=110)


def _figure(rows: int, columns: int, *, size: tuple[float, float]) -> tuple["Figure", Sequence["Axes"]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def _speed(runs: Runs) -> "Figure":
    figure, axes = _figure(2, 3, size=(12, 6.5))
    for ax, name in zip(axes, WORKLOADS, strict=True):
        _bars(ax, runs, name, lambda run: run.rate / 1000, [*PEERS, LIMIT])
        ax.set_title(name, fontsize=10, loc="left")
        ax.set_xscale("log")
    figure.suptitle("thousand events per second on two cores, by the clock (logarithmic)", fontsize=11)
    return figure


def _cost(runs: Runs) -> "Figure":
    figure, axes = _figure(2, 2, size=(12, 6.5))
    for ax, name in zip(axes, ("large", "typical", "filter"), strict=False):
        _bars(ax, runs, name, lambda run: run.cost, [*PEERS, LIMIT])
        ax.set_title(f"{name}: CPU seconds per million events", fontsize=10, loc="left")
    _bars(axes[3], runs, "typical", lambda run: run.largest / _MIB, list(PEERS))
    axes[3].set_title("typical: MiB of the largest process", fontsize=10, loc="left")
    return figure


def _bars(ax: "Axes", runs: Runs, workload: str, figure: Figure_, peers: Sequence[str]) -> None:
    """One bar for each peer, with its figure beside it and a line from the lowest to the highest."""
    shown = [(peer, value) for peer in reversed(peers) if (value := _middle(runs, workload, peer, figure)) is not None]
    ax.barh([TITLES[peer] for peer, _ in shown], [it for _, it in shown], color=[_COLOURS[peer] for peer, _ in shown])
    for place, (peer, value) in enumerate(shown):
        values = [found for run in runs.of(workload=workload, peer=peer) if (found := figure(run)) is not None]
        ax.plot([min(values), max(values)], [place, place], color="black", linewidth=1)
        ax.annotate(f" {value:,.1f}" if value < 10 else f" {value:,.0f}", (max(values), place), va="center", fontsize=8)
    ax.margins(x=0.2)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)


def _middle(runs: Runs, workload: str, peer: str, figure: Figure_) -> float | None:
    return middle(runs.of(workload=workload, peer=peer), figure)


def _scaling(runs: Runs) -> "Figure":
    figure, axes = _figure(1, 3, size=(12, 3.6))
    for workload in ("large", "typical"):
        found = runs.of("processes", workload=workload)
        counts = sorted({run.processes for run in found})
        rates = [
            (middle([it for it in found if it.processes == count], lambda run: run.rate) or 0) / 1000
            for count in counts
        ]
        axes[0].plot(counts, rates, marker="o", label=workload)
        axes[0].set_xticks(counts)
    axes[0].set_ylim(bottom=0)
    axes[0].legend(fontsize=8)
    axes[0].set_title("thousand events/s, by processes", fontsize=10, loc="left")
    _line(axes[1], runs, "events", lambda run: run.events, "events")
    _line(axes[2], runs, "depth", lambda run: run.logs, "messages in the queue")
    return figure


def _line(ax: "Axes", runs: Runs, series: str, along: Callable[[Run], float], what: str) -> None:
    """Cost and memory along a growing number."""
    found = sorted(runs.of(series), key=along)
    ax.plot([along(run) for run in found], [run.cost for run in found], marker="o", label="CPU s per million events")
    ax.plot(
        [along(run) for run in found], [run.largest / _MIB for run in found], marker="s", label="MiB, largest process"
    )
    if found:
        ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    ax.set_title(f"by {what}", fontsize=10, loc="left")
    ax.legend(fontsize=8)
