"""Claims on logs: kept alive while they are worked on, and never behind what was delivered for longer than need be."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress

from cloudtrail_processing.delivery.bookkeeping import bookkeeping
from cloudtrail_processing.errors import ClaimLost, CloudTrailProcessingError, ConfigurationError
from cloudtrail_processing.ports import Checkpoint, Claim
from cloudtrail_processing.retry import in_place, is_worth_another_try

logger = logging.getLogger(__name__)

_MOST_UNWRITTEN = 10_000
_RENEWERS = 16

KeepGoing = Callable[[], None]
"""Raises ``Stopped`` or ``LeaseLost`` when work on a message must end; called before each download and each batch."""


class Hold:
    """One claim in use, by one thread; the holds' own thread only renews it."""

    def __init__(self, holds: "Holds", checkpoint: Checkpoint, claim: Claim, keep_going: KeepGoing) -> None:
        self.claim = claim
        self.position = claim.next_index
        """Every record before it is settled."""
        self.is_open = not claim.finished
        self._holds = holds
        self._checkpoint = checkpoint
        self._keep_going = keep_going
        self._writing = threading.Lock()
        self._lost: ClaimLost | None = None

    def advance(self, next_index: int) -> None:
        """Write down that every record before ``next_index`` was delivered, trying again for a while.

        The first try is made whatever the worker was told meanwhile: what was delivered is delivered. What cannot be
        written is remembered in this process, and counts when the log is claimed here again.
        """
        self.position = max(self.position, next_index)
        self._write(lambda: self._checkpoint.advance(self.claim, self.position))

    def finish(self) -> None:
        """Write down that the log is done with, in the same way; ends the claim."""
        self._write(lambda: self._checkpoint.finish(self.claim))
        self.is_open = False

    def release(self) -> None:
        """Give up what is still held. A checkpoint that cannot be told so is no failure: the claim ends by time."""
        if not self.is_open:
            return
        self.is_open = False
        try:
            with self._writing, _guard():
                self._checkpoint.release(self.claim)
        except CloudTrailProcessingError as error:
            logger.warning("a claim on %s ends by itself later: %s", self.claim.log, error)

    def renew(self) -> None:
        """Keep the claim while its message is ours. A failure is noted, or comes to light with the next batch."""
        try:
            self._keep_going()
            with self._writing, _guard():
                if self.is_open:
                    self._checkpoint.advance(self.claim, self.position)
        except ClaimLost as error:
            self._lost = error
        except CloudTrailProcessingError as error:
            logger.debug("the claim on %s is not renewed: %s", self.claim.log, error)

    def check(self) -> None:
        """Raise ``ClaimLost`` when another worker has the log now."""
        if self._lost is not None:
            raise self._lost

    def _write(self, write: Callable[[], None]) -> None:
        try:
            try:
                self._once(write)
            except CloudTrailProcessingError as error:
                if not _is_hopeful(error):
                    raise
                self._holds.again(self._keep_going)(self._once, write)
        except CloudTrailProcessingError:
            self._holds.remember(self.claim, self.position)
            raise
        self._holds.forget(self.claim)

    def _once(self, write: Callable[[], None]) -> None:
        with self._writing, _guard():
            write()


class Holds:
    """All claims of a process in use, and the threads that renew them: one that is slow must not cost the others."""

    def __init__(
        self, *, renew_every: float = 30, patience: float = 60, pause: Callable[[float], None] = time.sleep
    ) -> None:
        """``renew_every`` and ``patience`` are in seconds; for the latter a write that fails is tried again."""
        self._every = renew_every
        self._patience = patience
        self._pause = pause
        self._lock = threading.Lock()
        self._open: set[Hold] = set()
        self._unwritten: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._closed = threading.Event()
        self._renewing: set[Hold] = set()
        self._pool = ThreadPoolExecutor(_RENEWERS, thread_name_prefix="claims")
        self._renewer: threading.Thread | None = None

    def take(self, checkpoint: Checkpoint, log: str, *, processor: str, keep_going: KeepGoing) -> Hold:
        """Claim a log for a processor; raises ``Claimed`` and what else the checkpoint raises."""
        with _guard():
            claim = checkpoint.claim(log, processor=processor)
        hold = Hold(self, checkpoint, claim, keep_going)
        with self._lock:
            hold.position = max(hold.position, self._unwritten.get((log, processor), 0))
            if hold.is_open:
                self._open.add(hold)
                self._start()
        return hold

    def end(self, hold: Hold) -> None:
        """Let go of a hold, whatever became of it."""
        with self._lock:
            self._open.discard(hold)
        hold.release()

    def close(self) -> None:
        """Stop renewing. May be repeated."""
        self._closed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def remember(self, claim: Claim, position: int) -> None:
        """Keep a position that could not be written, for the next claims of that log in this process."""
        with self._lock:
            self._unwritten[claim.log, claim.processor] = position
            while len(self._unwritten) > _MOST_UNWRITTEN:
                self._unwritten.popitem(last=False)

    def forget(self, claim: Claim) -> None:
        """Keep no position of a log any more: it is written now. A claim alone, as a probe's, writes nothing."""
        with self._lock:
            self._unwritten.pop((claim.log, claim.processor), None)

    def again(self, keep_going: KeepGoing) -> Callable[..., None]:
        """The policy by which a write is tried again: also while a disk is full, as that may pass."""
        return in_place(
            attempts=1_000,
            seconds=self._patience,
            before_attempt=keep_going,
            sleep=self._pause,
            worth_it=_is_hopeful,
        )

    def renew(self) -> "list[Future[None]]":
        """Renew every open claim now, except those whose last renewal still goes on."""
        with self._lock:
            due = self._open - self._renewing
            self._renewing |= due
        return [self._pool.submit(self._renew, hold) for hold in due]

    def _renew(self, hold: Hold) -> None:
        try:
            hold.renew()
        finally:
            with self._lock:
                self._renewing.discard(hold)

    def _start(self) -> None:
        if self._renewer is None:
            self._renewer = threading.Thread(target=self._keep_renewing, name="claims", daemon=True)
            self._renewer.start()

    def _keep_renewing(self) -> None:
        while not self._closed.wait(self._every):
            with suppress(RuntimeError):  # closed meanwhile
                self.renew()


def _guard() -> AbstractContextManager[None]:
    return bookkeeping("the checkpoint")


def _is_hopeful(error: BaseException) -> bool:
    """True for what may pass while we wait: an operator may make room on the disk."""
    return isinstance(error, ConfigurationError) or is_worth_another_try(error)
