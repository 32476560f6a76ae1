"""The speed as a picture."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.validation.speed import CLI, OURS, Run, middle

_TITLES = {CLI: "aws cloudtrail validate-logs", OURS: "cloudtrail-processing validate"}
_COLOURS = {CLI: "#e08e45", OURS: "#1b6ca8"}
_FIGURES = (
    ("pace", 1.0, "objects per second, once started (logarithmic)"),
    ("marginal", 1000.0, "CPU milliseconds of one object more"),
    ("memory", 1 / 2**20, "MiB at the peak"),
)


def draw(runs: Sequence[Run], path: Path) -> None:
    """Write ``path``, a PNG: a group of bars for each latency."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    latencies = sorted({it.latency for it in runs})
    for ax, (name, factor, title) in zip(figure.subplots(1, len(_FIGURES)), _FIGURES, strict=True):
        for offset, program in ((-0.2, CLI), (0.2, OURS)):
            values = [(middle(runs, program, latency, name) or 0) * factor for latency in latencies]
            places = [place + offset for place in range(len(latencies))]
            bars = ax.bar(places, values, 0.38, label=_TITLES[program], color=_COLOURS[program])
            ax.bar_label(bars, [f"{it:,.0f}" if it >= 10 else f"{it:.2g}" for it in values], fontsize=8)
        if name == "pace":
            ax.set_yscale("log")
        ax.set_xticks(range(len(latencies)), [f"{it:g} ms" for it in latencies])
        ax.set_title(title, fontsize=10, loc="left")
        ax.margins(y=0.15)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
    handles, titles = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, titles, loc="outside lower center", ncols=2, fontsize=8)
    figure.savefig(path, dpi=110)
