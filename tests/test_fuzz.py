"""A short run of ``benchmarks/fuzz.py``: the same parsers, seeds and mutations, without guidance."""

import importlib
import itertools
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
INPUTS = 200


@pytest.fixture
def fuzzing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.delenv("CLOUDTRAIL_CORPORA", raising=False)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("fuzz_engines")


def test_every_parser_gives_what_it_promises_or_our_own_error_for_any_mutated_input(fuzzing: ModuleType) -> None:
    targets = sys.modules["fuzz_targets"].TARGETS
    broken: list[Any] = []
    for target in targets:
        seeds, chosen, mutator = list(target.seeds()), random.Random(1), fuzzing.Mutator(target.words, seed=1)
        mutated = (mutator.mutated(chosen.choice(seeds), other=chosen.choice(seeds)) for _ in range(INPUTS))
        broken += filter(None, (fuzzing.attempt(target, data) for data in itertools.chain(seeds, mutated)))
    assert len(targets) >= 17
    assert broken == []


def test_a_broken_promise_is_found_and_told_without_its_input(fuzzing: ModuleType) -> None:
    """Otherwise a million inputs without a finding would prove nothing."""
    (target,) = (target for target in sys.modules["fuzz_targets"].TARGETS if target.name == "key")

    def careless(data: bytes) -> None:
        assert b"AWSLogs" not in data

    broken = fuzzing.Target("careless", "nothing", careless, target.seeds, (), 1)
    corpus, findings = fuzzing.explore(broken, inputs=20, seed=1, told=lambda _: None)
    assert corpus
    assert [finding.error for finding in findings] == ["AssertionError"]
    assert "AWSLogs" not in repr(findings)
