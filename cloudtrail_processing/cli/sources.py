"""What the paths of a command stand for: files, folders, globs, standard input, and prefixes in buckets."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from cloudtrail_processing.aws.keys import S3Keys
from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.errors import CloudTrailProcessingError, SettingsError
from cloudtrail_processing.files import Files
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.replay.logs import InTime
from cloudtrail_processing.times import TimeRange

_S3 = "s3://"


class Sources:
    """The logs that ``paths`` stand for, in their order. ``s3://bucket/prefix`` is listed while it is read.

    With ``times`` only logs of these times count. Raises ``SettingsError`` at once for a path on disk that stands for
    nothing.
    """

    def __init__(self, paths: Sequence[str], aws: AwsOptions, *, times: TimeRange | None = None) -> None:
        self._aws = aws
        self._times = times
        self._in_time: list[InTime] = []
        self.left_out = 0
        """How many files in folders are no logs by their names."""
        self._sources = [self._source(path) for path in paths]
        self.in_buckets = any(path.startswith(_S3) for path in paths)
        """True when logs have to be downloaded."""
        self.known = sum(map(len, (source for source in self._sources if isinstance(source, list))))
        """How many logs there are on disk."""
        self.broken_off: CloudTrailProcessingError | None = None
        """Why a listing ended before its end."""

    @property
    def untold(self) -> int:
        """How many logs were left out because their keys tell no time."""
        return sum(each.untold for each in self._in_time)

    def logs(self, wanted: Callable[[], bool] = lambda: True) -> Iterator[LogObject]:
        """Every log, until ``wanted`` says no, or until a bucket cannot be listed: see ``broken_off``."""
        try:
            for log in chain.from_iterable(self._sources):
                if not wanted():
                    return
                yield log
        except CloudTrailProcessingError as error:
            self.broken_off = error

    def _source(self, path: str) -> list[LogObject] | Iterator[LogObject]:
        if path.startswith(_S3):
            return self._listed(path, S3Keys(path, self._aws, times=self._times).logs())
        files = Files([path])
        logs = list(self._listed(path, files.logs()))
        self.left_out += files.left_out
        return logs

    def _listed(self, path: str, logs: Iterator[LogObject]) -> Iterator[LogObject]:
        """The logs under a path; there must be one."""
        found = False
        for log in self._chosen(logs):
            found = True
            yield log
        if not found and self._times is None:
            raise SettingsError(f"{path}: no log there, and no object of exactly that name")
        if not found:
            raise SettingsError(f"{path}: no log of these times there, by their names")

    def _chosen(self, logs: Iterator[LogObject]) -> Iterable[LogObject]:
        if self._times is None:
            return logs
        self._in_time.append(InTime(logs, self._times))
        return self._in_time[-1]
