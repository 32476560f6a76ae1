"""A quarantine in S3: one object for each file that the folder quarantine would write."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cloudtrail_processing.aws.failures import mapped
from cloudtrail_processing.aws.session import AwsOptions, boto3_session, s3_client
from cloudtrail_processing.errors import ConfigurationError, LogGone, SettingsError
from cloudtrail_processing.quarantine import SUFFIX, StoredQuarantine

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3.client import S3Client


class S3Quarantine(StoredQuarantine):
    """A quarantine under ``s3://bucket/prefix``; the prefix is a folder, and only objects directly in it count.

    Needs s3:PutObject, and for a replay s3:ListBucket, s3:GetObject and s3:DeleteObject. The client is opened at first
    use; ``session`` (boto3) replaces the one made from ``options``. Raises ``SettingsError`` for what is no S3 URI.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
    """

    def __init__(
        self,
        uri: str,
        options: AwsOptions | None = None,
        *,
        session: "boto3.Session | None" = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        scheme, _, rest = uri.partition("://")
        self._bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not self._bucket:
            raise SettingsError(f"{uri!r} names no bucket: write s3://bucket or s3://bucket/prefix")
        self._prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        super().__init__(f"s3://{self._bucket}/{self._prefix}".rstrip("/"), now=now)
        self._options = options or AwsOptions()
        self._session = session
        self._lock = threading.Lock()
        self._opened: S3Client | None = None

    def close(self) -> None:
        """Drop the connections; the next use opens them again. May be repeated."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def _write(self, name: str, content: bytes) -> None:
        with self._our_errors("writing", name):
            self._client().put_object(
                Bucket=self._bucket, Key=self._prefix + name, Body=content, ContentType="application/x-ndjson"
            )

    def _read(self, name: str) -> bytes:
        try:
            with mapped(f"reading quarantine {self._place_of(name)}"):
                answer = self._client().get_object(Bucket=self._bucket, Key=self._prefix + name)
                with answer["Body"] as body:
                    return body.read()
        except LogGone:
            return b""

    def _names(self) -> Iterator[str]:
        """Page by page: a listing may be long."""
        with self._our_errors("listing", ""):
            pages = (
                self._client()
                .get_paginator("list_objects_v2")
                .paginate(Bucket=self._bucket, Prefix=self._prefix, Delimiter="/")
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    if found["Key"].endswith(SUFFIX):
                        yield found["Key"].removeprefix(self._prefix)

    def _delete(self, name: str) -> None:
        with self._our_errors("deleting", name):
            self._client().delete_object(Bucket=self._bucket, Key=self._prefix + name)

    @contextmanager
    def _our_errors(self, doing: str, name: str) -> Iterator[None]:
        """Never ``LogGone``: that would be about the log, and a policy may skip a log that is gone."""
        try:
            with mapped(f"{doing} quarantine {self._place_of(name)}"):
                yield
        except LogGone as error:
            raise ConfigurationError(str(error)) from error

    def _client(self) -> "S3Client":
        with self._lock:
            if self._opened is None:
                self._opened = s3_client(self._session or boto3_session(self._options), self._options)
            return self._opened
