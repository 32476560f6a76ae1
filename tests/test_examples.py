"""Every example runs as it is, and says what it found."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs_by_itself(example: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_all_the_examples_are_there() -> None:
    assert {example.stem for example in EXAMPLES} >= {
        "print_events",
        "json_lines",
        "console_logins",
        "async_processor",
        "several_processors",
        "own_filter",
        "own_progress_reporter",
        "testing_your_processor",
        "exactly_once_sqlite",
    }
