"""What lies in buckets, by name: pages of ListObjectsV2."""

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cloudtrail_processing.aws.failures import mapped
from cloudtrail_processing.aws.session import AwsOptions, boto3_session, s3_client
from cloudtrail_processing.ports import Listed

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


class S3Listing:
    """``ports.Listing`` over S3. The client follows a bucket into its own region.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    """

    def __init__(self, options: AwsOptions | None = None) -> None:
        self._options = options or AwsOptions()
        self._lock = threading.Lock()
        self._client: S3Client | None = None

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """One request for each thousand of them."""
        pages = self._pages(bucket, prefix, Delimiter="/")
        return [found["Prefix"] for page in pages for found in page.get("CommonPrefixes", ())]

    def objects(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[Listed]:
        """One request for each thousand of them."""
        behind = {"StartAfter": after} if after else {}
        for page in self._pages(bucket, prefix, **behind):
            for entry in page.get("Contents", ()):
                yield Listed(entry["Key"], entry["Size"], entry["LastModified"])

    def close(self) -> None:
        """Close its connections; the next question opens them again."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _pages(self, bucket: str, prefix: str, **optional: Any) -> Iterator[Any]:
        if self._options.request_payer:
            optional["RequestPayer"] = "requester"
        doing = f"listing s3://{bucket}/{prefix}"
        with mapped(doing):
            pages = iter(
                self._opened().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **optional)
            )
        while True:
            with mapped(doing):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _opened(self) -> "S3Client":
        with self._lock:
            self._client = self._client or s3_client(boto3_session(self._options), self._options)
            return self._client
