"""The number of processes fits what the machine, and a container's quota, give."""

import os
from pathlib import Path

import pytest

from cloudtrail_processing.supervisor import cores

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
