"""Digests that no message names: once an hour the folder of every chain of which something is open is looked into."""

import asyncio
import functools
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Protocol

from cloudtrail_processing.errors import CloudTrailProcessingError, Stopped
from cloudtrail_processing.flow import LogKind, LogObject
from cloudtrail_processing.ports import Clock, KeySource
from cloudtrail_processing.times import TimeRange
from cloudtrail_processing.verification.book import LOOK_AGAIN, Book
from cloudtrail_processing.verification.chains import Chain
from cloudtrail_processing.verification.digests import Digests
from cloudtrail_processing.verification.logs import LogNotes

logger = logging.getLogger(__name__)

EVERY: Final = 3_600.0
"""Seconds between two rounds."""
_BEFORE, _LONGEST, _AHEAD = 7_200, 14 * 86_400, 86_400  # seconds
_PATIENCE = 5.0  # seconds of real time

FolderListing = Callable[[str, TimeRange], KeySource | Iterable[LogObject]]
"""Lists a folder ``s3://bucket/…/``: all of it, or at least what is of these times by CloudTrail's layout."""


class Settle(Protocol):
    """Settles one digest, as the pipeline does it; never raises."""

    def __call__(self, log: LogObject, *, keep_going: Callable[[], None]) -> object:
        """``keep_going`` raises ``Stopped`` when it must end."""
        ...


class Rounds:
    """Looks for digests. Of all workers on one ledger one looks into a folder within the hour."""

    def __init__(self, digests: Digests, *, listing: FolderListing, settle: Settle) -> None:
        self._verifier = digests.verifier
        self._digests = digests
        self._listing = listing
        self._settle = settle
        self.is_looking = False
        """True while a round goes on."""

    async def run(self, *, clock: Clock, stopping: asyncio.Event) -> None:
        """Look at once, and then every hour, in a thread of its own. Cancel it to end it."""
        keep_going = functools.partial(_keep_going, stopping)
        pool = ThreadPoolExecutor(1, thread_name_prefix="digests")
        looking: asyncio.Future[None] | None = None
        try:
            while True:
                self.is_looking = True
                looking = asyncio.get_running_loop().run_in_executor(pool, self._round, keep_going)
                await asyncio.shield(looking)
                await clock.sleep(EVERY)
        finally:
            if looking is not None and not looking.done():  # no hook should be called after the processors' stop
                await asyncio.wait({looking}, timeout=_PATIENCE)
            pool.shutdown(wait=False, cancel_futures=True)

    def look(self, keep_going: Callable[[], None]) -> None:
        """One round: settle every digest that may concern what is open, then tell what is overdue.

        Raises what the ledger and ``keep_going`` do; a folder that cannot be listed is told and passed over.
        """
        book = self._verifier.book(keep_going)
        for chain in list(book.chains()):
            keep_going()
            opened = book.open_logs(chain.folder)
            if opened and self._is_ours(chain, book):
                try:
                    self._look_into(chain.folder, opened, book, keep_going)
                    self._verifier.overdue(chain.folder, book=book, keep_going=keep_going)
                    keep_going()
                except Stopped:
                    book.change_chain(chain.folder, _unclaimed)
                    raise

    def _round(self, keep_going: Callable[[], None]) -> None:
        try:
            self.look(keep_going)
        except Stopped:
            logger.debug("the worker stops: digests are not looked for any more")
        except CloudTrailProcessingError as error:
            logger.warning("digests are looked for again in an hour: %s", error)
        except Exception:
            logger.exception("a bug in looking for digests; it is tried again in an hour")
        finally:
            self.is_looking = False

    def _is_ours(self, chain: Chain, book: Book) -> bool:
        """True when nobody else has looked within the hour; then nobody else will."""
        now = self._verifier.now()

        def claimed(known: Chain) -> Chain:
            return known if 0 <= now - known.looked < LOOK_AGAIN else replace(known, looked=now)

        return book.chain(chain.folder).looked != now and book.change_chain(chain.folder, claimed).looked == now

    def _look_into(self, folder: str, opened: list[LogNotes], book: Book, keep_going: Callable[[], None]) -> None:
        now = self._verifier.now()
        first = max(min(notes.oldest for notes in opened) - _BEFORE, now - _LONGEST)  # keys may tell any time
        times = TimeRange(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(now + _AHEAD, UTC))
        try:
            listed = self._listing(folder, times)
            for digest in listed if isinstance(listed, Iterable) else listed.logs():
                keep_going()
                is_due = digest.kind is LogKind.DIGEST and (digest.slot_time is None or digest.slot_time in times)
                if is_due and not self._digests.is_settled(digest, book=book):
                    self._settle(digest, keep_going=keep_going)
        except Stopped:
            raise
        except CloudTrailProcessingError as error:
            logger.warning("%s cannot be looked into for digests now, and is in an hour: %s", folder, error)


def _unclaimed(chain: Chain) -> Chain:
    """Others need not wait for an hour until they look."""
    return replace(chain, looked=0)


def _keep_going(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        raise Stopped("digests are not looked for any more, because the worker stops")
