"""Nothing lost, whatever happens: real workers on an embedded AWS, with everything going wrong at once.

    python benchmarks/chaos.py --seed 1 --logs 1000 --events 100000 --workers 3

Worker processes share a queue and a checkpoint while they are killed, the network between them and AWS fails in every
way, credentials expire, clocks jump, disks are full, and poison of every kind comes in. The table at the end says what
became of every event. Ends with 1 when a promise is broken.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos_aws import Aws, aws_process
from chaos_count import DeadLetter, Deliveries, Ledger, Result, bad_places, compare
from chaos_faults import ODDS, Dice
from chaos_fleet import Clock, Disk, Fleet, Orders, Timetable, small_disk
from chaos_plan import BUCKET, FORGED, Plan, make_plan
from chaos_proxy import Proxy
from chaos_table import Show, rows, table

_QUEUE = "chaos"
_MOST_WAITING = 60
"""Visible messages while there are more to send: the embedded SQS is slow with long queues."""
_LONG = 6 * 3600
_LATE = 1.5
"""Seconds between the announcement of a late log and its appearance, at least."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to play. Times are in seconds.

    After ``quiet`` without a visible message or a delivery the rest is hidden for long: that time is skipped. After
    ``patience`` a run is given up.
    """

    logs: int = 1_000
    events: int = 100_000
    workers: int = 3
    batch_size: int = 20
    kill_every: float = 5
    most_kills: int = 1_000
    quiet: float = 10
    patience: float = 600
    pause: float = 0.02
    mount: bool = True
    keep: Path | None = None
    log_level: str = "WARNING"


def play(options: Options, *, seed: int, show: Show | None = None) -> Result:
    """One whole run; raises nothing because of what workers do wrong, the result tells."""
    show = show or Show()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        for name in ("delivered", "logs", "state"):
            (folder / name).mkdir(parents=True)
        disk = stack.enter_context(small_disk(folder / "state", megabytes=24, wanted=options.mount))
        show.say(f"seed {seed}: making {options.logs:,} logs with {options.events:,} events")
        plan = make_plan(seed, logs=options.logs, events=options.events)
        aws = stack.enter_context(aws_process())
        proxy = stack.enter_context(Proxy(aws.url, dice := Dice(seed)))
        run = _Run(options, plan, aws=aws, proxy=proxy, dice=dice, disk=disk, folder=folder)
        return run.play(show)


class _Run:
    """One run with everything in place."""

    def __init__(
        self, options: Options, plan: Plan, *, aws: Aws, proxy: Proxy, dice: Dice, disk: Disk, folder: Path
    ) -> None:
        self._options, self._plan, self._aws, self._faults, self._disk = options, plan, aws, dice, disk
        self._folder = folder
        self._chance = random.Random(f"incidents/{plan.seed}")
        self._clock = Clock(folder / "clock")
        self._queue, self._dead = aws.create(buckets=(BUCKET, FORGED), queue=_QUEUE)
        self._deliveries = Deliveries(folder / "delivered")
        self._poison: dict[str, str] = {}
        self._sent = threading.Event()
        self._quiet_since = time.monotonic()
        self._had = self._skips = self._expiries = 0
        settings = self._settings(proxy.url)
        orders = Orders(str(folder), plan.seed, proxy.url, settings, pause=options.pause, log_level=options.log_level)
        self._fleet = Fleet(orders, options.workers)

    def play(self, show: Show) -> Result:
        for number in self._aws.put(self._plan.logs):
            show.progress("putting logs", number, len(self._plan.logs))
        started = time.monotonic()
        feeding = threading.Thread(target=self._feed, name="chaos-feed", daemon=True)
        feeding.start()
        try:
            left = self._until_done(show, deadline=started + self._options.patience)
        finally:
            seconds = time.monotonic() - started
            self._faults.calm()
            self._disk.free()
            self._fleet.stop()
        feeding.join(self._options.patience)
        self._deliveries.read_on()
        return self._result(left, seconds)

    def _until_done(self, show: Show, *, deadline: float) -> int:
        """Let things happen until nothing is left in the queue; returns how many messages are."""
        incidents = self._incidents()
        while True:
            self._fleet.tend()
            left = self._aws.left(self._queue)
            if (self._sent.is_set() and left == 0) or time.monotonic() > deadline:
                return left
            incidents.tick()
            self._deliveries.read_on()
            self._skip_time()
            facts = f"{len(self._fleet.killed)} kills, {self._faults.injected.total()} faults, {left} in the queue"
            show.progress(f"seed {self._plan.seed}: {facts}", len(self._deliveries.events), len(self._plan.events))
            time.sleep(0.2)

    def _skip_time(self) -> None:
        """When whatever is left is hidden for long, and nobody is at work on it, let the time pass at once."""
        delivered = self._deliveries.total
        if self._aws.visible(self._queue) or delivered > self._had:
            self._quiet_since, self._had = time.monotonic(), delivered
        elif time.monotonic() - self._quiet_since > self._options.quiet:
            self._aws.elapse(_LONG)
            self._skips += 1
            self._quiet_since = time.monotonic()

    def _incidents(self) -> Timetable:
        incidents, chance = Timetable(self._chance), self._chance
        often = self._options.kill_every
        incidents.every(often / 2, often * 1.5, self._kill)
        incidents.every(often, often * 3, lambda: self._clock.jump(chance))
        incidents.every(often * 5, often * 10, lambda: self._faults.expire(chance.uniform(1, 4)))
        incidents.every(
            often * 2, often * 4, lambda: self._faults.fail(chance.choice(list(ODDS)), chance.uniform(2, 15))
        )
        incidents.every(often * 5, often * 10, self._expire_visibility)
        if self._disk.is_small:
            incidents.every(often * 5, often * 10, self._fill_disk)
        return incidents

    def _kill(self) -> None:
        """Kill one, as long as there is work: killing idle workers would only raise the bound on duplicates."""
        is_at_work = len(self._deliveries.events) < len(self._plan.events)
        if is_at_work and len(self._fleet.killed) < self._options.most_kills:
            self._fleet.kill(self._chance)

    def _take_down(self) -> None:
        """One operation fails for longer than it is tried again, whoever asks for it."""
        seconds = self._options.kill_every * self._chance.uniform(0.4, 3)
        self._faults.fail(self._chance.choice(list(ODDS)), seconds)

    def _expire_visibility(self) -> None:
        """Every message in flight is visible again, whoever is at work on it."""
        self._aws.elapse(self._chance.choice([10, 300]))
        self._expiries += 1

    def _fill_disk(self) -> None:
        self._disk.fill()
        threading.Timer(self._chance.uniform(1, 4), self._disk.free).start()

    def _feed(self) -> None:
        """Announce the logs as they come, and late ones only after that."""
        messages = self._plan.messages
        for start in range(0, len(messages), 10):
            while self._aws.visible(self._queue) > _MOST_WAITING:
                time.sleep(0.3)
            ten = messages[start : start + 10]
            ids = self._aws.send(self._queue, [message.body for message in ten])
            self._poison |= {name: it.poison for name, it in zip(ids, ten, strict=True) if it.poison}
            if late := [log for message in ten for log in message.late]:
                time.sleep(_LATE)
                list(self._aws.put(late))
        self._sent.set()

    def _settings(self, endpoint: str) -> dict[str, Any]:
        state = self._folder / "state"
        return {
            "queue_url": self._aws.queue_url(self._queue, at=endpoint),
            "dead_letter_url": self._aws.queue_url(self._dead, at=endpoint),
            "visibility_timeout": 10,
            "wait_time": 1,
            "pollers": 1,
            "threads": 6,
            "grace_time": 10,
            "batch_size": self._options.batch_size,
            "retry_delay": 1,
            "max_retry_delay": 6,
            "fetch_time": 8,
            "checkpoint_time": 20,
            "quarantine": str(state / "quarantine"),
            "missing_log_receives": 5,
            "allowed_buckets": [BUCKET],
            "max_inflated_bytes": 16 * 2**20,
        }

    def _result(self, left: int, seconds: float) -> Result:
        fleet = self._fleet
        letters = [DeadLetter.of(letter) for letter in self._aws.take_all(self._dead)]
        kept = bad_places(self._folder / "state" / "quarantine")
        return compare(
            self._plan,
            self._deliveries,
            Ledger(kept, letters, self._poison),
            killed=fleet.killed,
            seed=self._plan.seed,
            most_duplicates=self._options.batch_size * len(fleet.killed),
            left=left,
            jumps=self._clock.jumps,
            disks_filled=self._disk.fills,
            expiries=self._expiries,
            skips=self._skips,
            crashes=fleet.crashes,
            peak_memory=fleet.peak,
            seconds=seconds,
            requests=self._faults.requests,
            faults=dict(self._faults.injected),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Play one seed or several, and show what came of them; 1 when a promise is broken."""
    given = _arguments().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    show = Show.on_terminal()
    results: list[Result] = []
    options = Options(
        logs=given.logs,
        events=given.events,
        workers=given.workers,
        batch_size=given.batch_size,
        kill_every=given.kill_every,
        patience=given.patience,
        mount=not given.no_mount,
        keep=given.keep,
        log_level=given.log_level,
    )
    with show:
        for seed in range(given.seed, given.seed + given.seeds):
            results.append(play(options, seed=seed, show=show))
            show.say(rows(results[-1:]) if given.seeds > 1 else table(results[-1]))
            if given.save:
                given.save.write_text(json.dumps([result.as_json() for result in results], indent=1))
    if given.seeds > 1:
        show.say(rows(results))
    return int(any(result.broken for result in results))


def _end(number: int, _frame: object) -> None:
    """End in order, so that workers and mount go, too: once, as ``timeout`` tells the process and then its group."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds to play, one after the other")
    parser.add_argument("--logs", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--kill-every", type=float, default=5, help="seconds between two kills, on average")
    parser.add_argument("--patience", type=float, default=600, help="seconds until a run is given up")
    parser.add_argument("--no-mount", action="store_true", help="never mount a small disk, even as root")
    parser.add_argument("--keep", type=Path, help="leave everything in this new folder, for one seed")
    parser.add_argument("--log-level", default="WARNING", help="of the workers, whose logs --keep leaves")
    parser.add_argument("--save", type=Path, help="write the results to this file, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
