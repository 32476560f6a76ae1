"""Processors around work that has an end: started before it, stopped after it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.usercode import UserCode

logger = logging.getLogger(__name__)


@contextmanager
def started(
    processors: Sequence[EventProcessor[Any]], user_code: UserCode
) -> Iterator[list[CloudTrailProcessingError]]:
    """Start the processors, and stop them at the end, the last one first; the list then has what a ``stop`` raised.

    Raises ``ProcessorError`` when a ``start`` fails, after those before it were stopped.
    """
    errors: list[CloudTrailProcessingError] = []
    with ExitStack() as stopping:
        for processor in processors:
            user_code.call(f"start of {processor.name}", processor.start)
            stopping.callback(_stop, processor, user_code, errors)
        yield errors


def _stop(processor: EventProcessor[Any], user_code: UserCode, errors: list[CloudTrailProcessingError]) -> None:
    try:
        user_code.call(f"stop of {processor.name}", processor.stop)
    except CloudTrailProcessingError as error:
        logger.exception("a processor failed to stop")
        errors.append(error)
