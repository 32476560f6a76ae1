"""Keys without notifications: the listing of a bucket or of a prefix in it."""

from collections.abc import Iterator
from typing import Any

import boto3

from cloudtrail_processing.aws.failures import mapped
from cloudtrail_processing.aws.session import AwsOptions, boto3_session, s3_client
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.keys import log_object


class S3Keys:
    """Lists ``s3://bucket/prefix`` as ``ports.KeySource``, in S3's order (by UTF-8 bytes of the key).

    Digests, folders and other services' files are left out, unless the URI names the object exactly or ``everything``
    is wanted. The prefix is a plain string, not a folder: ``…/AWSLogs/1`` finds ``…/AWSLogs/111122223333/``. Raises
    ``SettingsError`` for anything but an S3 URI.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    """

    def __init__(
        self,
        uri: str,
        options: AwsOptions | None = None,
        *,
        session: boto3.Session | None = None,
        page_size: int = 1000,
        everything: bool = False,
    ) -> None:
        scheme, _, rest = uri.partition("://")
        self.bucket, _, self.prefix = rest.partition("/")
        if scheme != "s3" or not self.bucket:
            raise SettingsError(f"{uri!r} names no bucket: write s3://bucket or s3://bucket/prefix")
        self._options = options or AwsOptions()
        self._session = session
        self._page_size = page_size
        self._everything = everything

    def logs(self) -> Iterator[LogObject]:
        """Every log, one page of ``page_size`` (at most 1000) asked at a time. Call it again to list again.

        Raises ``TransientError`` or ``ConfigurationError``, in the middle too.
        """
        pages = self._pages()
        while (page := self._next(pages)) is not None:
            for entry in page.get("Contents", ()):
                log = log_object(self.bucket, entry["Key"], size=entry["Size"], etag=entry["ETag"].strip('"'))
                if self._everything or log.kind.may_hold_events or log.key == self.prefix:
                    yield log

    def _pages(self) -> Iterator[Any]:
        client = s3_client(self._session or boto3_session(self._options), self._options)
        optional: dict[str, Any] = {"RequestPayer": "requester"} if self._options.request_payer else {}
        try:
            yield from client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix, PaginationConfig={"PageSize": self._page_size}, **optional
            )
        finally:
            client.close()

    def _next(self, pages: Iterator[Any]) -> Any | None:
        with mapped(f"listing s3://{self.bucket}/{self.prefix}"):
            return next(pages, None)
