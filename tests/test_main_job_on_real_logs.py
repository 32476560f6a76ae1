"""The main job on real input: the records of every corpus through SQS, S3 and the worker, on the embedded AWS."""

import asyncio
import gzip
import json
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloudtrail_processing import CorruptLog, EventBatch, EventProcessor, Files, Parts, Settings, build
from cloudtrail_processing.files import FileStore
from cloudtrail_processing.logfile import inflate
from cloudtrail_processing.reading import split_any
from cloudtrail_processing.testing import EmbeddedAws

BUCKET = "real-trail-logs"


class Collect(EventProcessor):
    """Keeps the raw records, and checks each event against its own bytes."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.raws: Counter[bytes] = Counter()
        self.unequal = 0

    def process(self, batch: EventBatch) -> None:
        unequal = sum(event.to_dict() != json.loads(event.raw) for event in batch)
        with self.lock:
            self.raws.update(event.raw for event in batch)
            self.unequal += unequal


def logs_of(corpora: Path) -> list[list[bytes]]:
    """The raw records of every file that holds CloudTrail records, in whatever form it has them."""
    found = []
    store = FileStore()
    for log in Files([corpora]).logs():
        body = inflate(store.fetch(log, limit=2**30).body)
        try:
            found.append(list(split_any(body)))
        except CorruptLog:
            continue  # keys, digests and other services' events lie there too
    return [records for records in found if records]


def key_of(number: int) -> str:
    slot = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * number)
    name = f"123456789012_CloudTrail_us-east-1_{slot:%Y%m%dT%H%MZ}_{number:016d}.json.gz"
    return f"AWSLogs/123456789012/CloudTrail/us-east-1/{slot:%Y/%m/%d}/{name}"


def test_every_real_record_reaches_the_processor_and_the_queue_ends_empty(corpora: Path) -> None:
    logs = logs_of(corpora)
    processor = Collect()

    async def drain(aws: EmbeddedAws, queue_url: str) -> None:
        settings = Settings.load(queue_url=queue_url, pollers=1, threads=4, wait_time=1)
        async with build(processor, settings=settings, parts=Parts(aws=aws.options)) as worker:
            await worker.drain()

    with EmbeddedAws() as aws:
        aws.create_bucket(BUCKET)
        queue_url = aws.create_queue("real-trail")
        aws.notify(BUCKET, queue_url)
        for number, records in enumerate(logs):
            aws.put_log(BUCKET, key_of(number), gzip.compress(b'{"Records":[' + b",".join(records) + b"]}"))
        asyncio.run(drain(aws, queue_url))
        assert aws.messages_left(queue_url) == 0
        assert aws.messages_left(aws.dead_letters_of(queue_url)) == 0

    assert processor.unequal == 0
    assert processor.raws == Counter(raw for records in logs for raw in records)
    assert processor.raws.total() >= 3_700
