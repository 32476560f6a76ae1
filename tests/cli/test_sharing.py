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
print("ready", flush=True)
sys.stdin.read()
for _ in range(20):
    log.warning(sys.argv[1] * 200_000)
"""


def test_lines_that_are_longer_than_a_pipe_keeps_together_arrive_whole() -> None:
    ours, theirs = os.pipe()
    writers = [writer(letter, stderr=theirs) for letter in "ab"]
    os.close(theirs)
    assert [one.stdout and one.stdout.readline() for one in writers] == [b"ready\n"] * 2
    for one in writers:
        one.stdin and one.stdin.close()
    with os.fdopen(ours) as reader:
        lines = Counter(reader.read().splitlines())
    assert [one.wait(PATIENCE) for one in writers] == [0, 0]
    assert {(line[:1], len(line)): count for line, count in lines.items()} == {("a", 200_000): 20, ("b", 200_000): 20}
    for one in writers:
        one.stdout and one.stdout.close()


def writer(letter: str, *, stderr: int) -> "subprocess.Popen[bytes]":
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", WRITER, letter], stdin=pipe, stdout=pipe, stderr=stderr)


def test_where_there_is_nothing_to_lock_it_writes_all_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.__stderr__ = None\n{WRITER}", "a"],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=True,
        timeout=PATIENCE,
    )
    assert done.stderr.count(b"\n") == 20
