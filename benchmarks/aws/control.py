"""The whole of the simulated AWS: which service a request is for, and what a measurement orders and asks."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson

from benchmarks.aws.buckets import Buckets
from benchmarks.aws.http import Answer, Connection, Request, Traffic, answer
from benchmarks.aws.layout import Layout
from benchmarks.aws.s3 import Bucket
from benchmarks.aws.sqs import DEAD, MAIN, Sqs
from benchmarks.aws.sqs_wire import SqsWire
from benchmarks.aws.trails import Trails

_CONTROL = b"/_control/"


class Server:
    """SQS and S3; latencies are in milliseconds, for each answer of SQS and for the first byte of each of S3.

    With a layout its buckets are the only ones, and CloudTrail answers, too, as late as S3 does.
    """

    def __init__(self, bodies: Sequence[bytes], *, sqs_ms: float, s3_ms: float, layout: Layout | None = None) -> None:
        self.traffic = Traffic()
        self.sqs = Sqs()
        self._bucket = Bucket(bodies)
        self._buckets = Buckets(layout) if layout else None
        self._trails = Trails(layout) if layout else None
        self._wire = SqsWire(self.sqs, lambda: self._sqs_delay)
        self._sqs_delay = sqs_ms / 1000
        self._s3_delay = s3_ms / 1000

    def serve(self, request: Request, connection: Connection) -> None:
        """Answer one request, now or later."""
        if self._buckets and self._trails and not request.target.startswith(_CONTROL):
            reply = (self._trails if self._trails.takes(request) else self._buckets).answer(request)
            connection.send(reply._replace(delay=self._s3_delay))
        elif (rest := self._bucket.key(request)) is not None:
            connection.send(self._bucket.answer(request, rest)._replace(delay=self._s3_delay))
        elif request.target.startswith(_CONTROL):
            connection.send(self._controlled(request))
        else:
            self._wire.serve(request, connection)

    def _controlled(self, request: Request) -> Answer:
        asked = orjson.loads(request.body or b"{}")
        match request.target.removeprefix(_CONTROL).decode():
            case "fill":
                self._fill(asked["logs"], asked.get("first"))
            case "reset":
                self._reset()
            case "latency":
                self._sqs_delay = asked.get("sqs_ms", self._sqs_delay * 1000) / 1000
                self._s3_delay = asked.get("s3_ms", self._s3_delay * 1000) / 1000
            case "stats":
                pass
            case _:
                return answer(404, b"")
        return answer(200, orjson.dumps(self._stats()), "Content-Type: application/json")

    def _fill(self, logs: int, first: int | None) -> None:
        start = self._bucket.filled if first is None else first
        self._bucket.filled = max(self._bucket.filled, start + logs)
        self.sqs.fill(range(start, start + logs))

    def _reset(self) -> None:
        self.sqs.reset()
        for counted in self._counted():
            counted.clear()
        self._bucket.filled = 0
        self.traffic.bytes_out = 0

    def _counted(self) -> list[Counter[str]]:
        return [it.requests for it in (self._bucket, self._buckets, self._trails) if it]

    def _stats(self) -> dict[str, Any]:
        queue = self.sqs.queues[MAIN]
        return {
            "visible": queue.visible,
            "in_flight": queue.in_flight,
            "deleted": queue.deleted,
            "receives_again": queue.again,
            "dead": self.sqs.queues[DEAD].visible,
            "requests": dict(sum(self._counted(), Counter(self.sqs.requests))),
            "bytes_out": self.traffic.bytes_out,
            "first_receive": self.sqs.first_receive,
            "last_delete": self.sqs.last_delete,
            "now": time.time(),
            "cpu": time.process_time(),
        }
