"""Which logs should come here: asked of those that a digest lists, so that others are not missed."""

from cloudtrail_processing.allowed import Allowed
from cloudtrail_processing.delivery import Delivery
from cloudtrail_processing.errors import CloudTrailProcessingError, NotAllowed
from cloudtrail_processing.filters.logs import SourceFilter
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.usercode import guarded


class Wanted:
    """Answers by the keys of logs alone, as the pipeline does before it reads one."""

    def __init__(self, delivery: Delivery, *, allowed: Allowed | None, source_filter: SourceFilter | None) -> None:
        self._delivery = delivery
        self._allowed = allowed
        self._source_filter = source_filter

    def __call__(self, log: LogObject) -> bool:
        """True when the log would be read, should it come here; a filter that fails cannot tell, and does not count."""
        try:
            if self._allowed is not None:
                self._allowed.check(log)
            with guarded("a source filter"):
                if self._source_filter is not None and not self._source_filter.accepts(log, None):
                    return False
        except CloudTrailProcessingError as error:
            return not isinstance(error, NotAllowed)
        job = self._delivery.begin(log)
        try:
            return job.is_wanted
        finally:
            job.end()
