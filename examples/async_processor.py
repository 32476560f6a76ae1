"""Hand events to an asynchronous client: start(), process() and stop() may all be coroutines.

All of a worker's async processors share one event loop, so a client made in start() can be used in process().
"""

import asyncio
from collections import Counter

from cloudtrail_processing import EventBatch, EventProcessor, Files, RetryLater, process
from cloudtrail_processing.testing import sample_logs


class Collector:
    """Stands for a client of yours: a message broker, a database, an HTTP API."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    async def send(self, batch_id: str, sources: list[str]) -> bool:
        await asyncio.sleep(0)
        self.sent.update(sources)
        return bool(batch_id)

    async def close(self) -> None:
        await asyncio.sleep(0)


class SendToCollector(EventProcessor):
    collector: Collector

    async def start(self) -> None:
        self.collector = Collector()

    async def process(self, batch: EventBatch) -> None:
        # batch.id is the same when the batch comes again: a good idempotency key for the other side.
        if not await self.collector.send(batch.id, [event.event_source for event in batch]):
            raise RetryLater("the collector is busy", after=120)

    async def stop(self) -> None:
        await self.collector.close()


if __name__ == "__main__":
    processor = SendToCollector()
    with sample_logs() as folder:
        process(processor, Files([folder]))
    for source, count in processor.collector.sent.most_common(10):
        print(f"{count:6}  {source}")
