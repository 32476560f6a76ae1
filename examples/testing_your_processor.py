"""Test a processor of your own: first alone, then inside a real worker on a queue and a store in memory.

Run it with pytest, or as it is.
"""

from cloudtrail_processing import ConfigurationError, EventBatch, EventProcessor, TransientError
from cloudtrail_processing.testing import FakeLogStore, FakeQueue, Faults, Generator, batch, drain, event, messages


class TrailGuard(EventProcessor):
    """The processor under test."""

    def __init__(self) -> None:
        self.alarms: list[str] = []

    def process(self, batch: EventBatch) -> None:
        for item in batch:
            if item.event_name in {"StopLogging", "DeleteTrail"} and not item.failed:
                self.alarms.append(f"{item.event_name} by {item.actor}")


def test_a_deleted_trail_raises_an_alarm_and_a_refused_attempt_does_not() -> None:
    guard = TrailGuard()
    guard.process(batch([event(event_name="DeleteTrail"), event(event_name="DeleteTrail", error_code="AccessDenied")]))
    assert len(guard.alarms) == 1
    assert guard.alarms[0].startswith("DeleteTrail by")


def test_in_a_worker_the_message_is_deleted_when_the_log_was_delivered() -> None:
    log = Generator(seed=1).log(records=[event(event_name="StopLogging").to_dict()])
    queue = FakeQueue([messages.s3_event(log)])
    guard = TrailGuard()
    drain(guard, queue=queue, store=FakeLogStore({(log.bucket, log.key): log.body}))
    assert len(guard.alarms) == 1
    assert queue.messages_left == 0


def test_what_cannot_be_read_at_first_is_delivered_later_and_nothing_is_lost() -> None:
    log = Generator(seed=2).log(records=[event(event_name="DeleteTrail").to_dict()])
    queue = FakeQueue([messages.s3_event(log)], faults=Faults(delete=[TransientError("the network is down")]))
    store = FakeLogStore({(log.bucket, log.key): log.body}, faults=Faults([ConfigurationError("access denied")]))
    guard = TrailGuard()
    drain(guard, queue=queue, store=store, patience=3600)
    assert len(guard.alarms) == 1
    assert queue.messages_left == 0


if __name__ == "__main__":
    test_a_deleted_trail_raises_an_alarm_and_a_refused_attempt_does_not()
    test_in_a_worker_the_message_is_deleted_when_the_log_was_delivered()
    test_what_cannot_be_read_at_first_is_delivered_later_and_nothing_is_lost()
    print("all tests pass")
