"""Digests settled: proven by their signatures, and each log that they list compared with what was read here."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from cloudtrail_processing.errors import Unproven
from cloudtrail_processing.events import DigestFile
from cloudtrail_processing.events.values import parse_time
from cloudtrail_processing.findings import Found, IntegrityFinding, Judgement, State
from cloudtrail_processing.flow import FetchedLog, LogObject, PublicKey, QueueMessage
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.logfile import DEFAULT_LIMITS, Limits
from cloudtrail_processing.ports import PublicKeySource
from cloudtrail_processing.verification.book import Book, fresh
from cloudtrail_processing.verification.chains import folder_of
from cloudtrail_processing.verification.logs import LogNotes
from cloudtrail_processing.verification.proof import MOST_WAIT, Proof
from cloudtrail_processing.verification.verifier import Verifier

logger = logging.getLogger(__name__)

SETTLED: Final = "settled"
INVALID: Final = "invalid"
_TOLD: Final = "told"  # its key is not there yet: it was told, and is proven anew whenever it comes
_AROUND = timedelta(hours=2)
_LONGEST = timedelta(days=30)
_HASHED_BY = "SHA-256"


class Digests:
    """Settles digests, and proves logs. Holds no state of one, so that many threads may use it."""

    def __init__(self, verifier: Verifier, keys: PublicKeySource, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self.verifier = verifier
        self._keys = keys
        self._limits = limits

    def proof(self, log: LogObject, message: QueueMessage | None, keep_going: Callable[[], None]) -> Proof:
        """What proves one log; raises as ``Proof.admit`` does when it must not be read yet."""
        proof = Proof(self.verifier, log, message, keep_going)
        proof.admit()
        return proof

    def is_settled(self, digest: LogObject, *, book: Book) -> bool:
        """True when nothing is left to do for this content of a digest; of one without an etag nobody can tell."""
        return bool(digest.etag) and book.digest(_name(digest, digest.etag)) in (SETTLED, INVALID)

    def settle(
        self,
        digest: LogObject,
        *,
        fetch: Callable[[], FetchedLog],
        wanted: Callable[[LogObject], bool],
        keep_going: Callable[[], None],
    ) -> str:
        """Prove the digest, settle its logs, and return what became of it, once all of that is told and written.

        ``wanted`` says which logs should come here; those older than the first one that did need not. Raises what
        ``fetch`` and the public keys do, what a hook raises, and ``Unproven`` for a digest whose public key is not
        there: AWS, or a file, may tell it later.
        """
        book = self.verifier.book(keep_going)
        if self.is_settled(digest, book=book):
            return "a digest that was settled before"
        fetched = fetch()
        name = _name(digest, fetched.etag or digest.etag)
        if book.digest(name) in (SETTLED, INVALID):
            return "a digest that was settled before"
        judgement, told = self._judged(digest, fetched)
        if told is None:
            return self._invalid(digest, judgement, name=name, book=book)
        self._compare(digest, told, wanted=wanted, book=book, keep_going=keep_going)
        book.settle_digest(name, SETTLED)
        logger.info("%s is valid: its %d log(s) are settled, or awaited", digest.uri, len(told.log_files))
        return "a valid digest: its logs are settled, or awaited"

    def _judged(self, digest: LogObject, fetched: FetchedLog) -> tuple[Judgement, DigestFile | None]:
        """What the digest is; its content only when it is valid."""
        # Signatures need a library whose import takes a tenth of a second.
        from cloudtrail_processing.integrity import (
            ALGORITHM,
            GENERATED,
            SIGNATURE,
            PublicKeys,
            StoredDigest,
            judge_digest,
        )

        told = fetched.metadata
        stored = StoredDigest(
            digest.bucket, digest.key, fetched.body, told.get(SIGNATURE), told.get(ALGORITHM), told.get(GENERATED)
        )
        signed = _signed_between(digest.slot_time, parse_time(told.get(GENERATED)))
        keys: Sequence[PublicKey] = ()
        if digest.region and signed:
            keys = self._keys.keys(region=digest.region, first=signed[0], last=signed[1])
        judged = judge_digest(stored, PublicKeys(keys), limits=self._limits)
        return judged.judgement, judged.digest if judged.judgement.is_valid else None

    def _invalid(self, digest: LogObject, judgement: Judgement, *, name: str, book: Book) -> str:
        """Tell it once. A missing key may come yet, so that digest is kept."""
        has_no_key = judgement.state is State.NO_KEY
        if book.digest(name) != _TOLD:
            detail = f"{judgement.state}{f': {judgement.detail}' if judgement.detail else ''}"
            finding = IntegrityFinding(Found.INVALID_DIGEST, "", digest.uri, detail, judgement)
            self.verifier.teller.tell([finding], of=digest)
            book.settle_digest(name, _TOLD if has_no_key else INVALID)
        if has_no_key:
            raise Unproven(f"{digest.uri}: {judgement.detail}; it is proven again later", after=MOST_WAIT)
        return f"an invalid digest, which proves nothing: {judgement.state}"

    def _compare(
        self,
        digest: LogObject,
        told: DigestFile,
        *,
        wanted: Callable[[LogObject], bool],
        book: Book,
        keep_going: Callable[[], None],
    ) -> None:
        """Note what the digest lists, tell what follows, and only then that its time is covered."""
        folder = folder_of(digest)
        chain = book.chain(folder)
        for listed in told.log_files:
            keep_going()
            log = log_object(listed.s3_bucket, listed.s3_object)
            is_sha256 = listed.hash_algorithm == _HASHED_BY
            sha256 = listed.hash_value if is_sha256 else f"{listed.hash_algorithm}:{listed.hash_value}"
            new, now = fresh(log), self.verifier.now()
            is_wanted = chain.watched(new.slot) and wanted(log)
            self.verifier.tell_of(
                book.change_log(new, _listing(sha256, digest.uri, now=now, is_wanted=is_wanted)),
                chain,
                book=book,
                of=log,
            )
        if told.start and told.end and not digest.key.endswith("_backfill.json.gz"):  # those list only what was left
            first, last = told.start.timestamp(), told.end.timestamp()
            book.change_chain(folder, lambda chain: chain.covering(first, last))
        self.verifier.overdue(folder, book=book, keep_going=keep_going)


def _listing(sha256: str, digest: str, *, now: float, is_wanted: bool) -> Callable[[LogNotes], LogNotes]:
    return lambda notes: notes.listing(sha256, digest, now=now, is_wanted=is_wanted)


def _name(digest: LogObject, etag: str | None) -> str:
    """The digest's content: the same whether a message or a listing names it."""
    return f"{digest.uri}?{etag}"


def _signed_between(end: datetime | None, generated: datetime | None) -> tuple[datetime, datetime] | None:
    """When a digest may have been signed: after its hour, or when a backfill was generated. Both are not proven yet."""
    if end is None:
        return None
    try:
        last = generated if generated and end <= generated <= end + _LONGEST else end
        return end - _AROUND, last + _AROUND
    except OverflowError:  # a year that no digest has
        return None
