"""Several processors on one stream: each has its own filter, and one that fails does not hold up the others.

A log is downloaded and parsed once. Its message is only deleted when every processor took what it wanted.
"""

from collections import Counter

from cloudtrail_processing import EventBatch, EventProcessor, Files, Where, process
from cloudtrail_processing.testing import sample_logs


class Denied(EventProcessor):
    filter = Where(error_code=["AccessDenied*", "*UnauthorizedOperation"])

    def __init__(self) -> None:
        self.by_actor: Counter[str] = Counter()

    def process(self, batch: EventBatch) -> None:
        self.by_actor.update(event.actor for event in batch)


class Changes(EventProcessor):
    filter = Where(read_only=False, failed=False) & ~Where(category="Data")

    def __init__(self) -> None:
        self.by_name: Counter[str] = Counter()

    def process(self, batch: EventBatch) -> None:
        self.by_name.update(event.event_name for event in batch)


class Broken(EventProcessor):
    def process(self, batch: EventBatch) -> None:
        raise ConnectionError("the database of this processor is down")


if __name__ == "__main__":
    denied, changes, broken = Denied(), Changes(), Broken()
    with sample_logs() as folder:
        summary = process([denied, changes, broken], Files([folder]), threads=1)
    print("refused most often:", denied.by_actor.most_common(3))
    print("changed most often:", changes.by_name.most_common(3))
    print(f"{len(summary.failed)} of {summary.logs} logs would come again, because {broken.name} did not take them")
    assert denied.by_actor
    assert changes.by_name
