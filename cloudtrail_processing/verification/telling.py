"""Findings on their way to people: one line in the log, the processors' hook, the progress reporter."""

import logging
from collections.abc import Sequence
from typing import Any

from cloudtrail_processing.findings import Found, IntegrityFinding
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.progress import Progress, ProgressState
from cloudtrail_processing.usercode import UserCode

logger = logging.getLogger(__name__)


class Teller:
    """Tells findings. What a hook raises is raised: then they count as not told, and are told again."""

    def __init__(
        self, processors: Sequence[EventProcessor[Any]], *, user_code: UserCode, progress: Progress | None = None
    ) -> None:
        self._listening = [it for it in processors if type(it).integrity is not EventProcessor.integrity]
        self._user_code = user_code
        self._progress = progress

    def tell(self, findings: Sequence[IntegrityFinding], *, of: LogObject | None = None) -> None:
        """Tell these, ``of`` one log or digest; nobody is told of none."""
        if not findings:
            return
        for finding in findings:
            logger.log(_level(finding.state), "%s", finding)
        for processor in self._listening:
            for finding in findings:
                self._user_code.call(f"integrity of {processor.name}", processor.integrity, finding)
        if self._progress is not None:
            with self._progress.step(ProgressState.VERIFY_LOGS, log=of) as step:
                step.result(findings=tuple(findings))


def _level(state: Found) -> int:
    if state.is_alarming:
        return logging.ERROR
    if state in (Found.MISSING, Found.UNPROVEN):
        return logging.WARNING
    return logging.INFO if state is Found.LATE else logging.DEBUG
