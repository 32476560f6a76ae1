"""A worker on fakes for the tests of signals: it says on standard output how far it is, and waits on standard input."""

import logging
import sys
from typing import Any

from bench import Bench, Recorder

from cloudtrail_processing.app import SystemClock, run
from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.settings import Settings


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the test reads it


class Waiting(Recorder):
    def process(self, batch: EventBatch) -> None:
        say("in hand")
        sys.stdin.readline()
        say("delivered")

    def stop(self) -> None:
        say("stopped")


class Stopping(logging.Handler):
    def emit(self, log: logging.LogRecord) -> None:
        if log.getMessage().startswith("stopping"):
            say("stopping")


def main(grace_time: float) -> None:
    clock: Any = SystemClock()
    bench = Bench(clock=clock)
    bench.announce("a")
    logging.getLogger("cloudtrail_processing").addHandler(Stopping())
    run(
        Waiting(),
        settings=Settings(wait_time=0, grace_time=grace_time),
        parts=Parts(queue=bench.queue, store=bench.store, clock=clock),
    )
    say(f"left {bench.queue.messages_left}")


if __name__ == "__main__":
    main(float(sys.argv[1]))
