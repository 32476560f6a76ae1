"""HTTP/1.1 as far as clients of AWS speak it: requests in, answers out, one at a time on each connection."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, NamedTuple

import httptools

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request:
    """One request; the names of headers are in lower case."""

    __slots__ = ("body", "headers", "keep_alive", "method", "target")

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.keep_alive = True


class Answer(NamedTuple):
    """One answer: its first lines as ``head`` makes them, its body, and the seconds until it is sent."""

    head: bytes
    body: bytes | memoryview = b""
    delay: float = 0


def head(status: int, length: int, *fields: str) -> bytes:
    """The status line and headers of an answer, all but the date; made once for answers that are given often."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {length}", *fields, ""]
    return "\r\n".join(lines).encode()


def answer(status: int, body: bytes, *fields: str, delay: float = 0) -> Answer:
    """An answer that is made for one request."""
    return Answer(head(status, len(body), *fields), body, delay)


class Dates:
    """The header that tells the time, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        """The last header and the empty line after it."""
        if (second := int(time.time())) != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n\r\n".encode()
        return self._line


class Traffic:
    """What all connections share: the time, and how much was sent."""

    def __init__(self) -> None:
        self.dates = Dates()
        self.bytes_out = 0


Serve = Callable[[Request, "Connection"], None]
"""Answers one request, now or later, by ``Connection.send``."""


class Connection(asyncio.Protocol):
    """One connection of a client. A request that comes before the one before it was answered waits."""

    def __init__(self, serve: Serve, traffic: Traffic) -> None:
        self.gone = False
        self._serve = serve
        self._traffic = traffic
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._request = Request()
        self._waiting: deque[Request] = deque()
        self._keep_alive = True
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise
        except httptools.HttpParserUpgrade:
            return
        except httptools.HttpParserError:
            self._keep_alive = False
            self._write(answer(400, b""))

    def send(self, reply: Answer) -> None:
        """Send the answer to the request at hand when its delay is over."""
        if reply.delay > 0:
            self._loop.call_later(reply.delay, self._finish, reply)
        else:
            self._finish(reply)

    def _finish(self, reply: Answer) -> None:
        self._write(reply)
        self._busy = False
        if self._waiting:
            self._begin(self._waiting.popleft())

    def _write(self, reply: Answer) -> None:
        if self._transport.is_closing():
            return
        first, body = reply.head, reply.body
        self._transport.writelines((first, self._traffic.dates.line(), body))
        self._traffic.bytes_out += len(first) + len(body)
        if not self._keep_alive:
            self._transport.close()

    def _begin(self, request: Request) -> None:
        self._busy = True
        self._keep_alive = request.keep_alive
        self._serve(request, self)

    # What the parser found.

    def on_message_begin(self) -> None:
        self._request = Request()

    def on_url(self, url: bytes) -> None:
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self._request.headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._request.body += body

    def on_message_complete(self) -> None:
        request = self._request
        request.method = self._parser.get_method()
        request.keep_alive = self._parser.should_keep_alive()
        if self._busy:
            self._waiting.append(request)
        else:
            self._begin(request)
