"""Random tampering: nothing altered is ever called valid, nothing untouched is ever called invalid."""

import pytest

from benchmarks.tampering import judged, plan

SEEDS = 250  # benchmarks/tampering.py runs ten thousand


@pytest.mark.parametrize("first", range(0, SEEDS, 50))
def test_nothing_altered_is_called_valid_and_nothing_untouched_invalid(first: int) -> None:
    wrong = {seed: found for seed in range(first, first + 50) if (found := judged(plan(seed)))}
    assert wrong == {}
