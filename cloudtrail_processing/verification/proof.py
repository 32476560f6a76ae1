"""The proof of one log in hand: asked for before it is read, made where it is inflated."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

from cloudtrail_processing.errors import AlteredLog, UnlistedLog, Unproven
from cloudtrail_processing.findings import Found
from cloudtrail_processing.flow import FetchedLog, LogObject, QueueMessage
from cloudtrail_processing.verification.book import fresh
from cloudtrail_processing.verification.chains import Chain
from cloudtrail_processing.verification.logs import UNREADABLE, LogNotes
from cloudtrail_processing.verification.verifier import Verifier

_LEAST_WAITS: Final = (300.0, 3_600.0, 21_600.0)
"""Seconds that a log is held back at least, by the receives of its message: few and long ones, well within 12 hours.

Five receives, as many redrive policies allow them, last for more than 20 hours.
"""
MOST_WAIT: Final = _LEAST_WAITS[-1]
"""Seconds that anything is held back at most."""


class Proof:
    """What is asked and noted of one log, by one thread."""

    def __init__(
        self, verifier: Verifier, log: LogObject, message: QueueMessage | None, keep_going: Callable[[], None]
    ) -> None:
        self._verifier = verifier
        self._log = log
        self._message = message
        self._book = verifier.book(keep_going)
        self._new = fresh(log)
        self._folder = self._new.chain
        self._was_seen = False

    def admit(self) -> None:
        """Return when the log may be read, which it always may unless proof is required. Nothing is downloaded.

        Raises ``Unproven`` while no digest is known to list it, and ``UnlistedLog`` when none will.
        """
        if not self._verifier.policy.is_required:
            return
        if not self._folder:
            self._verifier.unprovable(self._log)
            raise UnlistedLog(
                f"{self._log.uri}: verify=require, and no digest can ever list it: it is no object under one of "
                "CloudTrail's own keys; nothing was delivered of it"
            )
        notes = self._book.log(self._new)
        if not notes.listed:
            self._hold_back(notes)

    def saw(self, data: bytes, fetched: FetchedLog) -> None:
        """Note the hash of the inflated log, and compare it with what a digest tells, where one does already.

        When proof is required it raises ``AlteredLog`` for another hash.
        """
        self._was_seen = True
        self._note(hashlib.sha256(data).hexdigest(), fetched.last_modified)

    def failed(self) -> None:
        """Note a log that could not be inflated: it is not what any digest lists."""
        if self._folder and not self._was_seen:
            self._note(UNREADABLE, None)

    def _note(self, sha256: str, modified: datetime | None) -> None:
        verifier = self._verifier
        if not self._folder:
            verifier.unprovable(self._log)
            return
        at, now = verifier.delivered(modified, self._message), verifier.now()
        verifier.watch(self._new, book=self._book)
        notes = self._book.change_log(self._new, lambda notes: notes.noting(sha256, at=at, now=now))
        if notes.listed:
            verifier.tell_of(notes, Chain(self._folder), book=self._book, of=self._log)
        if verifier.policy.is_required and sha256 != UNREADABLE and sha256 not in notes.listed:
            self._refuse(notes)

    def _refuse(self, notes: LogNotes) -> None:
        if not notes.listed:  # what was known has expired meanwhile
            raise Unproven(f"{self._log.uri}: no digest lists it any more", after=MOST_WAIT)
        raise AlteredLog(
            f"{self._log.uri}: it is not the log that CloudTrail delivered, whose hash is in "
            f"{next(iter(notes.listed.values()))}; nothing was delivered of it"
        )

    def _hold_back(self, notes: LogNotes) -> None:
        """Note that the log waits, and say for how long; or that it waits in vain."""
        verifier, now = self._verifier, self._verifier.now()
        verifier.watch(self._new, book=self._book)
        if not notes.noted:
            at = verifier.delivered(None, self._message)
            notes = self._book.change_log(self._new, lambda notes: notes.noting(None, at=at, now=now))
            if notes.listed:
                return
        chain = self._book.chain(self._folder)
        notes = verifier.tell_of(notes, chain, book=self._book, of=self._log)
        if notes.counted == Found.UNLISTED:
            raise UnlistedLog(
                f"{self._log.uri}: valid digests cover the time of its delivery, and none lists it: CloudTrail did not "
                "deliver it; it was not read"
            )
        received = self._message.receive_count if self._message else 1
        least = _LEAST_WAITS[min(received, len(_LEAST_WAITS)) - 1]
        after = min(MOST_WAIT, max(least, chain.wait(notes.at, now=now)))
        raise Unproven(f"{self._log.uri}: no digest has proven it yet; it was not read", after=after)
