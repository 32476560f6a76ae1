from cloudtrail_processing import EventBatch, EventProcessor, TransientError
from cloudtrail_processing.testing import FakeLogStore, FakeQueue, Faults, Generator, drain, messages


class Count(EventProcessor):
    def __init__(self) -> None:
        self.events = 0

    def process(self, batch: EventBatch) -> None:
        self.events += len(batch)


def test_a_drain_delivers_what_the_queue_announces() -> None:
    log = Generator(seed=1).log(records=7)
    queue, count = FakeQueue([messages.s3_event(log)]), Count()
    info = drain(count, queue=queue, store=FakeLogStore({(log.bucket, log.key): log.body}), threads=2)
    assert (count.events, info.is_empty) == (7, True)


def test_time_passes_by_itself_while_a_message_waits_to_come_again() -> None:
    log = Generator(seed=1).log(records=7)
    queue, count = FakeQueue([messages.s3_event(log)]), Count()
    store = FakeLogStore({(log.bucket, log.key): log.body}, faults=Faults([TransientError("busy")] * 4))
    info = drain(count, queue=queue, store=store, patience=600)
    assert (count.events, info.is_empty) == (7, True)
    assert queue.clock.monotonic() > 10


def test_without_patience_what_waits_is_left_in_the_queue() -> None:
    queue = FakeQueue(["nobody knows this"])
    info = drain(Count(), queue=queue, store=FakeLogStore({}))
    assert (info.is_empty, info.in_flight) == (False, 1)
