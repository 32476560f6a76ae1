"""Print every event of some logs: the paths given, or generated ones.

python examples/print_events.py                          # generated logs
python examples/print_events.py ~/trail/2026/11/*.gz     # your own
"""

import sys

from cloudtrail_processing import EventBatch, EventProcessor, Files, process
from cloudtrail_processing.testing import sample_logs


class PrintEvents(EventProcessor):
    def process(self, batch: EventBatch) -> None:
        for event in batch:
            outcome = event.error_code or "ok"
            print(f"{event.event_time}  {event.event_source:28} {event.event_name:28} {event.actor:44} {outcome}")


if __name__ == "__main__":
    with sample_logs() as folder:
        summary = process(PrintEvents(), Files(sys.argv[1:] or [folder]))
    print(f"{summary.delivered} events of {summary.logs} logs, {len(summary.failed)} logs failed", file=sys.stderr)
