"""CloudTrail's own API, as far as audits ask it, on a free port of this machine."""

import base64
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cloudtrail_processing.flow import PublicKey

DENIED = (
    400,
    {"__type": "AccessDeniedException", "Message": "User: arn:aws:iam::111122223333:user/x is not authorized"},
)


class CloudTrailStub(ThreadingHTTPServer):
    """Answers what ``answers`` say by operation: a status with a body, several of them, one for each page,
    or what makes one.

    ``asked`` has the operation and the body of each question, ``regions`` the regions that they were signed for.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.regions: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def publish(self, keys: Sequence[PublicKey], *, page: int = 100) -> None:
        """Let ListPublicKeys tell these, so many at a time."""
        told = [{"Value": base64.b64encode(key.der).decode(), "Fingerprint": key.fingerprint} for key in keys]
        pages = [told[start : start + page] for start in range(0, len(told), page)] or [[]]
        self.answers["ListPublicKeys"] = [
            (200, {"PublicKeyList": keys, **({"NextToken": str(number)} if number < len(pages) else {})})
            for number, keys in enumerate(pages, 1)
        ]

    def describe(self, bucket: str, *, is_logging: bool = True, stopped: float | None = None, **more: Any) -> None:
        """Let GetTrail tell of a trail that writes to this bucket."""
        self.answers["GetTrail"] = (200, {"Trail": {"Name": "example", "S3BucketName": bucket, **more}})
        status = {"IsLogging": is_logging, **({} if stopped is None else {"StopLoggingTime": stopped})}
        self.answers["GetTrailStatus"] = (200, status)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CloudTrailStub

    def do_POST(self) -> None:
        """One question in JSON 1.1."""
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((operation, body))
        self.server.regions.append(self.headers["Authorization"].split("/")[2])
        answer = self.server.answers[operation]
        answer = answer() if callable(answer) else answer
        status, told = answer[int(body.get("NextToken", 0))] if isinstance(answer, list) else answer
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Nothing of it belongs on the terminal."""


@contextmanager
def cloudtrail() -> Iterator[CloudTrailStub]:
    """The API, up for as long as this lasts."""
    with CloudTrailStub() as stub:
        thread = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield stub
        stub.shutdown()
        thread.join()
