"""The command line under test: inside this process, in one of its own, and on a terminal."""

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from typer.testing import CliRunner, Result

from cloudtrail_processing.cli import app

COMMAND = (sys.executable, "-W", "error", "-m", "cloudtrail_processing")
PATIENCE = 60
"""Seconds after which a test gives up on another process."""


def invoke(*arguments: object, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Result:
    """Run the command line in this process; nothing is a terminal."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, env=dict(env or {}))


def start(*arguments: object, env: Mapping[str, str] | None = None, **more: Any) -> "subprocess.Popen[bytes]":
    """Start the command line as a process of its own, with pipes unless ``more`` says otherwise."""
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], env=surroundings(env), **{**streams, **more})


def surroundings(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment without what a developer may have set for AWS, for us, or for terminals."""
    ours = ("AWS_", "CLOUDTRAIL_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "TERM": "xterm-256color", "AWS_EC2_METADATA_DISABLED": "true", **(more or {})}


def on_terminal(*arguments: object, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run with standard output and error on a terminal; the exit code and all that was written there."""
    ours, theirs = pty.openpty()
    process = start(*arguments, env={"COLUMNS": "150", **(env or {})}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return process.wait(timeout=PATIENCE), written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how a terminal says that nobody writes any more
        return b""


def until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    """Wait until the condition holds; fail when the process ends before that."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing happened for a long time"
        time.sleep(0.05)
