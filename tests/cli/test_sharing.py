"""Processes that share a standard error never tear each other's lines."""

import os
import subprocess
import sys
from collections import Counter

from commands import PATIENCE

WRITER = """
import logging, sys
from cloudtrail_processing.cli.sharing import WholeLines

log = logging.getLogger("writer")
log.addHandler(WholeLines())
for _ in range(20):
    log.warning(sys.argv[1] * 50_000)
"""


def test_lines_that_are_longer_than_a_pipe_keeps_together_arrive_whole() -> None:
    ours, theirs = os.pipe()
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, letter], stderr=theirs) for letter in "ab"]
    os.close(theirs)
    with os.fdopen(ours) as reader:
        lines = Counter(reader.read().splitlines())
    assert [writer.wait(PATIENCE) for writer in writers] == [0, 0]
    assert lines == {"a" * 50_000: 20, "b" * 50_000: 20}


def test_where_there_is_nothing_to_lock_it_writes_all_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.__stderr__ = None\n{WRITER}", "a"],
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
    assert done.stderr.count(b"\n") == 20
