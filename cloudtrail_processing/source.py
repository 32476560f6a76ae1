"""One log's way in: told from its other versions, downloaded with patience, inflated, split into records."""

import hashlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol

from cloudtrail_processing.budget import Room
from cloudtrail_processing.errors import AlteredLog, CorruptLog, LogGone, LogTooLarge, TransientError
from cloudtrail_processing.flow import FetchedLog, LogObject, QueueMessage
from cloudtrail_processing.logfile import Limits, Records, inflate, of_log, split
from cloudtrail_processing.ports import Identifies, LogStore
from cloudtrail_processing.progress import Progress, ProgressState
from cloudtrail_processing.retry import in_place

_SMALL = 8 * 2**20
"""Stored bytes that every thread may hold beside the budget; CloudTrail's own logs have some thousand, or a few MB."""


_SURE = 3
"""Further downloads in which a log has to come the same way to be believed corrupt without proof."""


class Proves(Protocol):
    """What proves one log while it is read."""

    def saw(self, data: bytes, fetched: FetchedLog) -> None:
        """Called with the inflated log, before any record of it is known."""
        ...

    def failed(self) -> None:
        """Called when the log is no intact log; perhaps after ``saw``."""
        ...


class Source:
    """Reads logs from a store. Holds no state of a log, so that many threads may use one."""

    def __init__(
        self,
        store: LogStore,
        *,
        progress: Progress,
        splitter: Callable[[bytes], Records] = split,
        limits: Limits | None = None,
        attempts: int = 4,
        seconds: float = 30,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """``attempts`` and ``seconds`` bound the tries of one download, between which the thread rests by ``pause``."""
        self._store = store
        self._progress = progress
        self._splitter = splitter
        self.limits = limits or Limits()
        self._attempts = attempts
        self._seconds = seconds
        self._pause = pause

    def identify(self, log: LogObject, *, keep_going: Callable[[], None]) -> LogObject:
        """The log with its version or etag; the log itself where the notification told it, or nobody can.

        That the log is gone is for the download to find out: an answer without a body cannot tell a missing object
        from a missing bucket.
        """
        if log.version or not isinstance(self._store, Identifies):
            return log
        try:
            known: LogObject = self._patiently(keep_going)(self._store.identify, log)
        except LogGone:
            return log
        return known

    def fetch(
        self,
        log: LogObject,
        *,
        room: Room,
        message: QueueMessage | None = None,
        keep_going: Callable[[], None],
    ) -> FetchedLog:
        """The stored bytes; transient errors are tried again in place.

        A large body waits for the ``room`` that it may need when it is inflated, before it is downloaded.
        """
        fetch, most = self._patiently(keep_going), self.limits.inflated
        with self._progress.step(ProgressState.DOWNLOAD_LOG, message=message, log=log) as step:
            try:
                fetched: FetchedLog = fetch(self._store.fetch, log, limit=min(_SMALL, most))
            except LogTooLarge:
                if most <= _SMALL:
                    raise
                room.hold(most)
                fetched = fetch(self._store.fetch, log, limit=most)
            step.result(size=len(fetched.body))
            return fetched

    def records(
        self,
        fetched: FetchedLog,
        *,
        log: LogObject,
        again: Callable[[], FetchedLog],
        turn: AbstractContextManager[None],
        proof: Proves | None = None,
    ) -> Records:
        """The raw records of a stored log, read when it is its ``turn``; ``CorruptLog`` that says which log it was.

        ``proof`` is handed the inflated log, when it is nobody's turn; what it raises is raised.

        A body may be damaged on the way without the connection noticing. Where its ETag does not prove that it is what
        lies in the bucket, it is fetched ``again``: it has to come the same way each time to be believed corrupt, else
        that is a ``TransientError``.
        """
        try:
            with turn:
                data = inflate(fetched.body, limits=self.limits)
                if proof is None:
                    return self._splitter(data)
            proof.saw(data, fetched)
            with turn:
                return self._splitter(data)
        except AlteredLog:
            raise
        except CorruptLog as error:
            if log.bucket and not _is_whole(fetched) and any(again().body != fetched.body for _ in range(_SURE)):
                raise TransientError(f"{log.uri}: {error}; it was damaged on the way, as it came otherwise") from error
            if proof is not None and not isinstance(error, LogTooLarge):
                proof.failed()
            raise of_log(error, log.uri) from error.__cause__

    def _patiently(self, keep_going: Callable[[], None]) -> Callable[..., Any]:
        return in_place(attempts=self._attempts, seconds=self._seconds, before_attempt=keep_going, sleep=self._pause)


def _is_whole(fetched: FetchedLog) -> bool:
    """True when the ETag proves it: it is the MD5 of the body, unless the object was encrypted with a KMS key."""
    return fetched.etag == hashlib.md5(fetched.body, usedforsecurity=False).hexdigest()


def as_read(log: LogObject, fetched: FetchedLog) -> LogObject:
    """The log with the version that was really read, so that its id is stable.

    What is known of it stays as it is, unless the store contradicts: then it was overwritten since it was announced.
    """
    if log.version and _agree(log.version_id, fetched.version_id) and _agree(log.etag, fetched.etag):
        return log
    return replace(log, etag=fetched.etag or log.etag, version_id=fetched.version_id or log.version_id)


def _agree(known: str | None, found: str | None) -> bool:
    return known is None or found is None or known == found
