"""This library: one processor class for each workload, in as many processes as the runner says."""

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel

from benchmarks.peers.counting import Count
from cloudtrail_processing import EventBatch, EventProcessor, Parts, Settings, Where, run, supervise
from cloudtrail_processing.checkpoint.memory import MemoryLedger
from cloudtrail_processing.flow import PublicKey


class Counting(EventProcessor[Any]):
    """Counts from several threads, and tells at the end."""

    def start(self) -> None:
        self._lock = threading.Lock()
        self._count = Count()

    def stop(self) -> None:
        self._count.tell()

    def add(self, events: int, read: int) -> None:
        with self._lock:
            self._count.add(events, read)


class Typed(Counting):
    """Five fields of whole, typed events."""

    def process(self, batch: EventBatch) -> None:
        total = 0
        for event in batch:
            total += len(event.event_name) + len(event.event_source) + len(event.aws_region)
            total += len(event.user_identity.arn or "") + (event.event_time is not None)
        self.add(len(batch), total)


class Filtered(Typed):
    """The same of the few events that are wanted."""

    filter = Where(event_source="cloudtrail.amazonaws.com", event_name=["StopLogging", "DeleteTrail"])


class Identity(BaseModel):
    arn: str | None = None


class Five(BaseModel):
    eventName: str  # noqa: N815 - CloudTrail's own names
    eventSource: str  # noqa: N815
    awsRegion: str  # noqa: N815
    eventTime: str  # noqa: N815
    userIdentity: Identity  # noqa: N815


class Projected(Counting):
    """The same five fields, in a model that has no others."""

    model = Five

    def process(self, batch: EventBatch[Five]) -> None:
        total = 0
        for event in batch:
            total += len(event.eventName) + len(event.eventSource) + len(event.awsRegion)
            total += len(event.userIdentity.arn or "") + (event.eventTime is not None)
        self.add(len(batch), total)


class Who(msgspec.Struct):
    arn: str | None = None


class FiveOfStruct(msgspec.Struct):
    eventName: str  # noqa: N815 - CloudTrail's own names
    eventSource: str  # noqa: N815
    awsRegion: str  # noqa: N815
    eventTime: str  # noqa: N815
    userIdentity: Who  # noqa: N815


class ProjectedByStruct(Projected):
    """The same as a msgspec struct."""

    model = FiveOfStruct


class Raw(Counting):
    """The bytes of every record."""

    model = bytes

    def process(self, batch: EventBatch[bytes]) -> None:
        self.add(len(batch), sum(map(len, batch)))


class NoKeys:
    """No digest comes here, so nobody asks for a key."""

    def keys(self, *, region: str, first: datetime, last: datetime) -> Sequence[PublicKey]:
        raise AssertionError(f"no digest of {region} should have come, from {first} to {last}")


@contextmanager
def with_ledger(_settings: Settings) -> Iterator[Parts]:
    """What ``verify`` needs: the hash of each log and its note are paid for, and nothing else."""
    with closing(MemoryLedger()) as ledger:
        yield Parts(ledger=ledger, public_keys=NoKeys())


PROCESSORS = {"filter": Filtered, "projection": Projected, "struct": ProjectedByStruct, "raw": Raw}


def main() -> None:
    """Work until SIGTERM, in so many processes; 0: in this one."""
    logging.basicConfig(level=logging.WARNING)
    settings = Settings(
        queue_url=os.environ["BENCH_QUEUE_URL"],
        region=os.environ["BENCH_REGION"],
        endpoint_url=os.environ["BENCH_ENDPOINT"],
        wait_time=1,
        verify=os.environ.get("BENCH_VERIFY", "off"),  # type: ignore[arg-type]
        pin_processes=os.environ.get("BENCH_PIN") != "false",
    )
    setup = with_ledger if settings.verify != "off" else None
    wanted = os.environ.get("BENCH_MODEL") or os.environ["BENCH_WORKLOAD"]
    processor = PROCESSORS.get(wanted, Typed)()
    processes = int(os.environ["BENCH_PROCESSES"])
    if processes:
        supervise(processor, processes=processes, settings=settings, setup=setup)
    else:
        run(processor, settings=settings)


if __name__ == "__main__":
    main()
