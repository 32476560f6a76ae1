"""Processes that are killed at any moment, one after the other, on one ledger: each log is told for what it is."""

import os
import pickle
import random
import signal
import subprocess
import sys
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest
from proving_process import Carried

from cloudtrail_processing.testing import Generator, Replace, SignedTrail

TESTS = Path(__file__).parent.parent
TRAIL = SignedTrail(6, hours=2, logs=6)
FIRST, SECOND = TRAIL.windows
ALTERED = FIRST.logs[2]
SPOILT = TRAIL.tampered(Replace(FIRST.bucket, ALTERED, Generator(seed=8).log(records=3).body))


@pytest.mark.parametrize("seed", range(2))
def test_kill_minus_nine_loses_no_finding_and_no_message(tmp_path: Path, seed: int) -> None:
    carried = Carried.of(SPOILT, now=SECOND.end + timedelta(hours=1))
    (tmp_path / "trail").write_bytes(pickle.dumps(carried))
    dice = random.Random(seed)
    left = [*FIRST.logs, *SECOND.logs, FIRST.key, SECOND.key]
    dice.shuffle(left)
    found: dict[str, set[str]] = defaultdict(set)
    kills = 0
    for _ in range(40):
        for line in lines_of_a_short_life(tmp_path, left, lines=dice.randrange(1, 7)):
            what, _, rest = line.partition(" ")
            if what == "found":
                state, _, log = rest.partition(" ")
                found[log.partition(f"{FIRST.bucket}/")[2]].add(state)
            elif what == "deleted":
                left.remove(rest)
        kills += bool(left)
        if not left:
            break
    assert left == []
    assert kills > 2
    assert found == {key: {"mismatch" if key == ALTERED else "verified"} for key in (*FIRST.logs, *SECOND.logs)}


def lines_of_a_short_life(folder: Path, keys: list[str], *, lines: int) -> list[str]:
    """What a process says until so many lines after its beginning, when it is killed; or to its end."""
    command = [sys.executable, str(TESTS / "proving_process.py"), str(folder), *keys]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line.strip())
            if len(said) > lines:
                process.send_signal(signal.SIGKILL)
                break
        said += [line.strip() for line in process.stdout if line.endswith("\n")]
    assert said[0] == "ready"
    return said[1:]
