"""Reads digests and logs for an audit: many at once, patiently, and with a judgement where there is nothing to read."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, TypeVar

from cloudtrail_processing.errors import (
    ConfigurationError,
    CredentialsError,
    LogGone,
    LogTooLarge,
    NotAllowed,
    TransientError,
)
from cloudtrail_processing.events.digest import DigestLogFile
from cloudtrail_processing.flow import FetchedLog, LogKind, LogObject
from cloudtrail_processing.integrity import (
    ALGORITHM,
    GENERATED,
    SIGNATURE,
    JudgedDigest,
    Judgement,
    PublicKeys,
    State,
    StoredDigest,
    judge_digest,
    judge_log,
)
from cloudtrail_processing.logfile import DEFAULT_LIMITS, Limits
from cloudtrail_processing.ports import LogStore
from cloudtrail_processing.retry import in_place

A = TypeVar("A")
B = TypeVar("B")

_AHEAD = 2
"""Questions per thread that wait in front of it: enough that none is ever idle, few enough to stay small."""
_SMALL = 2**16
"""Stored bytes that are judged one after the other: many threads would only fight for the interpreter over them."""


class Reader:
    """Reads from a store, ``threads`` objects at once. Safe for many threads; ``close`` ends it."""

    def __init__(
        self,
        store: LogStore,
        *,
        threads: int = 128,
        limits: Limits = DEFAULT_LIMITS,
        attempts: int = 4,
        seconds: float = 30,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._limits = limits
        self._patiently: Callable[..., Any] = in_place(
            attempts=attempts, seconds=seconds, before_attempt=_never_mind, sleep=pause
        )
        self._turn = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="audit")
        self._ahead = _AHEAD * threads

    def each(self, function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """``function`` of each, in order; many at once, and never many more than that in memory."""
        waiting: deque[Future[B]] = deque()
        for item in items:
            waiting.append(self._pool.submit(function, item))
            if len(waiting) >= self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def digest(self, bucket: str, key: str, keys: PublicKeys) -> JudgedDigest:
        """The digest that lies there, judged. Raises ``CredentialsError``: nothing at all can be read then."""
        fetched = self._fetch(LogObject(bucket, key, kind=LogKind.DIGEST))
        if isinstance(fetched, Judgement):
            return JudgedDigest(fetched)
        told = fetched.metadata
        beside = (told.get(SIGNATURE), told.get(ALGORITHM), told.get(GENERATED))
        return judge_digest(StoredDigest(bucket, key, fetched.body, *beside), keys, limits=self._limits)

    def log(self, entry: DigestLogFile) -> Judgement:
        """Whether the log that an entry lists is what it tells. Raises ``CredentialsError``."""
        fetched = self._fetch(LogObject(entry.s3_bucket, entry.s3_object))
        if isinstance(fetched, Judgement):
            return fetched
        with self._turn if len(fetched.body) <= _SMALL else nullcontext():
            return judge_log(entry, fetched.body, limits=self._limits)

    def close(self) -> None:
        """Forget what was not begun. May be repeated."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, log: LogObject) -> FetchedLog | Judgement:
        """An object that cannot be read is a result, and not the end of the audit."""
        try:
            return self._read(log)
        except LogGone:
            return Judgement(State.NOT_FOUND, "there is no such object")
        except LogTooLarge as error:
            return Judgement(State.OVERSIZE, _line(error))
        except CredentialsError:
            raise
        except (ConfigurationError, NotAllowed, TransientError) as error:
            return refused(error)

    def _read(self, log: LogObject) -> FetchedLog:
        """The first try goes without the machinery for more of them, which costs as much as to judge a small log."""
        try:
            return self._store.fetch(log, limit=self._limits.inflated)
        except TransientError:
            fetched: FetchedLog = self._patiently(self._store.fetch, log, limit=self._limits.inflated)
            return fetched


def refused(error: ConfigurationError | NotAllowed | TransientError) -> Judgement:
    """What it means for an audit that something could not be read, or listed."""
    return Judgement(State.UNREADABLE if isinstance(error, TransientError) else State.FORBIDDEN, _line(error))


def _line(error: Exception) -> str:
    line = " ".join(str(error).split())
    return line if line.isprintable() else line.encode("unicode_escape").decode()


def _never_mind() -> None:
    """Nothing interrupts an audit between two tries."""
