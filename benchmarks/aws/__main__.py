"""``python -m benchmarks.aws``: serve logs or a layout until the process is ended; its port is told as JSON."""

import argparse
import asyncio
import contextlib
import gc
import json
import signal
from pathlib import Path

import uvloop

from benchmarks.aws.control import Server
from benchmarks.aws.http import Connection
from benchmarks.aws.layout import Layout

_BACKLOG = 1000
_RARELY = (100_000, 100, 1000)  # a deep queue is many objects, and none of them is in a cycle


async def _serve(server: Server, port: int) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    listening = await loop.create_server(
        lambda: Connection(server.serve, server.traffic), "127.0.0.1", port, backlog=_BACKLOG
    )
    print(json.dumps({"port": listening.sockets[0].getsockname()[1]}), flush=True)
    await server.sqs.keep_time()


def _bodies(folder: Path) -> list[bytes]:
    bodies = [path.read_bytes() for path in sorted(folder.glob("*.json.gz"))]
    if not bodies:
        raise SystemExit(f"there is no log in {folder}")
    return bodies


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aws", description="SQS and S3 in memory.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--logs", type=Path, help="folder of 000000.json.gz, 000001.json.gz, …")
    what.add_argument("--layout", type=Path, help="file of benchmarks.aws.layout")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--sqs-ms", type=float, default=15, help="until SQS answers")
    parser.add_argument("--s3-ms", type=float, default=40, help="until the first byte of S3")
    chosen = parser.parse_args()
    bodies, layout = (_bodies(chosen.logs), None) if chosen.logs else ((), Layout.read(chosen.layout))
    server = Server(bodies, sqs_ms=chosen.sqs_ms, s3_ms=chosen.s3_ms, layout=layout)
    gc.freeze()
    gc.set_threshold(*_RARELY)
    with contextlib.suppress(asyncio.CancelledError):
        uvloop.run(_serve(server, chosen.port))


if __name__ == "__main__":
    main()
