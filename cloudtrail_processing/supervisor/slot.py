"""A place for one process: it is started there, heard, told to stop, buried, and started again."""

import logging
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from cloudtrail_processing.errors import CloudTrailProcessingError, ConfigurationError, SettingsError
from cloudtrail_processing.health import Health, HealthState
from cloudtrail_processing.supervisor.child import Assignment, work
from cloudtrail_processing.supervisor.reports import Report
from cloudtrail_processing.supervisor.restarts import Restarts

logger = logging.getLogger(__name__)

SILENCE = 30.0
"""Seconds without a report after which a process counts as failing."""


class Slot:
    """One process at a time, under one name. Used by one thread; ``kill`` may come from a signal handler."""

    def __init__(
        self, name: str, assignment: Assignment, *, context: SpawnContext, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._assignment = assignment
        self._context = context
        self._now = now
        self._restarts = Restarts()
        self._process: SpawnProcess | None = None
        self._pipe: Connection[Any, Any] | None = None
        self._report: Report | None = None
        self._past: Counter[str] = Counter()
        self._born = self._heard = now()
        self._since = datetime.now(UTC)
        self._was_good = False
        self.due: float | None = now()
        """When the process is to be started, in monotonic seconds; None while there is one."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What all processes of this place have done."""
        return self._past + Counter(self._report.counts if self._report else {})

    @property
    def health(self) -> Health:
        """How the process is; one that is dead, or silent for long, is failing."""
        if self.due is not None and self._restarts.deaths:
            return Health(HealthState.FAILING, f"{self._name} died and is started again", self._since)
        if self.alive and self._now() - self._heard > SILENCE:
            return Health(HealthState.FAILING, f"{self._name} has not reported for {SILENCE:.0f} s", self._since)
        told = self._report.health if self._report else None
        return told or Health(HealthState.OK, "", self._since)

    @property
    def awaited(self) -> list[Any]:
        """What to wait for: the process's end, and its reports."""
        return [*([self._process.sentinel] if self._process else []), *([self._pipe] if self._pipe else [])]

    def start(self) -> None:
        """Start a process. Raises ``SettingsError`` when its assignment cannot be sent to one."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=work, args=(self._assignment, theirs), name=self._name)
        self._born = self._heard = self._now()
        self._since = datetime.now(UTC)
        try:
            with _without_ctrl_c():
                process.start()
        except OSError as error:
            self._plan(f"cannot be started ({error})")
            return
        except Exception as error:
            # Pickling calls user code, which may raise anything.
            raise SettingsError(f"the processors cannot be sent to another process: {error}") from error
        finally:
            theirs.close()
        self._process, self._pipe, self._report, self.due = process, ours, None, None

    def hear(self) -> None:
        """Take in what the process has reported."""
        try:
            while self._pipe is not None and self._pipe.poll():
                self._report = self._pipe.recv()
                self._heard, self._since = self._now(), datetime.now(UTC)
                self._was_good = self._was_good or self._report.received
        except (OSError, EOFError):
            self._close_pipe()

    @property
    def alive(self) -> bool:
        """True when there is a process that was not buried."""
        return self._process is not None

    def is_dead(self) -> bool:
        """True when there is a process, and it has ended."""
        return self._process is not None and not self._process.is_alive()

    def bury(self, *, stopping: bool) -> CloudTrailProcessingError | None:
        """Take leave of a process that has ended, and plan the next one; the error when there should be none.

        A process that fails before it ever asked for messages would fail again, so its error is for everybody.
        """
        self.hear()
        code, trouble = self._reap(), self._report.trouble if self._report else None
        self._past, self._report = Counter(self.counts), None
        if stopping:
            return trouble.error() if trouble else None
        if not self._was_good and (trouble or code > 0):
            return trouble.error() if trouble else ConfigurationError(_stillborn(self._name, code))
        self._plan(f"ended: {trouble.text}" if trouble else _end(code))
        return None

    def stop(self) -> None:
        """Tell the process to stop; may be repeated. One that is only planned is not started any more."""
        self.due = None
        if self._pipe is not None:
            with suppress(OSError):  # it has just ended
                self._pipe.send("stop")

    def kill(self) -> None:
        """End the process at once, if there is one."""
        if self._process is not None:
            self._process.kill()

    def _plan(self, how: str) -> None:
        now = self._now()
        delay = self._restarts.delay(born=self._born, died=now)
        self.due, self._since = now + delay, datetime.now(UTC)
        logger.warning("%s %s; it is started again in %.0f s", self._name, how, delay)

    def _reap(self) -> int:
        process, self._process = self._process, None
        self._close_pipe()
        if process is None:
            return 0
        process.join()
        code = process.exitcode or 0
        process.close()
        return code

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        self._pipe = None


def _end(code: int) -> str:
    if code < 0:
        return f"was killed by {_signal(-code)}, and its messages come back after their visibility timeout"
    return f"ended with exit code {code}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        return f"signal {number}"


def _stillborn(name: str, code: int) -> str:
    return (
        f"{name} ended with exit code {code} before it asked for messages; what it said stands above. "
        'A program that runs several processes must do so under: if __name__ == "__main__"'
    )


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """While inside, SIGINT waits, and for a process that is started here it waits until that one ignores it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
