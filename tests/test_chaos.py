"""A short run of the chaos program: everything that can go wrong does, and every promise holds."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
BOUND = 120  # seconds: a run that is not over by then is given up, and has broken its promises


@pytest.fixture
def chaos(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield importlib.import_module("chaos")
    for name in [name for name in sys.modules if name.startswith("chaos")]:
        del sys.modules[name]


def test_nothing_is_lost_while_workers_are_killed_and_everything_around_them_fails(chaos: Any, tmp_path: Path) -> None:
    options = chaos.Options(
        logs=40,
        events=2_000,
        workers=2,
        kill_every=2,
        most_kills=2,
        quiet=2,
        patience=BOUND,
        mount=False,
        keep=tmp_path / "run",
    )
    result = chaos.play(options, seed=7)
    told = "\n".join([*result.broken, *result.examples, *result.crashes])
    assert not result.broken, told
    assert (result.lost, result.left, result.delivered) == (0, 0, result.generated)
    assert result.kills, "nobody was killed"
    assert sum(result.faults.values()) > 10, "hardly anything went wrong"
