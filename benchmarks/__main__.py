"""``python -m benchmarks``: measure and draw. What it measures, and how to read it, is told in ``benchmarks``."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.aws.ceiling import measured
from benchmarks.aws.running import running
from benchmarks.speed.alone import MODELS, alone, sampled
from benchmarks.speed.figures import Run, Runs
from benchmarks.speed.limit import NAME as LIMIT
from benchmarks.speed.limit import measure_limit
from benchmarks.speed.machine import machine
from benchmarks.speed.measuring import Failed, measure
from benchmarks.speed.peers import PEERS, prepare, unavailable
from benchmarks.speed.plots import draw
from benchmarks.speed.scaling import SIDES, by_depth, by_events, by_processes, side_by_side
from benchmarks.speed.starting import first_events, import_times
from benchmarks.speed.tables import page
from benchmarks.speed.workloads import WORKLOADS, Workload, logs_of
from cloudtrail_processing.tuning import tune

RESULTS: Final = Path(__file__).parent / "results"
_TOLD: Final = 30  # lines of a profile
_QUICK: Final = 20  # times fewer logs

app = typer.Typer(add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False)
console = Console()

Names = Annotated[list[str] | None, typer.Option(help="only this one; may be repeated")]
Out = Annotated[Path, typer.Option(help="folder for the results")]


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    workload: Names = None,
    peer: Names = None,
    runs: Annotated[int, typer.Option(min=1, help="how often each is measured")] = 5,
    processes: Annotated[int, typer.Option(min=1, help="for every peer in Python")] = 2,
    quick: Annotated[bool, typer.Option(help="a twentieth of the logs: to see that it works, not how fast")] = False,
    append: Annotated[bool, typer.Option(help="keep what was measured before")] = False,
    scaling: Annotated[bool, typer.Option(help="scaling and start, too")] = True,
    out: Out = RESULTS,
) -> None:
    """Measure every peer on every workload, in alternating order, then scaling and start; draw tables and plots."""
    if context.invoked_subcommand:
        return
    kept = Runs(out / "runs.jsonl")
    if not append:
        kept.forget()
    chosen = list(_available(_chosen(peer, [*PEERS, LIMIT])))
    jobs = [WORKLOADS[name] for name in _chosen(workload, list(WORKLOADS))]
    _keep(
        kept,
        _workloads(jobs, chosen, runs=runs, processes=processes, part=_QUICK if quick else 1),
        "workloads",
        total=sum(name == LIMIT or PEERS[name].share(job.name) > 0 for job in jobs for name in chosen) * runs,
    )
    if scaling:
        _keep(kept, import_times(runs), "import", total=None)
        _keep(kept, first_events(runs), "first event", total=None)
        _keep(kept, by_processes(1 if quick else runs), "processes", total=None)
        for series in SIDES:
            _keep(kept, side_by_side(series, 1 if quick else runs), series, total=None)
        tune()
        _keep(kept, alone(1 if quick else runs), "memory", total=None)
        _keep(kept, by_events((10**3, 10**4)) if quick else by_events(), "events", total=None)
        _keep(kept, by_depth((10, 10**2)) if quick else by_depth(), "depth", total=None)
    (out / "ceiling.json").write_text(json.dumps(measured(), indent=2))
    (out / "machine.txt").write_text(machine())
    report(out)


@app.command()
def report(out: Out = RESULTS) -> None:
    """Draw tables and plots from what was measured before."""
    kept = Runs(out / "runs.jsonl")
    ceiling, notes = out / "ceiling.json", out / "notes.md"
    text = page(
        kept,
        machine=(out / "machine.txt").read_text(),
        ceiling=json.loads(ceiling.read_text()) if ceiling.exists() else None,
        notes=notes.read_text() if notes.exists() else "",
    )
    (out / "README.md").write_text(text)
    draw(kept, out)
    console.print(Markdown(text))


@app.command()
def profile(
    model: Annotated[str, typer.Argument(help=f"one of {', '.join(MODELS)}")] = "large",
    rounds: Annotated[int, typer.Option(min=1, help="how often the eight large logs are worked through")] = 40,
) -> None:
    """Tell where the processor's time goes in one process that works through logs in memory."""
    _chosen([model], MODELS)
    tune()
    for name, share in list(sampled(model, rounds=rounds).items())[:_TOLD]:
        console.print(f"{share:6.1%}  {name}", markup=False, highlight=False)


def _chosen(named: Sequence[str] | None, known: Sequence[str]) -> Sequence[str]:
    if unknown := set(named or ()).difference(known):
        raise typer.BadParameter(f"not known: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return named or known


def _available(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name != LIMIT and (why := unavailable(PEERS[name])):
            console.print(f"[yellow]{PEERS[name].title} is left out: {why}[/yellow]")
            continue
        if name != LIMIT:
            prepare(PEERS[name])
        yield name


def _workloads(
    jobs: Sequence[Workload], names: Sequence[str], *, runs: int, processes: int, part: int
) -> Iterator[Run | None]:
    """Every peer on every workload; each round in another order, so that none is always the first."""
    for job in jobs:
        logs = logs_of(job)
        taking_part = [name for name in names if name == LIMIT or PEERS[name].share(job.name)]
        for number in range(runs):
            turn = number % len(taking_part)
            for name in (*taking_part[turn:], *taking_part[:turn]):
                count = max(2, job.logs // part)
                if name == LIMIT:
                    yield measure_limit(job, logs, count=count, processes=processes)
                    continue
                share = max(2, int(count * PEERS[name].share(job.name)))
                with running(logs.folder) as aws:
                    try:
                        yield measure(PEERS[name], job, logs, aws, count=share, processes=processes)
                    except Failed as error:
                        console.print(f"[red]{name} on {job.name}: {error}[/red]")
                        yield None


def _keep(kept: Runs, made: Iterable[Run | None], what: str, *, total: int | None) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total)
        for run in made:
            if run is not None:
                kept.add(run)
                bar.update(task, description=f"{run.series}: {run.workload} {run.peer} {run.rate:,.0f}/s")
            bar.advance(task)


if __name__ == "__main__":
    app()
