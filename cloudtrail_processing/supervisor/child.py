"""What runs in each process: a worker that stops at its supervisor's word, and never outlives it for long."""

import asyncio
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from cloudtrail_processing.app import build
from cloudtrail_processing.errors import CloudTrailProcessingError, ProcessorError
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.progress import LoggingReporter, ProgressReporter, ProgressState, ProgressStatus, Reporters
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.supervisor.reports import Report, Trouble
from cloudtrail_processing.tally import Tally
from cloudtrail_processing.tuning import tune
from cloudtrail_processing.worker import Worker

logger = logging.getLogger(__name__)

Setup = Callable[[Settings], AbstractContextManager[Parts]]
"""Called first in each process, and left last: it sets up logging and the like, and gives the worker's parts.

It goes to the process by name, so it is a function of a module, or a ``functools.partial`` of one."""

EVERY = 1.0
"""Seconds between reports."""
AFTER_REPORT = 2.0
"""Seconds in which a process must have ended after its last report; what keeps it is user code."""
FAILED = 1
"""Exit code of a process that an error ended."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a process is told to do.

    ``patience`` is in seconds: how long it may take to stop before it is killed. ``core`` is where it stays; None: it
    may run anywhere.
    """

    settings: Settings
    patience: float
    processors: Sequence[EventProcessor[Any]] | None = None
    setup: Setup | None = None
    core: int | None = None


def work(assignment: Assignment, pipe: "Connection[Any, Any]") -> None:
    """Run a worker until the supervisor says stop, is gone, or SIGTERM comes. Ends the process with 0 or 1."""
    # Ctrl-C on a terminal reaches the whole group of processes: it is the supervisor who decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _stay(assignment.core)
    link = Link(pipe, patience=assignment.patience)
    try:
        with assignment.setup(assignment.settings) if assignment.setup else nullcontext(Parts()) as parts:
            trouble = _troubled(assignment, parts, link)
            code = FAILED if trouble else 0
            link.close(trouble)
            if link.stuck:
                _end_now(code)
            _end_soon(code)
    except Exception:
        _end_soon(FAILED)  # a bug is printed with its traceback on the way out
        raise
    sys.exit(code)


def _stay(core: int | None) -> None:
    """Keep all threads of this process on one core, before there is another."""
    if core is not None:
        with suppress(OSError):  # it was taken away since
            os.sched_setaffinity(0, {core})


def _troubled(assignment: Assignment, parts: Parts, link: "Link") -> Trouble | None:
    """Do the work; what ended it too early. A bug passes, with its traceback."""
    try:
        asyncio.run(_serve(assignment, parts, link))
    except CloudTrailProcessingError as error:
        logger.debug("the traceback of the error", exc_info=True)
        return Trouble.of(error)
    return None


async def _serve(assignment: Assignment, parts: Parts, link: "Link") -> None:
    reporter = Reporters(LoggingReporter() if parts.reporter is None else parts.reporter, link.reporter)
    async with build(
        assignment.processors, settings=assignment.settings, parts=replace(parts, reporter=reporter)
    ) as worker:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, worker.stop)
        tune()
        with link.to(worker, lambda: loop.call_soon_threadsafe(worker.stop)):
            await worker.run()
    link.stuck = worker.stuck
    if worker.stuck:
        raise ProcessorError(worker.why_stuck)


def _end_soon(code: int) -> None:
    """End in any case before long: nobody would work in the place of a process that a thread of user code keeps."""

    def end() -> None:
        here, main = threading.current_thread(), threading.main_thread()
        left = [it.name for it in threading.enumerate() if not it.daemon and it not in (here, main)]
        logger.warning("this process has done its work and ends now, although something keeps it; threads: %s", left)
        _end_now(code)

    timer = threading.Timer(AFTER_REPORT, end)
    timer.daemon = True
    timer.start()


def _end_now(code: int) -> None:
    """End without waiting for anything but the logs."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


class _Reporting(ProgressReporter):
    """Counts, and calls ``begun`` once, before the first messages are asked for."""

    def __init__(self, begun: Callable[[], object]) -> None:
        self.tally = Tally()
        self.received = False
        self._begun = begun

    def report_start(self, status: ProgressStatus) -> object:
        if status.state is ProgressState.POLL_QUEUE and not self.received:
            self.received = True
            self._begun()
        return None

    def report_end(self, status: ProgressStatus, token: object) -> None:
        self.tally.report_end(status, token)


class Link:
    """The process's end of its pipe: reports go out, the word to stop comes in, and so does the supervisor's death."""

    def __init__(self, pipe: "Connection[Any, Any]", *, patience: float) -> None:
        # Told at once: the first message may end this process before the next report of each second.
        self.reporter = _Reporting(self._try_to_send)
        self.stuck = False
        """True when the process could not end by itself."""
        self._pipe = pipe
        self._patience = patience
        self._lock = threading.Lock()
        self._stopping = self._closed = False
        self._stop: Callable[[], object] | None = None
        self._worker: Worker | None = None
        self._supervisor = parent.pid if (parent := multiprocessing.parent_process()) else os.getppid()
        threading.Thread(target=self._attend, name="supervisor-link", daemon=True).start()

    @contextmanager
    def to(self, worker: Worker, stop: Callable[[], object]) -> Iterator[None]:
        """While inside, ``stop`` is called when the worker is to stop, at once if that was said before."""
        with self._lock:
            self._worker, self._stop = worker, stop
            if self._stopping:
                stop()
        try:
            yield
        finally:
            with self._lock:
                self._stop = None

    def close(self, trouble: Trouble | None) -> None:
        """Send the last report, after which there is none; a supervisor that is gone does not need it."""
        self._try_to_send(trouble, last=True)

    def _attend(self) -> None:
        try:
            self._hear_and_report()
        except (OSError, EOFError):
            logger.debug("the pipe of the supervisor is closed")
        logger.warning("the supervisor is gone: stopping")
        self._say_stop()
        time.sleep(self._patience)
        logger.critical(
            "this process does not stop: it ends now; its messages come back after their visibility timeout"
        )
        os._exit(FAILED)

    def _hear_and_report(self) -> None:
        """Until the supervisor is gone. Its death also shows in our parent: some other process may hold its pipe."""
        while os.getppid() == self._supervisor:
            if self._pipe.poll(EVERY):
                self._pipe.recv()
                self._say_stop()
            else:
                self._send()

    def _say_stop(self) -> None:
        with self._lock:
            self._stopping = True
            if self._stop is not None:
                self._stop()

    def _try_to_send(self, trouble: Trouble | None = None, *, last: bool = False) -> None:
        try:
            self._send(trouble, last=last)
        except OSError:
            logger.debug("a report has no reader")

    def _send(self, trouble: Trouble | None = None, *, last: bool = False) -> None:
        health = self._worker.health if self._worker else None
        with self._lock:
            if not self._closed:
                self._closed = last
                self._pipe.send(Report(self.reporter.tally.counts(), self.reporter.received, health, trouble))
