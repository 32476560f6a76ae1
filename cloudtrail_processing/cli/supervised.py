"""``worker`` in several processes: what each of them does about its log lines, and what is shown of all."""

import logging
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cloudtrail_processing.cli.telling import log_lines, standard_error
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.tally import told

if TYPE_CHECKING:
    from cloudtrail_processing.parts import Parts

logger = logging.getLogger(__name__)

SUPERVISOR = "supervisor"
"""The name under which the first process logs."""


def work_in_processes(settings: Settings, *, processes: int) -> None:
    """Run workers until told to stop; raises as ``supervise`` does."""
    from cloudtrail_processing.supervisor import supervise

    joined = supervise(processes=processes, settings=settings, setup=in_process)
    logger.info("stopped: %s", told(joined.counts))


@contextmanager
def in_process(settings: Settings) -> "Iterator[Parts]":
    """What a worker process needs of the command line: log lines as everywhere, with its name in them."""
    from cloudtrail_processing.parts import Parts

    name = multiprocessing.current_process().name
    with log_lines(standard_error(), level=settings.log_level, form=settings.log_format, process=name):
        yield Parts()
