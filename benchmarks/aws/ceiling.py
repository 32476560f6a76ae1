"""How much the simulated AWS can answer: ``python -m benchmarks.aws.ceiling`` tells it as JSON.

The requests come from another process, without waiting and with no latency. *per_second* is by the clock, and as low as
whatever else the machine does makes it; *cpu_us* is what one request costs the server, and *per_core_second* how many
of them would keep one core busy. A client that demands less than a third of it is measured, and not the server.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.aws.load import get_request, send, sqs_request
from benchmarks.aws.running import Aws, running

_TEN = 10
_LARGE = 400_000
_TINY = 1_500
_REQUESTS = 10_000
_CONNECTIONS = 32
_HIDDEN = 600

Rate = dict[str, float]


def measured(*, requests: int = _REQUESTS, large: int = _LARGE, connections: int = _CONNECTIONS) -> dict[str, Rate]:
    """The rates of a server of its own, for receives and deletes of ten, and GetObject of a tiny and a large log."""
    with tempfile.TemporaryDirectory() as folder:
        for number, size in enumerate((_TINY, large)):
            Path(folder, f"{number:06d}.json.gz").write_bytes(os.urandom(size))
        with running(Path(folder), sqs_ms=0, s3_ms=0) as aws:
            return _measured(aws, requests, connections)


def _measured(aws: Aws, requests: int, connections: int) -> dict[str, Rate]:
    aws.fill(requests * _TEN)
    receipts: list[str] = []

    def received(body: bytes) -> None:
        receipts.extend(message["ReceiptHandle"] for message in orjson.loads(body)["Messages"])

    receive = sqs_request("ReceiveMessage", orjson.dumps(_receive(aws.queue_url)))
    rates = {"receive": _rate(aws, [receive] * requests, connections, received)}
    rates["delete"] = _rate(aws, list(_deletes(aws.queue_url, receipts)), connections)
    rates["get_tiny"] = _rate(aws, [get_request(2 * number) for number in range(requests)], connections)
    rates["get_large"] = _rate(aws, [get_request(2 * number + 1) for number in range(requests // 5)], connections)
    return rates


def _receive(queue_url: str) -> dict[str, Any]:
    wanted = {"MaxNumberOfMessages": _TEN, "WaitTimeSeconds": 20, "VisibilityTimeout": _HIDDEN}
    return {"QueueUrl": queue_url, "MessageSystemAttributeNames": ["All"], **wanted}


def _deletes(queue_url: str, receipts: Sequence[str]) -> Iterator[bytes]:
    for start in range(0, len(receipts), _TEN):
        ten = receipts[start : start + _TEN]
        entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(ten)]
        yield sqs_request("DeleteMessageBatch", orjson.dumps({"QueueUrl": queue_url, "Entries": entries}))


def _rate(aws: Aws, requests: Sequence[bytes], connections: int, answered: Any = None) -> Rate:
    before, start = aws.stats(), time.perf_counter()
    send(aws.url, requests, connections=connections, answered=answered)
    wall, after = time.perf_counter() - start, aws.stats()
    cpu = (after["cpu"] - before["cpu"]) / len(requests)
    return {
        "requests": len(requests),
        "per_second": round(len(requests) / wall),
        "cpu_us": round(cpu * 1e6, 1),
        "per_core_second": round(1 / cpu),
        "megabytes_per_second": round((after["bytes_out"] - before["bytes_out"]) / wall / 1e6, 1),
    }


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aws.ceiling", description=__doc__)
    parser.add_argument("--requests", type=int, default=_REQUESTS, help="of each kind")
    parser.add_argument("--large", type=int, default=_LARGE, help="bytes of a large log")
    parser.add_argument("--connections", type=int, default=_CONNECTIONS)
    chosen = parser.parse_args()
    rates = measured(requests=chosen.requests, large=chosen.large, connections=chosen.connections)
    print(json.dumps(rates, indent=2))


if __name__ == "__main__":
    main()
