"""The bounds of the checkpoint and of the events in memory; what both promise beyond that is in the contract tests."""

import pytest

from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint, MemorySeen
from cloudtrail_processing.errors import Claimed, ClaimLost


def test_the_logs_untouched_for_longest_are_dropped_first() -> None:
    checkpoint = MemoryCheckpoint(most=3)
    for log in "abcd":
        checkpoint.finish(checkpoint.claim(log, processor="p"))
    assert [checkpoint.claim(log, processor="p").finished for log in "dcb"] == [True, True, True]
    assert not checkpoint.claim("a", processor="p").finished


def test_a_log_in_work_is_never_dropped_however_many_come() -> None:
    checkpoint = MemoryCheckpoint(most=2)
    held = [checkpoint.claim(f"held-{number}", processor="p") for number in range(5)]
    for number in range(20):
        checkpoint.finish(checkpoint.claim(str(number), processor="p"))
    for claim in held:
        with pytest.raises(Claimed):
            checkpoint.claim(claim.log, processor="p")
        checkpoint.advance(claim, 1)
    assert not checkpoint.claim("18", processor="p").finished


def test_a_log_whose_claim_ran_out_is_dropped_like_an_idle_one() -> None:
    time = [1_000.0]
    checkpoint = MemoryCheckpoint(most=1, claim_time=10, now=lambda: time[0])
    dead = checkpoint.claim("a", processor="p")
    time[0] += 11
    checkpoint.claim("b", processor="p")
    with pytest.raises(ClaimLost):
        checkpoint.advance(dead, 1)


def test_the_oldest_events_are_forgotten_first() -> None:
    seen = MemorySeen(60, most=3)
    seen.remember(["a", "b", "c"])
    seen.remember(["a", "d"])
    assert seen.unseen("abcd") == {"b"}
