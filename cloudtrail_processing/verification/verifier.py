"""Logs proven while they are ingested: what the pipeline asks before, while and after it reads."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloudtrail_processing.findings import Found, IntegrityFinding
from cloudtrail_processing.flow import LogObject, QueueMessage
from cloudtrail_processing.ports import Ledger
from cloudtrail_processing.verification.book import Book
from cloudtrail_processing.verification.chains import Chain
from cloudtrail_processing.verification.logs import LogNotes
from cloudtrail_processing.verification.telling import Teller

GRACE: Final = 7_200.0
"""Seconds for a log, or a digest, to come after the other one."""
_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Policy:
    """How logs are proven. ``grace`` and ``patience``, for a ledger that fails, are in seconds.

    With ``is_required`` nothing is delivered of a log that is not proven. ``namespace`` tells applications apart that
    share a ledger.
    """

    is_required: bool = False
    grace: float = GRACE
    namespace: str = ""
    patience: float = 60


class Verifier:
    """The rules at work on a ledger. Holds no state of a log, so that many threads may use one."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        teller: Teller,
        now: Callable[[], datetime],
        policy: Policy | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """``now`` tells the time of day, in UTC; between tries the thread rests by ``pause(seconds)``."""
        self.policy = policy or Policy()
        self.teller = teller
        self._ledger = ledger
        self._now = now
        self._pause = pause
        self._watched: OrderedDict[str, Chain] = OrderedDict()

    def now(self) -> float:
        """The time of day, in seconds since the epoch."""
        return self._now().timestamp()

    def book(self, keep_going: Callable[[], None]) -> Book:
        """The ledger for one piece of work, which ends when ``keep_going`` raises."""
        policy = self.policy
        return Book(
            self._ledger,
            namespace=policy.namespace,
            keep_going=keep_going,
            patience=policy.patience,
            pause=self._pause,
        )

    def tell_of(self, notes: LogNotes, chain: Chain, *, book: Book, of: LogObject | None = None) -> LogNotes:
        """Tell what is to be told of a log now, then write that down: who dies in between tells it again."""
        settled, findings = notes.settled(chain, now=self.now(), grace=self.policy.grace)
        if findings:
            self.teller.tell(findings, of=of)
            book.told(settled)
        return settled

    def watch(self, notes: LogNotes, *, book: Book) -> None:
        """Have the folder of the log's digests looked into from now on; written once an hour, and for older logs."""
        known, now = self._watched.get(notes.chain), self.now()
        if known is not None and known.is_watching(notes.slot, now=now):
            return
        chain = book.change_chain(notes.chain, lambda chain: chain.watching(notes.slot, now=now))
        self._watched[notes.chain] = Chain(notes.chain, since=chain.since, active=chain.active)
        while len(self._watched) > _MOST_KNOWN:
            self._watched.popitem(last=False)

    def overdue(self, folder: str, *, book: Book, keep_going: Callable[[], None]) -> None:
        """Tell of the chain's logs what has become true by the time that has passed."""
        chain = book.chain(folder)
        for notes in book.open_logs(folder):
            keep_going()
            if notes.settled(chain, now=self.now(), grace=self.policy.grace)[1]:
                self.tell_of(book.log(notes), chain, book=book)  # a list may lag behind

    def unprovable(self, log: LogObject) -> None:
        """Tell of a log that no digest can ever list, whenever it comes; files on disk are their owner's affair."""
        if log.bucket:
            detail = "its key is none of CloudTrail's, so no digest can list it"
            self.teller.tell([IntegrityFinding(Found.UNPROVEN, log.uri, "", detail)], of=log)

    def delivered(self, told: datetime | None, message: QueueMessage | None) -> float:
        """When a log was delivered to its bucket: as S3 tells it, else as its message was sent, else now."""
        at = told or (message.sent_at if message else None)
        return at.timestamp() if at else self.now()
