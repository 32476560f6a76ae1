"""What was read is told from what was not, and what concerns one bucket from what concerns all."""

import pytest

from cloudtrail_processing.errors import (
    BookkeepingError,
    ClaimLost,
    CloudTrailProcessingError,
    ConfigurationError,
    CorruptLog,
    CredentialsError,
    LogGone,
    LogTooLarge,
    ProcessorError,
    RejectedRecords,
    SettingsError,
    TransientError,
)
from cloudtrail_processing.evidence import concerns_everything, configuration_errors, was_read
from cloudtrail_processing.flow import Failed, LogObject, Processed

LOG = LogObject("trail", "key")


@pytest.mark.parametrize(
    ("outcome", "read"),
    [
        (Processed(LOG, 0, 0, 0), True),
        (Failed(LOG, ProcessorError("p"), records=1), True),
        (Failed(LOG, ProcessorError("p")), False),
        (Failed(LOG, CorruptLog("c")), True),
        (Failed(LOG, LogTooLarge("l")), True),
        (Failed(LOG, LogGone("g")), True),
        (Failed(LOG, ConfigurationError("c"), also=(Failed(LOG, RejectedRecords("r")),)), True),
        (Failed(LOG, ConfigurationError("c")), False),
        (Failed(LOG, TransientError("t")), False),
    ],
    ids=repr,
)
def test_only_who_was_let_in_can_say_what_a_log_is_like(outcome: Processed | Failed, read: bool) -> None:
    assert was_read(outcome) is read


def test_an_operator_hears_from_each_processor_and_of_nothing_that_passes_by_itself() -> None:
    first, second = ConfigurationError("a"), CredentialsError("b")
    failed = Failed(LOG, TransientError("t"), also=(Failed(LOG, first), Failed(LOG, second)))
    assert configuration_errors(failed) == [first, second]
    assert configuration_errors(Processed(LOG, 1, 1, 0)) == []


@pytest.mark.parametrize(
    ("error", "everything"),
    [
        (CredentialsError("c"), True),
        (BookkeepingError("b"), True),
        (ConfigurationError("c"), False),
        (SettingsError("s"), False),
        (ClaimLost("l"), False),
        (None, False),
    ],
    ids=repr,
)
def test_credentials_and_bookkeeping_concern_everything(
    error: CloudTrailProcessingError | None, everything: bool
) -> None:
    assert concerns_everything(error) is everything
