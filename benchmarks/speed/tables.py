"""The results in words and numbers: one Markdown page."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from benchmarks.speed.alone import MODELS
from benchmarks.speed.alone import SERIES as MEMORY
from benchmarks.speed.figures import Run, Runs, Spread
from benchmarks.speed.limit import NAME as LIMIT
from benchmarks.speed.peers import OURS, PEERS
from benchmarks.speed.scaling import SIDES
from benchmarks.speed.starting import IMPORTS
from benchmarks.speed.targets import middle, targets
from benchmarks.speed.workloads import WORKLOADS

_MIB = 2**20
_HEAD = """Measured on {} What is measured and how: the text at the top of `benchmarks/__init__.py`.
Medians, with the lowest and the highest of all runs in brackets.
"""
TITLES: Final = {name: peer.title for name, peer in PEERS.items()} | {LIMIT: "the limit: inflate and split alone"}


def page(runs: Runs, *, machine: str, ceiling: dict[str, dict[str, float]] | None, notes: str) -> str:
    """Everything."""
    parts = [
        "# Results of `python -m benchmarks`\n",
        _HEAD.format(machine),
        "![events per second](speed.png)\n",
        "## Targets\n",
        _targets(runs),
        notes,
        "## Workloads\n",
        *(_workload(runs, name) for name in WORKLOADS),
        "![processor time and memory](cost.png)\n",
        "## The simulated AWS\n",
        _ceiling(ceiling or {}),
        "## Scaling\n",
        "![scaling](scaling.png)\n",
        _scaling(runs),
        _sides(runs),
        _alone(runs),
        "## Start\n",
        _start(runs),
    ]
    return "\n".join(part for part in parts if part)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; empty without rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|---" + "|--:" * (len(head) - 1) + "|", *lines, ""]) if lines else ""


def _targets(runs: Runs) -> str:
    rows = (
        (it.what, it.wanted, it.reached or "not measured", "met" if it.is_met else "**missed**") for it in targets(runs)
    )
    return table(("target", "wanted", "reached", ""), rows)


def _workload(runs: Runs, name: str) -> str:
    head = ("events/s", "logs/s", "CPU s per million events", "share of the limit, CPU", "clock")
    more = ("MiB, largest process", "all processes", "SQS calls per 1,000 events", "S3", "head-room of the server")
    rows = list(_rows(runs, name))
    return f"### {name}: {WORKLOADS[name].what}\n\n" + table(("", *head, *more), rows) if rows else ""


def _rows(runs: Runs, workload: str) -> Iterator[Sequence[str]]:
    limit = runs.of(workload=workload, peer=LIMIT)
    cost, rate = middle(limit, lambda run: run.cost), middle(limit, lambda run: run.rate)
    for peer, title in TITLES.items():
        if peer == LIMIT or not (of_peer := runs.of(workload=workload, peer=peer)):
            continue
        busy = middle(of_peer, lambda run: run.busy) or 0
        yield (
            title,
            _told(of_peer, lambda run: run.rate, "{:,.0f}"),
            _told(of_peer, lambda run: run.logs / run.wall, "{:,.0f}", spread=False),
            _told(of_peer, lambda run: run.cost, "{:.1f}"),
            _told(of_peer, lambda run: cost / run.cost if cost and run.cost else None, "{:.0%}", spread=False),
            _told(of_peer, lambda run: rate and run.rate / rate, "{:.0%}", spread=False),
            _told(of_peer, lambda run: run.largest / _MIB, "{:.0f}", spread=False),
            _told(of_peer, lambda run: run.together / _MIB, "{:.0f}", spread=False),
            _told(of_peer, lambda run: run.calls(of_s3=False), "{:.2f}", spread=False),
            _told(of_peer, lambda run: run.calls(of_s3=True), "{:.2f}", spread=False),
            f"{1 / busy:.0f} ×" if busy else "",
        )
    if limit:
        told = (_told(limit, lambda run: run.rate, "{:,.0f}"), "", _told(limit, lambda run: run.cost, "{:.1f}"))
        yield (TITLES[LIMIT], *told, "100%", "100%", "", "", "", "", "")


def _told(runs: Sequence[Run], figure: Callable[[Run], float | None], form: str, *, spread: bool = True) -> str:
    found = Spread.of(map(figure, runs))
    if found is None:
        return ""
    whole = f" ({form.format(found.lowest)} – {form.format(found.highest)})" if spread and found.count > 1 else ""
    return form.format(found.middle) + whole


def _ceiling(rates: dict[str, dict[str, float]]) -> str:
    rows = [(name, f"{it['per_core_second']:,.0f}", f"{it['cpu_us']:.1f}") for name, it in rates.items()]
    text = (
        "What one core of it can answer, asked without latency. *Head-room* above is by how much more a client could "
        "have asked before the simulated AWS had filled one core.\n\n"
    )
    return text + table(("request", "per second of one core", "µs each"), rows) if rows else ""


def _scaling(runs: Runs) -> str:
    rows = [
        (
            f"{run.workload}, {run.processes} process(es), {run.logs:,} logs, {run.events:,} events ({run.series})",
            f"{run.rate:,.0f}",
            f"{run.cost:.1f}",
            f"{run.largest / _MIB:.0f}",
        )
        for series in ("processes", "events", "depth")
        for run in _medians(runs.of(series))
    ]
    return table(("", "events/s", "CPU s per million events", "MiB, largest process"), rows)


def _medians(runs: Sequence[Run]) -> Iterator[Run]:
    """The run in the middle, by its speed, of all that measured the same."""
    alike: dict[tuple[str, int, int], list[Run]] = {}
    for run in runs:
        alike.setdefault((run.workload, run.processes, run.logs), []).append(run)
    for several in alike.values():
        yield sorted(several, key=lambda run: run.rate)[len(several) // 2]


def _sides(runs: Runs) -> str:
    rows = [
        (
            f"{workload}: {peer.title}",
            _told(of, lambda run: run.rate, "{:,.0f}"),
            _told(of, lambda run: run.cost, "{:.1f}"),
        )
        for series, other in SIDES.items()
        for workload in ("large", "typical")
        for peer in (OURS, other)
        if (of := runs.of(series, workload=workload, peer=peer.name))
    ]
    return (
        "## Settings beside each other\n\n" + table(("", "events/s", "CPU s per million events"), rows) if rows else ""
    )


def _alone(runs: Runs) -> str:
    least = middle(runs.of(MEMORY, peer=LIMIT), lambda run: run.cost)
    rows = [
        (
            name,
            _told(of, lambda run: run.cost, "{:.2f}"),
            _told(of, lambda run: least and run.cost and least / run.cost, "{:.0%}", spread=False),
        )
        for name in (LIMIT, *MODELS)
        if (of := runs.of(MEMORY, peer=name))
    ]
    text = "## One process, large logs in memory\n\nWhere its time goes: `python -m benchmarks profile`.\n\n"
    return text + table(("", "CPU s per million events", "share of the limit"), rows) if rows else ""


def _start(runs: Runs) -> str:
    imports = [(f"`{code}`", runs.of("import", peer=name)) for name, code in IMPORTS.items()]
    rows = [(code, _told(of, lambda run: run.wall * 1000, "{:.0f}")) for code, of in imports if of]
    for processes, what in ((0, "`run`"), (2, "`supervise`, two processes")):
        if first := runs.of("first event", processes=processes):
            rows.append(
                (f"first event by {what}, from the start of the program on", _told(first, _first_event, "{:.0f}"))
            )
    return table(("a fresh interpreter", "ms"), rows)


def _first_event(run: Run) -> float | None:
    return None if run.first_event is None else run.first_event * 1000
