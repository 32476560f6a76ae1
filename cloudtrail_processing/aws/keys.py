"""Keys without notifications: the listing of a bucket or of a prefix in it."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from cloudtrail_processing.aws.failures import mapped
from cloudtrail_processing.aws.session import AwsOptions, boto3_session, s3_client
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.times import TimeRange, days_of

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3.client import S3Client


class S3Keys:
    """Lists ``s3://bucket/prefix`` as ``ports.KeySource``, in S3's order (by UTF-8 bytes of the key).

    Digests, folders and other services' files are left out, unless the URI names the object exactly or ``everything``
    is wanted. The prefix is a plain string, not a folder: ``…/AWSLogs/1`` finds ``…/AWSLogs/111122223333/``.

    With ``times`` it leaves out day folders in which no log of these times can lie, and never lists them, when the
    prefix names ``…/AWSLogs/`` or a folder below; other logs may still be among what it yields, and objects beside
    folders come first. Any other prefix is listed as a whole.

    Raises ``SettingsError`` for anything but an S3 URI.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    """

    def __init__(
        self,
        uri: str,
        options: AwsOptions | None = None,
        *,
        session: "boto3.Session | None" = None,
        page_size: int = 1000,
        everything: bool = False,
        times: TimeRange | None = None,
    ) -> None:
        scheme, _, rest = uri.partition("://")
        self.bucket, _, self.prefix = rest.partition("/")
        if scheme != "s3" or not self.bucket:
            raise SettingsError(f"{uri!r} names no bucket: write s3://bucket or s3://bucket/prefix")
        self._options = options or AwsOptions()
        self._session = session
        self._page_size = page_size
        self._everything = everything
        self._times = times

    def logs(self) -> Iterator[LogObject]:
        """Every log, one page of ``page_size`` (at most 1000) asked at a time. Call it again to list again.

        Raises ``TransientError`` or ``ConfigurationError``, in the middle too.
        """
        with mapped(self._doing(self.prefix)):
            client = s3_client(self._session or boto3_session(self._options), self._options)
        with closing(client):
            for entry in self._entries(client, self.prefix, self._times):
                log = log_object(self.bucket, entry["Key"], size=entry["Size"], etag=entry["ETag"].strip('"'))
                if self._everything or log.kind.may_hold_events or log.key == self.prefix:
                    yield log

    def _entries(self, client: "S3Client", prefix: str, times: TimeRange | None) -> Iterator[Any]:
        """Every object under the prefix; with ``times`` folder by folder, as long as these follow CloudTrail's layout.

        A folder that does not, or that is one day's, is listed as a whole.
        """
        days = days_of(prefix[: prefix.rfind("/") + 1]) if times else None
        if times is None or days is None or days[0] == days[1]:
            for page in self._pages(client, prefix):
                yield from page.get("Contents", ())
            return
        for page in self._pages(client, prefix, Delimiter="/"):
            yield from page.get("Contents", ())
            for folder in (found["Prefix"] for found in page.get("CommonPrefixes", ())):
                if (within := days_of(folder)) is None or times.touches(within):
                    yield from self._entries(client, folder, times)

    def _pages(self, client: "S3Client", prefix: str, **optional: Any) -> Iterator[Any]:
        if self._options.request_payer:
            optional["RequestPayer"] = "requester"
        pages = iter(
            client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix, PaginationConfig={"PageSize": self._page_size}, **optional
            )
        )
        while (page := self._next(pages, prefix)) is not None:
            yield page

    def _next(self, pages: Iterator[Any], prefix: str) -> Any | None:
        with mapped(self._doing(prefix)):
            return next(pages, None)

    def _doing(self, prefix: str) -> str:
        return f"listing s3://{self.bucket}/{prefix}"
