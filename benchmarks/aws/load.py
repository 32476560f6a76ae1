"""As many requests as a server can take: over some connections, each with its next request when it has its answer."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import uvloop

from benchmarks.aws.logs import BUCKET, key_of

_HEAD_ENDS = b"\r\n\r\n"
_LENGTH = b"Content-Length: "
_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=benchmark/20240101/eu-west-1/sqs/aws4_request, "
    f"SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={'0' * 64}"
)
_HEADERS = (
    "Host: 127.0.0.1\r\n"
    "Accept-Encoding: identity\r\n"
    "User-Agent: Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11\r\n"
    "X-Amz-Date: 20240101T000000Z\r\n"
    "X-Amz-Security-Token: benchmark\r\n"
    f"X-Amz-Content-SHA256: {'0' * 64}\r\n"
    "amz-sdk-invocation-id: 00000000-0000-4000-8000-000000000000\r\n"
    "amz-sdk-request: attempt=1\r\n"
    f"Authorization: {_AUTHORIZATION}\r\n"
)
"""About as much as an SDK sends."""

Answered = Callable[[bytes], None]


def sqs_request(operation: str, body: bytes) -> bytes:
    """A request in SQS's JSON protocol."""
    first = f"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n"
    return f"{first}{_HEADERS}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get_request(number: int) -> bytes:
    """A GetObject of the object ``number``."""
    return f"GET /{BUCKET}/{key_of(number)} HTTP/1.1\r\n{_HEADERS}\r\n".encode()


class _Client(asyncio.Protocol):
    """One connection, that sends until there are no more requests."""

    def __init__(self, requests: Iterator[bytes], answered: Answered | None, done: "asyncio.Future[None]") -> None:
        self._requests = requests
        self._answered = answered
        self._done = done
        self._transport: Any = None
        self._left = 0
        self._begun: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
            self._keep(data)
        else:
            data = b"".join((*self._begun, data))
            self._begun = [data]
            end = data.find(_HEAD_ENDS)
            if end < 0:
                return
            self._left = _length(data) - (len(data) - end - len(_HEAD_ENDS))
            self._begun = [data[end + len(_HEAD_ENDS) :]] if self._answered else []
        if not self._left:
            self._end()

    def _keep(self, data: bytes) -> None:
        if self._answered is not None:
            self._begun.append(data)

    def _end(self) -> None:
        if self._answered is not None:
            self._answered(b"".join(self._begun))
        self._begun = []
        self._next()

    def _next(self) -> None:
        if (request := next(self._requests, None)) is not None:
            self._transport.write(request)
        elif not self._done.done():
            self._done.set_result(None)
            self._transport.close()


def send(url: str, requests: Iterable[bytes], *, connections: int, answered: Answered | None = None) -> None:
    """Send them all and wait for the answers; ``answered`` takes their bodies. Raises for any that is not a 200."""
    uvloop.run(_send(url, iter(requests), connections, answered))


async def _send(url: str, requests: Iterator[bytes], connections: int, answered: Answered | None) -> None:
    loop, where = asyncio.get_running_loop(), urlsplit(url)
    every: list[asyncio.Future[None]] = [loop.create_future() for _ in range(connections)]
    for done in every:
        await loop.create_connection(partial(_Client, requests, answered, done), where.hostname or "", where.port or 0)
    await asyncio.gather(*every)


def _length(answer: bytes) -> int:
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(f"the server answered {answer[:200]!r}")
    start = answer.index(_LENGTH) + len(_LENGTH)
    return int(answer[start : answer.index(b"\r", start)])
