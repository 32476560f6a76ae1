"""The bad records of one log: kept in the quarantine, or a reason for which the log fails at its end."""

import logging
from collections.abc import Sequence

from cloudtrail_processing.delivery.bookkeeping import bookkeeping
from cloudtrail_processing.delivery.lane import LaneFailure
from cloudtrail_processing.errors import CloudTrailProcessingError, RejectedRecords
from cloudtrail_processing.flow import RejectedRecord
from cloudtrail_processing.ports import Quarantine
from cloudtrail_processing.usercode import OURS, UserCode

logger = logging.getLogger(__name__)


class Rejects:
    """Kept in the quarantine window by window; without one they are counted."""

    def __init__(self, quarantine: Quarantine | None, user_code: UserCode) -> None:
        self._quarantine = quarantine
        self._user_code = user_code
        self._first: RejectedRecord | None = None
        self._error: CloudTrailProcessingError | None = None
        self.count = 0

    def take(self, rejected: Sequence[RejectedRecord]) -> None:
        """Keep them now; a quarantine that has failed is not asked again for this log."""
        if not rejected:
            return
        self.count += len(rejected)
        self._first = self._first or rejected[0]
        if self._quarantine is None or self._error:
            return
        try:
            with bookkeeping("the quarantine"):
                self._user_code.call("the quarantine", self._quarantine.keep, rejected, passing=OURS)
        except CloudTrailProcessingError as error:
            self._error = error

    def failures(self, *, to_the_end: bool) -> tuple[LaneFailure, ...]:
        """Without a quarantine, bad records fail the log, so that its message stays and nothing is silently dropped."""
        if self._error is not None:
            return (LaneFailure(None, self._error),)
        if self._first is None or self._quarantine is not None or not to_the_end:
            self._tell()
            return ()
        text = (
            f"{self.count} bad record(s) in {self._first.log.uri}, the first at index {self._first.index}: "
            f"{self._first.error}; the good ones were not held up; the setting quarantine would keep bad ones"
        )
        return (LaneFailure(None, RejectedRecords(text)),)

    def _tell(self) -> None:
        if self._first is not None and self._quarantine is not None:
            logger.warning(
                "%d bad record(s) of %s are in the quarantine, the first at index %d: %s; good ones are not held up",
                self.count,
                self._first.log.uri,
                self._first.index,
                self._first.error,
            )
