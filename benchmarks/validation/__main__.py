"""``python -m benchmarks.validation``: compare and measure; ``benchmarks.validation`` tells what and how to read it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.speed.machine import machine
from benchmarks.validation import awscli
from benchmarks.validation.agreement import agreements
from benchmarks.validation.cases import CASES
from benchmarks.validation.holes import rows
from benchmarks.validation.page import agreement_part, holes_part, speed_part
from benchmarks.validation.plots import draw
from benchmarks.validation.programs import Failed
from benchmarks.validation.speed import CLI, LATENCIES, Sized, measured, read, write
from benchmarks.validation.tamperings import Size

RESULTS: Final = Path(__file__).parent.parent / "results"
_QUICK: Final = (Size(60, 3), Sized(logs=3, hours=24, few=6))

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()
Any_ = TypeVar("Any_")


@app.command()
def main(
    runs: Annotated[int, typer.Option(min=1, help="how often each speed is measured")] = 3,
    quick: Annotated[bool, typer.Option(help="small trails: to see that it works, not how fast")] = False,
    speed: Annotated[bool, typer.Option(help="measure, too; otherwise the last figures stay")] = True,
    aws: Annotated[Path | None, typer.Option(help="an AWS CLI that is installed already")] = None,
    out: Annotated[Path, typer.Option(help="folder for the results")] = RESULTS,
) -> None:
    """Compare verdicts, go through the holes, measure; write ``validation.md`` and ``validation.png``."""
    program = aws or _installed()
    size, sized = _QUICK if quick else (Size(), Sized())
    parts = [_first(program)]
    if program is not None:
        parts.append("\n".join(agreement_part(_shown(agreements(program, size), "agreement", 2))))
    parts.append("\n".join(holes_part(_shown(rows(program), "holes", len(CASES)))))
    kept = out / "validation.jsonl"
    if speed:
        count = len(LATENCIES) * runs * (1 + (program is not None))
        write(_shown(measured(program, sized, runs=runs), "speed", count), kept)
    figures = read(kept)
    if any(it.program == CLI for it in figures):
        parts.append("\n".join(speed_part(figures)) + "\n\n![speed](validation.png)")
        draw(figures, out / "validation.png")
    text = "\n\n".join(parts) + "\n"
    (out / "validation.md").write_text(text)
    console.print(Markdown(text))


def _installed() -> Path | None:
    try:
        return awscli.installed()
    except Failed as error:
        console.print(f"[yellow]the CLI is left out: {error}[/yellow]")
        return None


def _first(program: Path | None) -> str:
    named = awscli.version(program) if program is not None else "no AWS CLI"
    text = "What is shown and how: the text at the top of `benchmarks/validation/__init__.py`. Medians of all runs."
    return f"# Results of `python -m benchmarks.validation`\n\nMeasured with {named} on {machine()} {text}"


def _shown(made: Iterable[Any_], what: str, total: int) -> Iterator[Any_]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total)
        for one in made:
            bar.advance(task)
            yield one


if __name__ == "__main__":
    app()
