"""Around every call of what remembers our work: its failure concerns all logs, and no single bucket."""

from collections.abc import Iterator
from contextlib import contextmanager

from cloudtrail_processing.errors import BookkeepingError, ConfigurationError, CredentialsError
from cloudtrail_processing.usercode import OURS, guarded


@contextmanager
def bookkeeping(what: str) -> Iterator[None]:
    """Inside it a ``ConfigurationError`` becomes a ``BookkeepingError``; foreign errors become ``ProcessorError``.

    Our other errors pass: ``Claimed`` and ``ClaimLost`` are answers, credentials fail everywhere.
    """
    try:
        with guarded(what, passing=OURS):
            yield
    except (BookkeepingError, CredentialsError):
        raise
    except ConfigurationError as error:
        raise BookkeepingError(f"{what}: {error}") from error.__cause__
