"""Moto's server with its two steps, a look and then an act, made the one step that they are in AWS."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

Request = dict[str, Any]
Application = Callable[[Request, Any], Iterable[bytes]]
"""A WSGI application."""

_LOOK_AGAIN = 0.05
"""Seconds between two looks of a receive that waits."""


@dataclass(frozen=True, slots=True)
class _Answer:
    started: Sequence[Any]
    body: bytes

    def send(self, start_response: Any) -> Iterable[bytes]:
        start_response(*self.started)
        return [self.body]


def in_one_step(application: Application) -> Application:
    """The same server, in which no two DynamoDB conditions hold at once and no message goes to two receivers.

    A receive that waits is made of many that do not, so that no receiver keeps the others from their turn. One that
    leaves its wait to its queue, or speaks the query protocol, is moto's alone.
    """
    conditions, receives = threading.Lock(), threading.Lock()

    def answer(request: Request, start_response: Any) -> Iterable[bytes]:
        target = request.get("HTTP_X_AMZ_TARGET", "")
        if target == "AmazonSQS.ReceiveMessage":
            return _receive(application, request, receives).send(start_response)
        if target.startswith("DynamoDB"):
            with conditions:
                return application(request, start_response)
        return application(request, start_response)

    return answer


def _receive(application: Application, request: Request, turn: threading.Lock) -> _Answer:
    body = request["wsgi.input"].read(int(request.get("CONTENT_LENGTH") or 0))
    asked = json.loads(body)
    if "WaitTimeSeconds" not in asked:
        return _ask(application, request, body)
    look = json.dumps({**asked, "WaitTimeSeconds": 0}).encode()
    end = time.monotonic() + asked["WaitTimeSeconds"]
    while True:
        with turn:
            answer = _ask(application, request, look)
        if answer.body != b"{}" or time.monotonic() >= end:
            return answer
        time.sleep(_LOOK_AGAIN)


def _ask(application: Application, request: Request, body: bytes) -> _Answer:
    started: list[Any] = []
    asked = {**request, "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    parts = b"".join(application(asked, lambda *arguments: started.extend(arguments)))
    return _Answer(started, parts)
