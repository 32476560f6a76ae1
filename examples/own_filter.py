"""Three ways to say which events you want: fields, a function, a class of your own; combined with & | ~."""

from cloudtrail_processing import (
    CloudTrailEvent,
    EventBatch,
    EventFilter,
    EventProcessor,
    Files,
    Parts,
    SourceFilter,
    Where,
    process,
)
from cloudtrail_processing.testing import sample_logs


def outside_office_hours(event: CloudTrailEvent) -> bool:
    """A plain function sees the whole event."""
    return event.event_time is not None and not 9 <= event.event_time.hour < 17


class TouchesBucket(EventFilter):
    """A class can say no early; what it leaves open (None, the default) is asked again of the whole event."""

    def __init__(self, bucket: str) -> None:
        self.arn = f"arn:aws:s3:::{bucket}"

    def on_event(self, event: CloudTrailEvent) -> bool:
        return any((resource.arn or "").startswith(self.arn) for resource in event.resources or [])


class Report(EventProcessor):
    filter = (Where(read_only=False) & outside_office_hours) | TouchesBucket("example-app-data")

    def __init__(self) -> None:
        self.seen = 0

    def process(self, batch: EventBatch) -> None:
        self.seen += len(batch)


if __name__ == "__main__":
    report = Report()
    only_two_regions = SourceFilter(region=["us-east-1", "eu-west-1"])  # by the key: other logs are not downloaded
    with sample_logs(200) as folder:
        logs = Files([folder])
        summary = process(report, logs, parts=Parts(source_filter=only_two_regions), threads=1)
    print(f"{report.seen} events wanted, {summary.filtered} filtered, {summary.skipped} logs not read at all")
    assert report.seen == summary.delivered
