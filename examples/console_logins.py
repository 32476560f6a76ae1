"""Tell who signed in to the console, and who did it without a second factor.

With CLOUDTRAIL_PROCESSING_QUEUE_URL set it runs for ever on your queue; without, once over generated logs.
"""

import os

from cloudtrail_processing import EventBatch, EventProcessor, Files, Where, process, run
from cloudtrail_processing.testing import sample_logs


class ConsoleLogins(EventProcessor):
    # Decided on a few fields of the raw record: for other events no model is built at all.
    filter = Where(event_source="signin.amazonaws.com", event_name="ConsoleLogin")

    def process(self, batch: EventBatch) -> None:
        for event in batch:
            factor = event.get("additionalEventData.MFAUsed", "unknown")
            warning = "  << no second factor" if factor == "No" and not event.failed else ""
            result = "failed" if event.failed else "signed in"
            print(f"{event.event_time} {event.actor} {result} from {event.source_ip_address} (MFA: {factor}){warning}")


if __name__ == "__main__":
    if "CLOUDTRAIL_PROCESSING_QUEUE_URL" in os.environ:
        run(ConsoleLogins())
    else:
        with sample_logs(200) as folder:
            process(ConsoleLogins(), Files([folder]))
