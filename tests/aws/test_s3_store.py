"""``S3Store`` against answers that the embedded AWS never gives, from a small server that speaks as S3 does."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cloudtrail_processing.aws.session import AwsOptions, Credentials
from cloudtrail_processing.aws.store import S3Store
from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    CredentialsError,
    LogGone,
    LogTooLarge,
    TransientError,
)
from cloudtrail_processing.flow import LogObject

HOME = "eu-west-1"


@dataclass
class Asked:
    """What the server was asked: method and path, region of the signature, headers."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


class S3Like(BaseHTTPRequestHandler):
    """Bucket ``away`` lies in eu-west-1; in others a key is the status to answer with, and its code."""

    protocol_version = "HTTP/1.1"
    asked: Asked

    def do_GET(self) -> None:
        self.asked.requests.append((self.command, self.path))
        self.asked.headers.append({name.lower(): value for name, value in self.headers.items()})
        bucket, _, key = self.path.lstrip("/").partition("/")
        region = self.headers["Authorization"].split("/")[2]
        if bucket == "away" and region != HOME:
            self._error(301, "PermanentRedirect")
        elif bucket == "mute" and region != HOME:
            self._error(400, "AuthorizationHeaderMalformed", region=None)
        elif key.startswith("error/"):
            _, status, code = key.split("/")
            self._error(int(status), code)
        else:
            self._answer(200, b"body", length=400 if key == "truncated" else None)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def _error(self, status: int, code: str, *, region: str | None = HOME) -> None:
        xml = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said &quot;S3&quot;</Message></Error>"
        self._answer(status, xml.encode(), region=region)

    def _answer(self, status: int, body: bytes, *, length: int | None = None, region: str | None = HOME) -> None:
        self.send_response(status)
        if region:
            self.send_header("x-amz-bucket-region", region)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", str(length or len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), S3Like)
    thread = threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def asked() -> Asked:
    S3Like.asked = Asked()
    return S3Like.asked


def _options(server: ThreadingHTTPServer, *, request_payer: bool = False) -> AwsOptions:
    url = f"http://127.0.0.1:{server.server_port}"
    keys = Credentials("a", "b")
    return AwsOptions(region="us-east-1", s3_endpoint_url=url, credentials=keys, request_payer=request_payer)


@pytest.fixture
def store(server: ThreadingHTTPServer, asked: Asked) -> Iterator[S3Store]:
    store = S3Store(_options(server))
    yield store
    store.close()


def test_a_bucket_in_another_region_is_found_once_and_remembered(store: S3Store, asked: Asked) -> None:
    for key in ("first", "second"):
        assert store.fetch(LogObject("away", key), limit=10).body == b"body"
    methods = [(method, path.removesuffix("/")) for method, path in asked.requests]
    assert methods[0] == ("GET", "/away/first")
    assert methods[1][0] == "HEAD"
    assert methods[-2:] == [("GET", "/away/first"), ("GET", "/away/second")]
    assert [method for method, _ in methods].count("GET") == 3


def test_many_threads_find_a_misplaced_bucket_together(store: S3Store) -> None:
    logs = [LogObject("away", str(number)) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert {fetched.body for fetched in pool.map(lambda log: store.fetch(log, limit=10), logs)} == {b"body"}


def test_a_bucket_whose_region_nobody_tells_is_a_matter_of_configuration(store: S3Store) -> None:
    with pytest.raises(ConfigurationError, match=r"AuthorizationHeaderMalformed.*set the region"):
        store.fetch(LogObject("mute", "key"), limit=10)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("403/AccessDenied", ConfigurationError),
        ("403/InvalidAccessKeyId", CredentialsError),
        ("400/ExpiredToken", CredentialsError),
        ("400/KMS.DisabledException", ConfigurationError),
        ("403/InvalidObjectState", ConfigurationError),
        ("404/NoSuchBucket", ConfigurationError),
        ("404/NoSuchKey", LogGone),
        ("405/MethodNotAllowed", LogGone),
        ("429/TooManyRequests", TransientError),
        ("500/InternalError", TransientError),
        ("503/SlowDown", TransientError),
    ],
)
def test_what_s3_answers_decides_the_class_of_error(
    store: S3Store, asked: Asked, answer: str, expected: type[CloudTrailProcessingError]
) -> None:
    code = answer.partition("/")[2]
    with pytest.raises(expected) as caught:
        store.fetch(LogObject("trail", f"error/{answer}"), limit=10)
    assert type(caught.value) is expected
    assert str(caught.value).startswith(f'reading s3://trail/error/{answer} failed: {code} (said "S3"); ')
    assert len(asked.requests) == 1


def test_a_body_that_ends_early_is_transient(store: S3Store) -> None:
    with pytest.raises(TransientError, match="reading s3://trail/truncated failed"):
        store.fetch(LogObject("trail", "truncated"), limit=1000)


def test_a_body_over_the_limit_is_refused_by_its_announced_length(store: S3Store) -> None:
    with pytest.raises(LogTooLarge, match="400 stored bytes"):
        store.fetch(LogObject("trail", "truncated"), limit=399)


def test_a_version_is_named_in_the_request_and_in_errors(store: S3Store, asked: Asked) -> None:
    store.fetch(LogObject("trail", "key", version_id="v 1"), limit=10)
    assert asked.requests == [("GET", "/trail/key?versionId=v+1")]
    with pytest.raises(LogGone, match=r"s3://trail/error/404/NoSuchVersion version v2 failed"):
        store.fetch(LogObject("trail", "error/404/NoSuchVersion", version_id="v2"), limit=10)


@pytest.mark.parametrize("key", ["key", "odd//key"])
@pytest.mark.parametrize("payer", [True, False])
def test_requester_pays_only_when_told_to(server: ThreadingHTTPServer, asked: Asked, key: str, *, payer: bool) -> None:
    store = S3Store(_options(server, request_payer=payer))
    store.fetch(LogObject("trail", key), limit=10)
    store.close()
    assert asked.headers[0].get("x-amz-request-payer") == ("requester" if payer else None)


def test_names_from_messages_do_not_fill_the_memory(store: S3Store) -> None:
    for number in range(70):
        store.fetch(LogObject(f"bucket-{number}", "key"), limit=10)
    assert len(store._buckets) == 64


def test_a_server_that_nobody_runs_is_transient() -> None:
    options = AwsOptions(region="us-east-1", endpoint_url="http://127.0.0.1:1", credentials=Credentials("a", "b"))
    with pytest.raises(TransientError, match="error sending request"):
        S3Store(options).fetch(LogObject("trail", "key"), limit=10)


def test_missing_credentials_are_a_matter_of_configuration(
    monkeypatch: pytest.MonkeyPatch, server: ThreadingHTTPServer
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    url = f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(ConfigurationError, match=r"NoCredentialsError.*credentials"):
        S3Store(AwsOptions(region=HOME, endpoint_url=url)).fetch(LogObject("trail", "key"), limit=10)


def test_credentials_are_asked_for_again_before_they_can_have_expired(store: S3Store) -> None:
    """Botocore gives out keys that live 10 minutes at least; what obstore is told must be shorter."""
    told = store._provider()()["expires_at"]
    assert told is not None
    assert timedelta(minutes=5) < told - datetime.now(UTC) < timedelta(minutes=10)
