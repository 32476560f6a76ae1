"""A careful script without a library: a pool of threads, boto3, orjson, deletes in tens, one process for each core."""

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import orjson
from botocore.config import Config
from isal import igzip

from benchmarks.peers.counting import Count
from benchmarks.speed.workloads import is_wanted, read

THREADS = 16


class Worker:
    """Receives, downloads in parallel, reads, deletes."""

    def __init__(self) -> None:
        endpoint, config = os.environ["BENCH_ENDPOINT"], Config(max_pool_connections=THREADS + 4)
        self._sqs = boto3.client("sqs", endpoint_url=endpoint, config=config)
        self._s3 = boto3.client("s3", endpoint_url=endpoint, config=config)
        self._queue_url, self._workload = os.environ["BENCH_QUEUE_URL"], os.environ["BENCH_WORKLOAD"]
        self._lock, self._count = threading.Lock(), Count()

    def run(self) -> None:
        """Work until SIGTERM."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                for _ in range(THREADS):
                    pool.submit(self._work)
                signal.pause()
            finally:
                self._count.tell()
                os._exit(0)

    def _work(self) -> None:
        while True:
            answer = self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
            messages = answer.get("Messages", [])
            for message in messages:
                named = orjson.loads(orjson.loads(message["Body"])["Message"])
                for key in named["s3ObjectKey"]:
                    body = self._s3.get_object(Bucket=named["s3Bucket"], Key=key)["Body"].read()
                    self._take(orjson.loads(igzip.decompress(body))["Records"])
            if messages:
                entries: Any = [{"Id": str(n), "ReceiptHandle": it["ReceiptHandle"]} for n, it in enumerate(messages)]
                self._sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)

    def _take(self, records: list[dict[str, Any]]) -> None:
        if self._workload == "filter":
            records = [record for record in records if is_wanted(record)]
        total = sum(len(orjson.dumps(it)) for it in records) if self._workload == "raw" else sum(map(read, records))
        with self._lock:
            self._count.add(len(records), total)


def work() -> None:
    """What each process does."""
    Worker().run()


def main() -> None:
    """Work until SIGTERM."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work) for _ in range(int(os.environ["BENCH_PROCESSES"]))]

    def stop(*_: object) -> None:
        for process in processes:
            process.terminate()

    for process in processes:
        process.start()
    signal.signal(signal.SIGTERM, stop)
    for process in processes:
        process.join()


if __name__ == "__main__":
    main()
