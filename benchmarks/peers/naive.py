"""What people write: one thread, boto3, one message and one log after the other."""

import gzip
import json
import os
import signal
import sys
from typing import Any

import boto3

from benchmarks.peers.counting import Count
from benchmarks.speed.workloads import is_wanted, read

COUNT = Count()


def main() -> None:
    """Work until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    endpoint = os.environ["BENCH_ENDPOINT"]
    sqs, s3 = boto3.client("sqs", endpoint_url=endpoint), boto3.client("s3", endpoint_url=endpoint)
    queue_url, workload = os.environ["BENCH_QUEUE_URL"], os.environ["BENCH_WORKLOAD"]
    try:
        while True:
            answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
            for message in answer.get("Messages", []):
                named = json.loads(json.loads(message["Body"])["Message"])
                for key in named["s3ObjectKey"]:
                    body = s3.get_object(Bucket=named["s3Bucket"], Key=key)["Body"].read()
                    take(json.loads(gzip.decompress(body))["Records"], workload)
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    finally:
        COUNT.tell()


def take(records: list[dict[str, Any]], workload: str) -> None:
    """The callback, event by event."""
    for record in records:
        if workload == "raw":
            COUNT.add(1, len(json.dumps(record, separators=(",", ":"))))
        elif workload != "filter" or is_wanted(record):
            COUNT.add(1, read(record))


if __name__ == "__main__":
    main()
