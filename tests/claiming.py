"""Other processes for the tests of SQLite checkpoints: they say on standard output what they have done."""

import itertools
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint
from cloudtrail_processing.errors import Claimed, ConfigurationError


def say(text: object) -> None:
    print(text, flush=True)  # noqa: T201 - the test reads it


def race(checkpoint: SqliteCheckpoint) -> None:
    """Try to get each of fifty logs, and say which were got."""
    sys.stdin.readline()
    for number in range(50):
        try:
            claim = checkpoint.claim(f"s3://trail/{number}", processor="p")
        except Claimed:
            continue
        checkpoint.advance(claim, number)
        say(number)


def march(checkpoint: SqliteCheckpoint) -> None:
    """Advance for ever, and say how far after each step."""
    claim = checkpoint.claim("s3://trail/log", processor="p")
    for position in itertools.count(1):
        checkpoint.advance(claim, position)
        say(position)


def fill(checkpoint: SqliteCheckpoint) -> None:
    """Meet a disk that is full, wait until there is room again, and go on."""
    claim = checkpoint.claim("s3://trail/log", processor="p")
    checkpoint.advance(claim, 1)
    limit_files(Path(sys.argv[2] + "-wal").stat().st_size)
    try:
        checkpoint.advance(claim, 2)
    except ConfigurationError as error:
        say(error)
    limit_files(resource.RLIM_INFINITY)
    checkpoint.advance(claim, 3)
    checkpoint.release(claim)
    say(checkpoint.claim("s3://trail/log", processor="p").next_index)


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


DEEDS: dict[str, Callable[[SqliteCheckpoint], None]] = {"race": race, "march": march, "fill": fill}

if __name__ == "__main__":
    DEEDS[sys.argv[1]](SqliteCheckpoint(sys.argv[2]))
