"""Feed a million mutated inputs to every parser: only promised results and our own errors may come out.

    python benchmarks/fuzz.py                      # 1,000,000 inputs in all, guided by coverage
    python benchmarks/fuzz.py --only log --inputs 50000 --seed 7

With atheris (``pip install atheris``, best into a virtual environment of its own; it is no dependency of the package)
libFuzzer guides the mutations; without it a simple loop keeps what reaches new lines, about ten times slower. Where
``CLOUDTRAIL_CORPORA`` names a folder of real logs, they are among the seeds. Ends with 1 when a promise was broken;
the inputs that did it lie in the folder of ``--findings`` then.
"""

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzz_engines import Lines, explore, keep, strict
from fuzz_seeds import LONGEST
from fuzz_targets import TARGETS, Target
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

_RUNNER = Path(__file__).with_name("fuzz_atheris.py")
_DONE = re.compile(r"#(\d+)\s")


@dataclass(frozen=True, slots=True)
class Row:
    """What fuzzing one parser came to."""

    target: Target
    inputs: int
    seconds: float
    corpus: int
    reached: int
    lines: int


def main() -> int:
    """Fuzz, tell, and give the exit code."""
    asked = _arguments()
    strict()
    chosen = [target for target in TARGETS if not asked.only or target.name in asked.only]
    parts = sum(target.share for target in chosen)
    console = Console() if sys.stdout.isatty() else Console(width=140)
    columns = (TextColumn("{task.description:16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        rows = [_fuzz(target, -(-asked.inputs * target.share // parts), asked=asked, bar=bar) for target in chosen]
    return _tell(rows, asked.findings, console=console)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    has_atheris = importlib.util.find_spec("atheris") is not None
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many in all (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=[target.name for target in TARGETS], help="one parser")
    parser.add_argument("--seed", type=int, default=1, help="another number makes other inputs")
    parser.add_argument("--engine", choices=["atheris", "own"], default="atheris" if has_atheris else "own")
    parser.add_argument("--findings", type=Path, default=Path(tempfile.gettempdir()) / "fuzz-findings")
    return parser.parse_args()


def _fuzz(target: Target, inputs: int, *, asked: argparse.Namespace, bar: Progress) -> Row:
    task = bar.add_task(target.name, total=inputs)
    begun = time.monotonic()
    engine = _by_atheris if asked.engine == "atheris" else _by_ourselves
    done, corpus = engine(target, inputs, asked, lambda number: bar.update(task, completed=number))
    bar.update(task, completed=done)
    if not bar.console.is_terminal:
        bar.console.print(f"{target.name}: {done:,} inputs")
    seconds, lines = time.monotonic() - begun, Lines(target.modules)
    return Row(target, done, seconds, len(corpus), lines.reached(target, corpus), len(lines.all))


def _by_ourselves(
    target: Target, inputs: int, asked: argparse.Namespace, told: Callable[[int], None]
) -> tuple[int, list[bytes]]:
    corpus, findings = explore(target, inputs=inputs, seed=asked.seed, told=told)
    for finding in findings:
        keep(finding, asked.findings)
    return inputs, corpus


def _by_atheris(
    target: Target, inputs: int, asked: argparse.Namespace, told: Callable[[int], None]
) -> tuple[int, list[bytes]]:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        for number, seed in enumerate(target.seeds()):
            (folder / f"seed-{number}").write_bytes(seed)
        options = [f"-runs={inputs}", f"-seed={asked.seed}", f"-max_len={LONGEST}", "-timeout=20", "-rss_limit_mb=2048"]
        artifacts = f"-artifact_prefix={asked.findings}{os.sep}{target.name}-"
        asked.findings.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(_RUNNER), target.name, str(asked.findings), *options, artifacts, str(folder)]
        done = _watched(command, told)
        return done, [file.read_bytes() for file in folder.iterdir()]


def _watched(command: list[str], told: Callable[[int], None]) -> int:
    """Run libFuzzer to its end; how many inputs it tried. Its last words go on when it was not a good end."""
    done, last = 0, list[str]()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stderr is not None
        for line in process.stderr:
            last = [*last[-30:], line]
            if found := _DONE.match(line):
                told(done := int(found[1]))
    if process.returncode:
        sys.stderr.writelines(last)
    return done


def _tell(rows: list[Row], findings: Path, *, console: Console) -> int:
    table = Table("parser", "any input gives", title="Fuzzing")
    for name in ("inputs", "seconds", "corpus", "lines reached"):
        table.add_column(name, justify="right")
    for row in rows:
        reached = f"{row.reached} of {row.lines}" if row.lines else ""
        figures = (f"{row.inputs:,}", f"{row.seconds:.0f}", str(row.corpus), reached)
        table.add_row(row.target.name, row.target.gives, *figures)
    table.add_section()
    table.add_row("all", "", f"{sum(row.inputs for row in rows):,}", f"{sum(row.seconds for row in rows):.0f}")
    console.print(table)
    found = sorted(file for file in findings.glob("*") if file.suffix != ".input")
    for file in found:
        told = json.loads(file.read_text()) if file.suffix == ".json" else {}
        if told or file.suffix != ".input":
            console.print(
                f"broken: {told.get('target', '')} {told.get('error', 'crash')} {told.get('place', '')} {file}"
            )
    console.print(f"promises broken: {len([file for file in found if file.suffix != '.input'])}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
