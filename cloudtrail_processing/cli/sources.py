"""What the paths of a command stand for: files, folders, globs, standard input, and prefixes in buckets."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from cloudtrail_processing.aws.keys import S3Keys
from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.errors import CloudTrailProcessingError, SettingsError
from cloudtrail_processing.files import Files
from cloudtrail_processing.flow import LogObject

_S3 = "s3://"


class Sources:
    """The logs that ``paths`` stand for, in their order. ``s3://bucket/prefix`` is listed while it is read.

    Raises ``SettingsError`` at once for a path on disk that stands for nothing.
    """

    def __init__(self, paths: Sequence[str], aws: AwsOptions) -> None:
        self._aws = aws
        self.left_out = 0
        """How many files in folders are no logs by their names."""
        self._sources = [self._source(path) for path in paths]
        self.in_buckets = any(path.startswith(_S3) for path in paths)
        """True when logs have to be downloaded."""
        self.known = sum(map(len, (source for source in self._sources if isinstance(source, list))))
        """How many logs there are on disk."""
        self.broken_off: CloudTrailProcessingError | None = None
        """Why a listing ended before its end."""

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
            return _listed(S3Keys(path, self._aws))
        files = Files([path])
        logs = list(files.logs())
        self.left_out += files.left_out
        return logs


def _listed(keys: S3Keys) -> Iterator[LogObject]:
    """The logs under a prefix; there must be one."""
    found = False
    for log in keys.logs():
        found = True
        yield log
    if not found:
        raise SettingsError(f"{_S3}{keys.bucket}/{keys.prefix}: no log there, and no object of exactly that name")
