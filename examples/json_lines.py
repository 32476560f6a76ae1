"""Write events as JSON lines, so that each batch is safely on disk before its message may be deleted.

The lines are the exact records that CloudTrail wrote; nothing is lost on the way through a model.
"""

import json
import os
import sys
import tempfile
import threading
from pathlib import Path

from cloudtrail_processing import EventBatch, EventProcessor, Files, process
from cloudtrail_processing.testing import sample_logs


class WriteJsonLines(EventProcessor):
    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.lock = threading.Lock()

    def process(self, batch: EventBatch) -> None:
        lines = b"".join(event.raw + b"\n" for event in batch)
        with self.lock, self.path.open("ab") as file:  # several logs are in work at once: one writes at a time
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())  # returning means "safely taken", so do not return before it is


if __name__ == "__main__":
    with sample_logs() as folder:
        target = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkstemp(suffix=".jsonl")[1]
        summary = process(WriteJsonLines(target), Files([folder]))
        written = [json.loads(line) for line in Path(target).read_bytes().splitlines()]
        assert len(written) == summary.delivered
        print(f"{len(written)} events in {target}")
