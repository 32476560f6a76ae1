"""``validate`` that is killed, or stopped with Ctrl-C, goes on where it was and tells what it would have told."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from audited import logs, span
from commands import PATIENCE, invoke, start, until

from cloudtrail_processing.testing import SignedTrail
from cloudtrail_processing.testing.trail import FlipInside

TRAIL = SignedTrail(1, hours=480, logs=1, records=1)
SPOILT, STOPPED_AT = logs(TRAIL, 30)[0], logs(TRAIL, 260)[0]
TIMES = ("--from", f"{span(TRAIL).first:%Y-%m-%dT%H:%MZ}", "--to", f"{span(TRAIL).last:%Y-%m-%dT%H:%MZ}")


class Stuck:
    """A copy of a trail in which reading one log takes for ever, until ``heal``."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "audit.db"
        self._log = folder / "copy" / STOPPED_AT[1]
        TRAIL.tampered(FlipInside(*SPOILT, 100)).write(folder / "copy")
        (folder / "keys.json").write_bytes(orjson.dumps(TRAIL.public_keys_document()))
        self.command = ("validate", folder / "copy", *TIMES, "--keys", folder / "keys.json", "--threads", "4")
        self.whole = invoke(*self.command, "-v", "--format", "json")
        self._stat, self._body = self._log.stat(), self._log.read_bytes()
        self._log.unlink()
        os.mkfifo(self._log)

    def days(self) -> list[str]:
        """Those in the journal."""
        if not self.journal.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as connection:
            try:
                return [day for [day] in connection.execute("SELECT day FROM days")]
            except sqlite3.OperationalError:  # it is just being made
                return []

    def let_go(self) -> None:
        """Whoever waits for the log gets an empty one."""
        os.close(os.open(self._log, os.O_WRONLY | os.O_NONBLOCK))

    def heal(self) -> None:
        """The log lies there as it was; logs of days that were done are not there any more."""
        self._log.unlink()
        self._log.write_bytes(self._body)
        os.utime(self._log, ns=(self._stat.st_atime_ns, self._stat.st_mtime_ns))
        for window in TRAIL.windows:
            if any(f"{window.end - timedelta(seconds=1):%Y-%m-%d}" == day for day in self.days()):
                for key in window.logs:
                    (self._log.parents[5] / key).unlink(missing_ok=True)


@pytest.fixture
def stuck(tmp_path: Path) -> Stuck:
    return Stuck(tmp_path)


def test_an_audit_that_was_killed_tells_the_same_afterwards_without_reading_again_what_was_done(stuck: Stuck) -> None:
    assert stuck.whole.exit_code == 1
    process = start(*stuck.command, "--journal", stuck.journal)
    until(lambda: len(stuck.days()) >= 10, process)
    process.kill()
    assert process.wait(PATIENCE) == -signal.SIGKILL
    process.communicate()
    assert "-".join(STOPPED_AT[1].split("/")[-4:-1]) not in stuck.days()
    stuck.heal()
    resumed = invoke(*stuck.command, "-v", "--format", "json", "--journal", stuck.journal)
    assert resumed.exit_code == stuck.whole.exit_code
    assert resumed.stdout == stuck.whole.stdout


def test_ctrl_c_ends_an_audit_soon_and_tells_how_to_go_on(stuck: Stuck) -> None:
    process = start(*stuck.command, "--journal", stuck.journal)
    until(lambda: len(stuck.days()) >= 10, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    stuck.let_go()
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert told.decode() == f"interrupted; the same command goes on with {stuck.journal}\n"
    stuck.heal()
    resumed = invoke(*stuck.command, "-v", "--format", "json", "--journal", stuck.journal)
    assert (resumed.exit_code, resumed.stdout) == (stuck.whole.exit_code, stuck.whole.stdout)
