"""Which fault meets which request: seeded dice, and what each fault makes of an exchange."""

import asyncio
import json
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """What can go wrong between a client and the service."""

    ERROR = "5xx"
    THROTTLE = "throttled"
    STALL = "stalled"
    RESET = "connection reset"
    TRUNCATED = "truncated body"
    SHORT = "wrong length"
    LOST = "lost response"
    ENTRIES = "failed entries"
    TWICE = "received twice"
    DAMAGED = "damaged message"
    EXPIRED = "expired token"


ODDS: Mapping[str, Mapping[Fault, float]] = {
    "GetObject": {
        Fault.ERROR: 0.04,
        Fault.THROTTLE: 0.04,
        Fault.STALL: 0.02,
        Fault.RESET: 0.03,
        Fault.TRUNCATED: 0.03,
        Fault.SHORT: 0.01,
    },
    "HeadObject": {Fault.ERROR: 0.04, Fault.THROTTLE: 0.04, Fault.STALL: 0.02, Fault.RESET: 0.03},
    "ReceiveMessage": {
        Fault.ERROR: 0.03,
        Fault.THROTTLE: 0.03,
        Fault.STALL: 0.02,
        Fault.RESET: 0.02,
        Fault.LOST: 0.02,
        Fault.TWICE: 0.1,
        Fault.DAMAGED: 0.02,
    },
    "DeleteMessageBatch": {
        Fault.ERROR: 0.05,
        Fault.THROTTLE: 0.05,
        Fault.STALL: 0.02,
        Fault.RESET: 0.03,
        Fault.LOST: 0.05,
        Fault.ENTRIES: 0.1,
    },
    "ChangeMessageVisibilityBatch": {Fault.ERROR: 0.05, Fault.LOST: 0.05, Fault.RESET: 0.03, Fault.ENTRIES: 0.1},
    "SendMessageBatch": {Fault.ERROR: 0.1, Fault.LOST: 0.1, Fault.RESET: 0.05, Fault.ENTRIES: 0.1},
}
"""How likely each fault is for one request, by operation; any other operation has none."""

_STALLS = (0.3, 3.0)
_REMEMBERED = 50


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it came."""

    method: str
    target: str
    head: bytes
    body: bytes

    @property
    def operation(self) -> str:
        """The name of the API call, as AWS spells it."""
        if found := next(
            (line for line in self.head.split(b"\r\n") if line.lower().startswith(b"x-amz-target:")), None
        ):
            return found.rpartition(b".")[2].decode().strip()
        return {"GET": "GetObject", "HEAD": "HeadObject"}.get(self.method, self.method)

    @property
    def is_s3(self) -> bool:
        """True for a call of S3, False for one of SQS."""
        return self.operation.endswith("Object")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. ``length`` is the Content-Length to tell, when it is not the body's; None in ``body`` resets."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = b""
    length: int | None = None


RESET = Answer(0, body=None)
"""No answer: the connection is reset."""
Forward = Callable[[Request], Awaitable[Answer]]


class Dice:
    """Throws a fault for each request, and counts what it threw. ``calm`` ends all of them."""

    def __init__(self, seed: int, *, odds: Mapping[str, Mapping[Fault, float]] = ODDS) -> None:
        self._dice = random.Random(f"faults/{seed}")
        self._odds = odds
        self._expired_until = 0.0
        self._down: tuple[str, float] = ("", 0.0)
        self._seen: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)
        self._is_calm = False
        self.injected: Counter[str] = Counter()
        self.requests = 0

    def calm(self) -> None:
        """From now on everything works."""
        self._is_calm = True

    def expire(self, seconds: float) -> None:
        """For so long every call is answered as one with expired credentials."""
        self._expired_until = time.monotonic() + seconds

    def fail(self, operation: str, seconds: float) -> None:
        """For so long every call of this operation fails: what is tried again a few times must be given up."""
        self._down = operation, time.monotonic() + seconds

    async def answer(self, request: Request, forward: Forward) -> Answer:
        """What the client gets for this request."""
        self.requests += 1
        fault = self._throw(request)
        if fault is None:
            return self._remembered(request, await forward(request))
        self.injected[f"{'S3' if request.is_s3 else request.operation} {fault}"] += 1
        return await getattr(self, f"_{fault.name.lower()}")(request, forward)

    def _throw(self, request: Request) -> Fault | None:
        if self._is_calm:
            return None
        if time.monotonic() < self._expired_until:
            return Fault.EXPIRED
        if request.operation == self._down[0] and time.monotonic() < self._down[1]:
            return Fault.ERROR
        point = self._dice.random()
        for fault, chance in self._odds.get(request.operation, {}).items():
            point -= chance
            if point < 0:
                return fault
        return None

    # ── one method for each fault, named like it ──

    async def _error(self, request: Request, _: Forward) -> Answer:
        status, code = self._dice.choice([(500, "InternalError"), (503, "ServiceUnavailable"), (502, "BadGateway")])
        return refusal(request, status, code)

    async def _throttle(self, request: Request, _: Forward) -> Answer:
        return refusal(request, 503, "SlowDown") if request.is_s3 else refusal(request, 400, "ThrottlingException")

    async def _stall(self, request: Request, forward: Forward) -> Answer:
        await asyncio.sleep(self._dice.uniform(*_STALLS))
        return await forward(request)

    async def _reset(self, _: Request, __: Forward) -> Answer:
        return RESET

    async def _lost(self, request: Request, forward: Forward) -> Answer:
        """It takes effect, and nobody hears of it."""
        await forward(request)
        return self._dice.choice([RESET, refusal(request, 500, "InternalError")])

    async def _truncated(self, request: Request, forward: Forward) -> Answer:
        """The body ends before its announced length."""
        answer = await forward(request)
        whole = answer.body or b""
        return Answer(answer.status, answer.headers, whole[: self._dice.randrange(len(whole) + 1)], len(whole))

    async def _short(self, request: Request, forward: Forward) -> Answer:
        """The body is shorter than the object, and its announced length agrees with it: TCP sees nothing wrong."""
        answer = await forward(request)
        whole = answer.body or b""
        return Answer(answer.status, answer.headers, whole[: self._dice.randrange(len(whole) + 1)])

    async def _entries(self, request: Request, forward: Forward) -> Answer:
        """Some entries of a batch fail, the others take effect."""
        asked = json.loads(request.body)
        failing = {one["Id"] for one in asked["Entries"] if self._dice.random() < 0.5} or {asked["Entries"][0]["Id"]}
        kept = [one for one in asked["Entries"] if one["Id"] not in failing]
        answer = await forward(with_json(request, asked | {"Entries": kept})) if kept else Answer(200, JSON, b"{}")
        told = json.loads(answer.body or b"{}")
        failures = [
            {"Id": name, "Code": "InternalError", "SenderFault": False, "Message": "made up"} for name in failing
        ]
        told["Failed"] = [*told.get("Failed", ()), *failures]
        return Answer(answer.status, answer.headers, json.dumps(told).encode())

    async def _twice(self, request: Request, forward: Forward) -> Answer:
        """A message that was received a moment ago comes again, to whoever asks, as SQS may do."""
        answer = self._remembered(request, await forward(request))
        told = json.loads(answer.body or b"{}")
        got = told.get("Messages") or []
        if self._seen and len(got) < json.loads(request.body).get("MaxNumberOfMessages", 1):
            told["Messages"] = [*got, self._dice.choice(self._seen)]
        return Answer(answer.status, answer.headers, json.dumps(told).encode())

    async def _damaged(self, request: Request, forward: Forward) -> Answer:
        """Bodies are damaged on the way: their checksum tells."""
        answer = await forward(request)
        told = json.loads(answer.body or b"{}")
        for message in told.get("Messages") or []:
            message["Body"] = message["Body"][:-1]
        return Answer(answer.status, answer.headers, json.dumps(told).encode())

    async def _expired(self, request: Request, _: Forward) -> Answer:
        return refusal(request, 400 if request.is_s3 else 403, "ExpiredToken")

    def _remembered(self, request: Request, answer: Answer) -> Answer:
        if request.operation == "ReceiveMessage" and answer.status == 200:
            self._seen += json.loads(answer.body or b"{}").get("Messages") or []
        return answer


JSON: Mapping[str, str] = {"Content-Type": "application/x-amz-json-1.0"}


def refusal(request: Request, status: int, code: str) -> Answer:
    """An error as the service words it: XML from S3 (nothing for HEAD), JSON from SQS."""
    if request.method == "HEAD":
        return Answer(status)
    if request.is_s3:
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>made up</Message></Error>"
        return Answer(status, {"Content-Type": "application/xml"}, text.encode())
    body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "made up"}).encode()
    return Answer(status, JSON, body)


def with_json(request: Request, value: object) -> Request:
    """The same request with another body; its head says how long it is."""
    body = json.dumps(value).encode()
    lines = [line for line in request.head.split(b"\r\n") if not line.lower().startswith(b"content-length:")]
    return Request(request.method, request.target, b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]), body)
