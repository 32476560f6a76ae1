"""An HTTP proxy in front of an AWS endpoint that lets dice decide what a client gets. Runs in a thread of its own."""

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from chaos_faults import Answer, Dice, Request, with_json

_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_LARGEST_HEAD = 2**18
_POLL = 0.2


class Proxy:
    """Serves on a free port of the loopback interface while inside; every request goes through ``dice``."""

    def __init__(self, upstream: str, dice: Dice) -> None:
        host, _, port = upstream.removeprefix("http://").partition(":")
        self._upstream = host, int(port)
        self._dice = dice
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._stopping = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="chaos-proxy", daemon=True)
        self._port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._listening.wait(10):
            raise TimeoutError("the proxy does not listen")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        """The endpoint URL for clients."""
        return f"http://127.0.0.1:{self._port}"

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_LARGEST_HEAD)
        self._port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stopping.wait()
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        # A client that was killed resets its connection; that is what we are here for.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (request := await _request(reader)) and _send(writer, request, await self._answer(request)):
                await writer.drain()
        self._connections.discard(task)
        writer.close()

    async def _answer(self, request: Request) -> Answer:
        forward = self._receive if request.operation == "ReceiveMessage" else self._forward
        return await self._dice.answer(request, forward)

    async def _receive(self, request: Request) -> Answer:
        """A long poll, by asking again and again: the service answers one request at a time."""
        asked = json.loads(request.body)
        deadline = self._loop.time() + asked.get("WaitTimeSeconds", 0)
        at_once = with_json(request, asked | {"WaitTimeSeconds": 0})
        while True:
            answer = await self._forward(at_once)
            if b'"Messages"' in (answer.body or b"") or self._loop.time() >= deadline:
                return answer
            await asyncio.sleep(_POLL)

    async def _forward(self, request: Request) -> Answer:
        reader, writer = await asyncio.open_connection(*self._upstream, limit=_LARGEST_HEAD)
        try:
            writer.write(request.head + b"\r\nConnection: close\r\n\r\n" + request.body)
            status, headers = _parsed(await reader.readuntil(b"\r\n\r\n"))
            return Answer(status, headers, b"" if request.method == "HEAD" else await reader.read())
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = head.split(b" ", 2)
    lines = [line for line in head[:-4].split(b"\r\n") if not line.lower().startswith(b"connection:")]
    length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    body = await reader.readexactly(length)
    return Request(method.decode(), target.decode(), b"\r\n".join(lines), body)


def _parsed(head: bytes) -> tuple[int, Mapping[str, str]]:
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split(" ", 2)[1]), {name: value.strip() for name, _, value in pairs}


def _send(writer: asyncio.StreamWriter, request: Request, answer: Answer) -> bool:
    """Send the answer; False when the connection ends with it."""
    if answer.body is None:
        _reset(writer)
        return False
    told = next((value for name, value in answer.headers.items() if name.lower() == "content-length"), "0")
    length = told if request.method == "HEAD" else len(answer.body) if answer.length is None else answer.length
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
    lines = [f"HTTP/1.1 {answer.status} Chaos", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode("latin-1") + answer.body)
    return answer.length is None or answer.length == len(answer.body)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST instead of FIN: as a crashed host or a firewall does."""
    if sock := writer.get_extra_info("socket"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
