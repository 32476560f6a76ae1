"""Many processes on one queue: share-nothing workers under a supervisor that restarts the dead and leaves no orphan.

``restarts`` says when, ``child`` is what runs in each process, ``slot`` the supervisor's side of one of them, and
``reports`` what passes between the two.
"""

import logging
import multiprocessing
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import wait
from typing import Any

from cloudtrail_processing.errors import CloudTrailProcessingError, ProcessorError, SettingsError
from cloudtrail_processing.health import Health, HealthState
from cloudtrail_processing.parts import Processors, processors_of
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.signals import taken
from cloudtrail_processing.supervisor.child import AFTER_REPORT, EVERY, Assignment, Setup
from cloudtrail_processing.supervisor.cores import cores, shares, usable_cores
from cloudtrail_processing.supervisor.reports import Joined, join
from cloudtrail_processing.supervisor.slot import Slot
from cloudtrail_processing.worker import AFTER_GRACE

__all__ = ["Joined", "Setup", "Supervisor", "cores", "supervise"]

logger = logging.getLogger(__name__)


def supervise(
    processors: Processors | None = None,
    *,
    processes: int | None = None,
    settings: Settings | None = None,
    setup: Setup | None = None,
    told: Callable[[Joined], object] | None = None,
    **values: Any,
) -> Joined:
    """Run a worker in each of several processes until SIGTERM or Ctrl-C; returns what they did, joined.

    ``processes`` is the number of cores by default. Processors that are given are pickled: each process has its own
    copy, and calls ``start()`` on it; without, each makes those that the settings name. ``setup`` is called in each
    process (see ``Setup``), as to configure logging, and ``told`` here, with a joined report at least once a second.

    Where the processes fill all cores evenly, each is kept on one (``pin_processes``), with whatever it starts itself.
    A process that dies is started again, after 1 s, doubled up to 60 s while it keeps dying. The first signal stops all
    in order; a second one kills them and ends this process at once. When this process is killed, the others stop by
    themselves. Call it under ``if __name__ == "__main__"``, because each process imports the main module.

    Raises ``SettingsError`` or ``ConfigurationError`` when a process cannot even start, and ``ProcessorError`` when its
    ``start`` failed, or when a process did not end within its time and was killed.
    """
    chosen = Settings.of(settings, **values)
    given = None if processors is None else processors_of(processors, chosen)
    assignment = Assignment(chosen, patience=patience_of(chosen), processors=given, setup=setup)
    if chosen.checkpoint == "memory":
        logger.warning(
            "checkpoint memory is not shared by processes: a log that comes again may be delivered by another one; "
            "use sqlite:FILE on one machine, dynamodb:TABLE on several"
        )
    count = cores() if processes is None else processes
    if count > 1 and chosen.verify != "off" and chosen.checkpoint == "memory":
        raise SettingsError(
            f"verify with checkpoint memory is for a single process, and these are {count}: use sqlite:FILE on one "
            "machine, dynamodb:TABLE on several"
        )
    supervisor = Supervisor(assignment, processes=count, told=told)
    with _signals(supervisor):
        supervisor.run()
    return supervisor.joined


def patience_of(settings: Settings) -> float:
    """Seconds that a process may take to stop: what it allows work, last settles, each ``stop``, and some more."""
    return settings.grace_time + 2 * AFTER_GRACE + max(settings.grace_time, AFTER_GRACE) + AFTER_GRACE + AFTER_REPORT


class Supervisor:
    """Keeps processes running until ``stop``. Use it for one ``run``."""

    def __init__(
        self, assignment: Assignment, *, processes: int, told: Callable[[Joined], object] | None = None
    ) -> None:
        if processes < 1:
            raise SettingsError(f"processes must be at least 1, not {processes}")
        context = multiprocessing.get_context("spawn")  # a copy of a process with threads may hold their locks for ever
        self._patience = assignment.patience
        places = shares(processes, usable_cores() if assignment.settings.pin_processes else ())
        self._slots = [
            Slot(f"worker-{number}", replace(assignment, core=core), context=context)
            for number, core in enumerate(places, start=1)
        ]
        self._told = told
        self._complained = False
        self._stopping = False
        self._stopped: datetime | None = None
        self._error: CloudTrailProcessingError | None = None
        self._woken, self._wake = context.Pipe(duplex=False)

    @property
    def joined(self) -> Joined:
        """All processes as one, as of their last reports."""
        stopping = [Health(HealthState.STOPPING, "", self._stopped)] if self._stopped else None
        healths = stopping or [slot.health for slot in self._slots]
        return join(
            [slot.counts for slot in self._slots], healths, alive=len(self._alive()), processes=len(self._slots)
        )

    def stop(self) -> None:
        """Let every process stop in order. May be called again, and from a signal handler or another thread."""
        self._stopping = True
        try:
            self._wake.send_bytes(b"!")
        except OSError:
            logger.debug("the supervisor has ended already")

    def kill(self) -> None:
        """End every process at once; their messages come back after their visibility timeout."""
        for slot in self._slots:
            slot.kill()

    def run(self) -> None:
        """Work until ``stop`` was called, or until a process cannot even start; return when no process is left.

        Raises what kept a process from starting, or from ending in order.
        """
        try:
            self._keep_running()
            self._end()
        finally:
            self.kill()
            self._bury_the_dead(wait_for_them=True)
            self._woken.close()
            self._wake.close()
        if self._error is not None:
            raise self._error

    def _keep_running(self) -> None:
        while not self._stopping and self._error is None:
            for slot in self._slots:
                if slot.due is not None and slot.due <= time.monotonic():
                    slot.start()
            self._listen(EVERY)

    def _end(self) -> None:
        """Stop in order, for as long as that may take."""
        self._stopping, self._stopped = True, datetime.now(UTC)
        if self._error is None:
            logger.warning(
                "stopping %d process(es): no more messages are received; a second signal ends them at once, and "
                "messages in hand come back after their visibility timeout",
                len(self._alive()),
            )
        for slot in self._slots:
            slot.stop()
        deadline = time.monotonic() + self._patience
        while self._alive() and (left := deadline - time.monotonic()) > 0:
            self._listen(min(EVERY, left))
        if self._alive():
            self._error = self._error or _unwilling(len(self._alive()), self._patience)

    def _listen(self, seconds: float) -> None:
        """Take in what is reported within this time, and bury who has died."""
        awaited = [one for slot in self._slots for one in slot.awaited]
        if self._woken in wait([self._woken, *awaited], self._until_due(seconds)):
            self._woken.recv_bytes()
        for slot in self._slots:
            slot.hear()
        self._bury_the_dead()
        self._tell()

    def _tell(self) -> None:
        """Say how it is to whoever wants to know: what that one raises must not end those who work."""
        if self._told is None:
            return
        try:
            self._told(self.joined)
        except Exception:
            if not self._complained:
                logger.exception("the callback %r raised: the processes go on, and it is called again", self._told)
            self._complained = True

    def _until_due(self, seconds: float) -> float:
        due = [slot.due - time.monotonic() for slot in self._slots if slot.due is not None]
        return max(0, min([seconds, *due]))

    def _bury_the_dead(self, *, wait_for_them: bool = False) -> None:
        for slot in self._slots:
            if slot.is_dead() or (wait_for_them and slot.alive):
                error = slot.bury(stopping=self._stopping)
                self._error = self._error or error

    def _alive(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.alive]


def _unwilling(count: int, seconds: float) -> ProcessorError:
    return ProcessorError(
        f"{count} process(es) did not end within {seconds:.0f} s of the stop and were killed; their messages come back "
        "after their visibility timeout"
    )


def _signals(supervisor: Supervisor) -> AbstractContextManager[None]:
    """While inside: the first signal stops all processes in order, the second ends everything at once."""

    def end(number: int) -> None:
        supervisor.kill()
        os._exit(128 + number)

    return taken(supervisor.stop, again=end)
