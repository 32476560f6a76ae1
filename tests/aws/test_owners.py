"""Expected bucket owners, against a small server that checks them as S3 does. The embedded AWS checks nothing."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cloudtrail_processing.aws.session import AwsOptions, Credentials
from cloudtrail_processing.aws.store import S3Store
from cloudtrail_processing.errors import ConfigurationError, LogGone, NotAllowed, SettingsError, TransientError
from cloudtrail_processing.flow import LogObject

OURS, OTHER = "111122223333", "444455556666"
OWNER_OF = {"trail": OURS, "taken": OTHER, "private": OTHER, "unlisted": OURS}
HOME = "eu-west-1"


class S3Owned(ThreadingHTTPServer):
    """Buckets with owners. ``private`` denies everything, ``unlisted`` all but objects; ``away`` lies elsewhere."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.failing = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Owned

    def do_HEAD(self) -> None:
        bucket, _, key = self.path.lstrip("/").partition("/")
        owner = self.headers.get("x-amz-expected-bucket-owner")
        self.server.asked.append(f"{self.command} {bucket}{'/' if key else ''}{key} {owner or '-'}")
        status = self._status(bucket, key, owner)
        self.send_response(status)
        self.send_header("x-amz-bucket-region", HOME)
        self.send_header("Content-Length", "4")
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"body")

    do_GET = do_HEAD  # noqa: N815 - http.server's name

    def _status(self, bucket: str, key: str, owner: str | None) -> int:
        if self.server.failing:
            return 503
        if bucket == "away":
            return 200 if f"/{HOME}/" in self.headers["Authorization"] else 301
        is_denied = bucket == "private" or (bucket == "unlisted" and not key)
        if is_denied or (owner and owner != OWNER_OF.get(bucket)):
            return 403
        return 404 if key == "gone" else 200

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[S3Owned]:
    with S3Owned() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def store_of(server: S3Owned, *owners: str) -> S3Store:
    url = f"http://127.0.0.1:{server.server_port}"
    return S3Store(
        AwsOptions(region="us-east-1", s3_endpoint_url=url, credentials=Credentials("a", "b")), owners=owners
    )


def test_the_owner_is_asked_for_once_by_all_threads_and_before_the_first_read(server: S3Owned) -> None:
    store = store_of(server, OURS)
    logs = [LogObject("trail", f"log{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert {found.body for found in pool.map(lambda log: store.fetch(log, limit=10), logs)} == {b"body"}
    assert server.asked[0] == f"HEAD trail {OURS}"
    assert sorted(server.asked[1:]) == [f"GET trail/log{number} -" for number in range(8)]


def test_without_owners_nobody_is_asked(server: S3Owned) -> None:
    store_of(server).fetch(LogObject("taken", "log"), limit=10)
    assert server.asked == ["GET taken/log -"]


def test_one_of_several_owners_is_enough(server: S3Owned) -> None:
    store_of(server, OTHER, OURS).fetch(LogObject("trail", "log"), limit=10)
    assert server.asked == [f"HEAD trail {OTHER}", f"HEAD trail {OURS}", "GET trail/log -"]


def test_a_bucket_of_somebody_else_is_refused_unread_and_that_is_remembered(server: S3Owned) -> None:
    store = store_of(server, OURS)
    for ask in (
        lambda: store.fetch(LogObject("taken", "log"), limit=10),
        lambda: store.identify(LogObject("taken", "x")),
    ):
        with pytest.raises(
            NotAllowed, match=rf"s3://taken belongs to none .*bucket_owners \({OURS}\).*message is kept"
        ):
            ask()
    assert server.asked == [f"HEAD taken {OURS}", f"HEAD taken/log {OURS}", "HEAD taken -"]


def test_the_permission_to_read_logs_is_enough_to_tell(server: S3Owned) -> None:
    """Least privilege for a worker is s3:GetObject alone, and then HeadBucket is denied."""
    assert store_of(server, OURS).fetch(LogObject("unlisted", "log"), limit=10).body == b"body"
    assert server.asked == [f"HEAD unlisted {OURS}", f"HEAD unlisted/log {OURS}", "GET unlisted/log -"]


def test_an_answer_that_cannot_tell_names_both_causes_and_is_asked_again(server: S3Owned) -> None:
    store = store_of(server, OURS)
    for _ in range(2):
        with pytest.raises(
            ConfigurationError, match=r"cannot tell who owns s3://private.*bucket_owners.*s3:ListBucket"
        ):
            store.fetch(LogObject("private", "log"), limit=10)
    assert not any(asked.startswith("GET") for asked in server.asked)
    assert server.asked.count("HEAD private -") == 2


def test_a_failure_of_s3_is_transient_and_not_remembered(server: S3Owned) -> None:
    store = store_of(server, OURS)
    server.failing = True
    with pytest.raises(TransientError):
        store.fetch(LogObject("trail", "log"), limit=10)
    server.failing = False
    assert store.fetch(LogObject("trail", "log"), limit=10).body == b"body"


def test_a_bucket_in_another_region_is_found_there(server: S3Owned) -> None:
    assert store_of(server, OURS).fetch(LogObject("away", "log"), limit=10).body == b"body"
    assert server.asked[-1] == "GET away/log -"


def test_a_log_that_is_not_there_is_gone_as_ever(server: S3Owned) -> None:
    with pytest.raises(LogGone):
        store_of(server, OURS).fetch(LogObject("trail", "gone"), limit=10)


def test_a_closed_store_asks_again(server: S3Owned) -> None:
    store = store_of(server, OURS)
    for _ in range(2):
        store.fetch(LogObject("trail", "log"), limit=10)
        store.close()
    assert server.asked.count(f"HEAD trail {OURS}") == 2


@pytest.mark.parametrize("owner", ["", "*", "12345678901", "o-abcdefghij"])
def test_an_owner_that_is_no_account_is_a_mistake_in_the_settings(owner: str) -> None:
    with pytest.raises(SettingsError, match="bucket_owners"):
        S3Store(owners=[owner])
