"""The number of processes fits what the machine, and a container's quota, give."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from cloudtrail_processing.supervisor import cores
from cloudtrail_processing.supervisor.cores import shares

USABLE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "number"),
    [
        ("max 100000\n", USABLE),
        ("100000 100000\n", 1),
        ("50000 100000\n", 1),
        ("100000000 100000\n", USABLE),
        ("150000 100000\n", min(2, USABLE)),
        ("", USABLE),
        ("1 0", USABLE),
    ],
)
def test_a_quota_bounds_the_cores(tmp_path: Path, quota: str, number: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert cores(file) == number


def test_without_a_quota_it_is_the_cores_that_may_be_used(tmp_path: Path) -> None:
    assert cores(tmp_path / "cpu.max") == USABLE


@pytest.mark.parametrize(
    ("processes", "usable", "places"),
    [
        (2, [0, 1], [0, 1]),
        (4, [3, 5], [3, 5, 3, 5]),
        (1, [7], [7]),
        (1, [0, 1], [None]),
        (3, [0, 1], [None] * 3),
        (2, range(64), [None] * 2),
        (2, (), [None] * 2),
    ],
)
def test_processes_are_kept_on_cores_only_where_they_fill_all_of_them_evenly(
    processes: int, usable: Sequence[int], places: Sequence[int | None]
) -> None:
    assert shares(processes, usable) == places
