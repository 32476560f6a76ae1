"""The store: S3 by obstore, called from many threads at once with the GIL released."""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from cloudtrail_processing.aws.failures import is_wrong_region, mapped
from cloudtrail_processing.aws.owners import BucketOwners
from cloudtrail_processing.aws.session import AwsOptions, boto3_session, s3_client
from cloudtrail_processing.errors import LogTooLarge
from cloudtrail_processing.flow import FetchedLog, LogKind, LogObject

if TYPE_CHECKING:
    import boto3
    import obstore.store
    from mypy_boto3_s3.client import S3Client
    from obstore.auth.boto3 import Boto3CredentialProvider

T = TypeVar("T")

# obstore trims slashes at the ends of a key and refuses empty and dotted parts and control characters. S3 allows all
# of them, and a trail whose prefix ends with "/" has an empty part in every key.
_ODD_KEY = re.compile(r"(^|/)\.{0,2}(/|$)|[\x00-\x1f\x7f]")

# botocore renews temporary credentials 10 minutes before they expire at the latest, and obstore asks again 5 minutes
# before the end of what we tell it. With obstore's default of 30 minutes it would sign with expired keys.
_CREDENTIALS_LIVE = timedelta(minutes=9)

_LONGEST_DOWNLOAD = timedelta(minutes=10)
_MOST_BUCKETS = 64


class S3Store:
    """Reads whole objects from S3, as ``ports.LogStore``; any bucket, any region, from any thread.

    A bucket that lies in another region than the one configured is found once and remembered. Nothing is retried
    here but that; nothing is opened before the first ``fetch``. ``session`` (boto3) replaces the one made from
    ``options``. With ``owners`` (accounts) only buckets of one of them are read: S3 is asked once per bucket, before
    its first log, and ``NotAllowed`` is raised for other buckets.

    ``FetchedLog.body`` is what lies in the bucket, whatever its Content-Encoding says.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """

    def __init__(
        self,
        options: AwsOptions | None = None,
        *,
        session: "boto3.Session | None" = None,
        owners: Sequence[str] = (),
    ) -> None:
        self._options = options or AwsOptions()
        self._session = session
        self._owners = BucketOwners(owners, request_payer=self._options.request_payer)
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._clients: dict[str | None, S3Client] = {}
        self._credentials: Boto3CredentialProvider | None = None

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        """The whole object, or the version that ``log`` names; ``LogTooLarge`` before the body is read.

        Raises ``LogGone``, ``TransientError`` (also for a body that ends early) or ``ConfigurationError``.
        """
        version = f" version {log.version_id}" if log.version_id else ""
        with mapped(f"reading {log.uri}{version}"):
            return self._ask(log, lambda bucket: bucket.read(log, limit=limit))

    def identify(self, log: LogObject) -> LogObject:
        """The log with its present version, etag and size, by one HeadObject; raises as ``fetch`` does."""
        with mapped(f"looking up {log.uri}"):
            return self._ask(log, lambda bucket: bucket.look_up(log))

    def close(self) -> None:
        """Drop every connection and what is known of buckets; the next ``fetch`` opens what it needs."""
        self._owners.forget()
        with self._lock:
            self._buckets.clear()
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _ask(self, log: LogObject, question: Callable[["_Bucket"], T]) -> T:
        """The answer of the log's bucket, wherever it lies, when it has an owner that we expect."""
        bucket = self._bucket(log.bucket)
        try:
            self._owners.check(log, bucket.client)
            return question(bucket)
        except Exception as error:
            if not is_wrong_region(error):
                raise
        moved = self._moved(log.bucket, bucket)
        self._owners.check(log, moved.client)
        return question(moved)

    def _bucket(self, name: str) -> "_Bucket":
        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = self._open(name, region=None)
            self._buckets.move_to_end(name)
            # Names come from messages: whoever can send one must not fill the memory.
            while len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
            return self._buckets[name]

    def _moved(self, name: str, misplaced: "_Bucket") -> "_Bucket":
        """The bucket again, in the region where it really lies; other buckets are not held up while S3 is asked."""
        with self._lock:
            if (known := self._buckets.get(name, misplaced)) is not misplaced:
                return known
            client = self._client(None)
        region = _region_of(name, client)
        with self._lock:
            if self._buckets.get(name, misplaced) is misplaced:
                self._buckets[name] = self._open(name, region=region)
            return self._buckets[name]

    def _open(self, name: str, *, region: str | None) -> "_Bucket":
        import obstore.store

        client = self._client(region)
        endpoint = client.meta.endpoint_url
        options = self._options
        store = obstore.store.S3Store(
            name,
            endpoint=endpoint,
            region=client.meta.region_name,
            virtual_hosted_style_request=False,
            request_payer=options.request_payer,
            credential_provider=self._provider(),
            retry_config={"max_retries": 0},
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=options.connect_timeout),
                "read_timeout": timedelta(seconds=options.read_timeout),
                "timeout": _LONGEST_DOWNLOAD,
            },
        )
        return _Bucket(store, client, payer=options.request_payer)

    def _client(self, region: str | None) -> "S3Client":
        if region not in self._clients:
            self._clients[region] = s3_client(self._boto3(), self._options, region=region)
        return self._clients[region]

    def _provider(self) -> "Boto3CredentialProvider":
        from botocore.exceptions import NoCredentialsError
        from obstore.auth.boto3 import Boto3CredentialProvider

        if self._credentials is None:
            session = self._boto3()
            if session.get_credentials() is None:
                raise NoCredentialsError
            self._credentials = Boto3CredentialProvider(session, ttl=_CREDENTIALS_LIVE)
        return self._credentials

    def _boto3(self) -> "boto3.Session":
        self._session = self._session or boto3_session(self._options)
        return self._session


@dataclass(frozen=True, slots=True)
class _Bucket:
    store: "obstore.store.S3Store"
    client: "S3Client"
    payer: bool

    def read(self, log: LogObject, *, limit: int) -> FetchedLog:
        return (self._read_odd if _ODD_KEY.search(log.key) else self._read)(log, limit)

    def look_up(self, log: LogObject) -> LogObject:
        if _ODD_KEY.search(log.key):
            answer = self.client.head_object(Bucket=log.bucket, Key=log.key, **self._optional(log))
            etag = _bare(answer.get("ETag"))
            return replace(log, version_id=answer.get("VersionId"), etag=etag, size=answer["ContentLength"])
        meta = self.store.head(log.key)
        return replace(log, version_id=meta["version"], etag=_bare(meta["e_tag"]), size=meta["size"])

    def _read(self, log: LogObject, limit: int) -> FetchedLog:
        result = self.store.get(log.key, options={"version": log.version_id} if log.version_id else None)
        meta = result.meta
        _check_size(log, meta["size"], limit=limit)
        return FetchedLog(
            body=result.bytes().to_bytes(),
            etag=_bare(meta["e_tag"]),
            version_id=meta["version"],
            last_modified=meta["last_modified"],
            metadata=_told_beside(result.attributes) if log.kind is LogKind.DIGEST else {},
        )

    def _read_odd(self, log: LogObject, limit: int) -> FetchedLog:
        """The same by boto3, which takes any key and needs ten times as long."""
        answer = self.client.get_object(Bucket=log.bucket, Key=log.key, **self._optional(log))
        with closing(answer["Body"]) as body:
            _check_size(log, answer["ContentLength"], limit=limit)
            return FetchedLog(
                body=body.read(),
                etag=_bare(answer.get("ETag")),
                version_id=answer.get("VersionId"),
                last_modified=answer.get("LastModified"),
                metadata=answer.get("Metadata", {}),
            )

    def _optional(self, log: LogObject) -> dict[str, Any]:
        version = {"VersionId": log.version_id} if log.version_id else {}
        return version | ({"RequestPayer": "requester"} if self.payer else {})


def _check_size(log: LogObject, size: int, *, limit: int) -> None:
    if size > limit:
        raise LogTooLarge(f"{log.uri} has {size} stored bytes, over the limit of {limit}: not read")


def _told_beside(attributes: Mapping[Any, str]) -> Mapping[str, str]:
    """The user's own metadata: obstore tells them among headers of HTTP, which begin with a capital."""
    return {str(name): value for name, value in attributes.items() if str(name).islower()}


def _bare(etag: str | None) -> str | None:
    """Without its quotes, as notifications carry it."""
    return etag.strip('"') if etag else None


def _region_of(bucket: str, client: "S3Client") -> str | None:
    """Ask S3 where a bucket lies; it tells even when it denies the rest."""
    from botocore.exceptions import ClientError

    try:
        answer: Any = client.head_bucket(Bucket=bucket)
    except ClientError as error:
        answer = error.response
    region = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return str(region) if region else None
