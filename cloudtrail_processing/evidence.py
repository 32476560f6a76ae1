"""What an outcome proves: that a log could be read, that an operator is needed, or that nothing can work at all."""

from cloudtrail_processing.errors import (
    BookkeepingError,
    ConfigurationError,
    CorruptLog,
    CredentialsError,
    LogGone,
    RejectedRecords,
)
from cloudtrail_processing.flow import Failed, Processed


def was_read(outcome: Processed | Failed) -> bool:
    """True when the log was there for us to read, or not there at all, whatever became of it afterwards."""
    if isinstance(outcome, Processed):
        return True
    told = (CorruptLog, LogGone, RejectedRecords)
    return outcome.records > 0 or any(isinstance(failed.error, told) for failed in (outcome, *outcome.also))


def configuration_errors(outcome: Processed | Failed) -> list[ConfigurationError]:
    """What an operator must change before this log can be worked on, by each processor that said so."""
    failures = () if isinstance(outcome, Processed) else (outcome, *outcome.also)
    return [failed.error for failed in failures if isinstance(failed.error, ConfigurationError)]


def concerns_everything(error: object) -> bool:
    """True for what no bucket has a part in: it keeps every log from being worked on."""
    return isinstance(error, CredentialsError | BookkeepingError)
