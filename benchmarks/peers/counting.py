"""What every peer in Python counts, and how it tells of it."""

import json
import os
import time
from pathlib import Path


class Count:
    """Events, the sum of what was read of them, and when the first one came."""

    def __init__(self) -> None:
        self.events = 0
        self.read = 0
        self.first: float | None = None

    def add(self, events: int, read: int) -> None:
        """Count a batch."""
        if self.first is None:
            self.first = time.time()
        self.events += events
        self.read += read

    def tell(self) -> None:
        """Write it down for the runner."""
        told = {"events": self.events, "read": self.read, "first_event": self.first}
        path = Path(os.environ["BENCH_OUT"]) / f"{os.getpid()}.json"
        path.write_text(json.dumps(told))
