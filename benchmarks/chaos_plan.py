"""What a chaos run plants, from a seed: logs whose events are all known, messages that announce them, and poison."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

from cloudtrail_processing.testing.generator import (
    ACCOUNTS,
    REGIONS,
    START,
    Damage,
    GeneratedLog,
    Generator,
    damaged,
    messages,
    plain,
)
from cloudtrail_processing.testing.generator.logs import SLOT

BUCKET = "chaos-trail-logs"
FORGED = "somebody-elses-logs"
"""It exists and holds a readable log, and no worker may touch it."""
BAD_AT = (0, 1, 2)
"""Where ``Damage.BAD_ELEMENT`` puts its three bad records."""

_POOL = 300
_AGAIN = 0.15
_TOGETHER = 0.08
_PLAIN = 0.02
_LATE = 0.01
_REFUSED = tuple(damage for damage in Damage if damage is not Damage.BAD_ELEMENT)
_SEVERAL = (messages.cloudtrail_raw, messages.cloudtrail_sns, messages.s3_event, messages.s3_event_sns)


@dataclass(frozen=True, slots=True)
class Planted:
    """One message to send; ``poison`` says why it must end in the dead-letter queue, None when it must not.

    ``late`` logs are stored only some time after it was sent.
    """

    body: str
    poison: str | None = None
    late: tuple[GeneratedLog, ...] = ()


@dataclass(slots=True)
class Plan:
    """Everything that is put and sent, and what must come of it: ``bad`` are the places (key, index) of bad records."""

    seed: int
    logs: list[GeneratedLog] = field(default_factory=list)
    messages: list[Planted] = field(default_factory=list)
    events: set[str] = field(default_factory=set)
    bad: set[tuple[str, int]] = field(default_factory=set)

    @property
    def poison(self) -> list[Planted]:
        """The messages that must end in the dead-letter queue, and no other."""
        return [message for message in self.messages if message.poison]


def make_plan(seed: int, *, logs: int, events: int) -> Plan:
    """A plan of ``logs`` good logs with ``events`` events in all, and poison of every kind beside them."""
    made = _Maker(seed)
    good = made.good_logs(_sizes(made.dice, logs=logs, events=events))
    made.announce(good)
    for _ in range(max(1, logs // 250)):
        made.poison()
    made.harmless()
    made.dice.shuffle(made.plan.messages)
    return made.plan


def _sizes(dice: random.Random, *, logs: int, events: int) -> list[int]:
    """How many events each log has: uneven, and exactly ``events`` in all."""
    sizes = [events // logs + (number < events % logs) for number in range(logs)]
    for one, other in pairwise(range(logs)):
        moved = dice.randrange(sizes[one] // 2 + 1)
        sizes[one] -= moved
        sizes[other] += moved
    return sizes


class _Maker:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.plan = Plan(seed)
        self._generator = Generator(seed, bucket=BUCKET)
        # Aggregated events have their id elsewhere.
        self._pool = [record for record in self._generator.records(_POOL) if "eventID" in record]
        self._logs = 0

    def good_logs(self, sizes: Sequence[int]) -> list[GeneratedLog]:
        """Logs whose every event must be delivered; some with bad records among the good, some not compressed."""
        logs = [self._good(size, spoiled=number % 50 == 1) for number, size in enumerate(sizes)]
        self.plan.logs += logs
        return logs

    def announce(self, logs: Sequence[GeneratedLog]) -> None:
        """Messages of every shape, some naming several logs, some logs announced again in another shape."""
        for group in self._groups(logs):
            if len(group) > 1:
                self.plan.messages.append(Planted(self.dice.choice(_SEVERAL)(*group)))
            else:
                self._announce_one(group[0])
        for log in self.plan.logs:
            if self.dice.random() < _AGAIN:
                self.plan.messages += [Planted(self._shape()(log)) for _ in range(self.dice.randint(1, 3))]

    def poison(self) -> None:
        """One message of every kind that can never be processed."""
        plan = self.plan
        for damage in _REFUSED:
            log = damaged(self._log(20), damage)
            plan.logs.append(log)
            plan.messages.append(Planted(self._shape()(log), f"{damage} log"))
        forged = replace(self._log(20), bucket=FORGED)
        plan.logs.append(forged)
        plan.messages.append(Planted(self._shape()(forged), "forged bucket"))
        plan.messages.append(Planted(self._shape()(self._log(5)), "missing object"))
        plan.messages.append(Planted(f'{{"unknown": "{self.dice.random()}"}}', "unknown message"))
        plan.messages.append(Planted(f"no JSON {self.dice.random()}", "message that is no JSON"))
        plan.messages.append(Planted(messages.subscription_confirmation(), "subscription confirmation"))
        self._mixed()

    def harmless(self) -> None:
        """One message of each kind that may be forgotten."""
        self.plan.messages += [Planted(write()) for write in messages.HARMLESS_SHAPES.values()]

    def _mixed(self) -> None:
        """A message that names a good log and a corrupt one: the good one is delivered, the message is set aside."""
        good, corrupt = self._good(20), damaged(self._log(20), Damage.BAD_CRC)
        self.plan.logs += [good, corrupt]
        self.plan.messages.append(Planted(messages.cloudtrail_raw(good, corrupt), "corrupt log beside a good one"))

    def _good(self, size: int, *, spoiled: bool = False) -> GeneratedLog:
        log = self._log(size)
        self.plan.events.update(record["eventID"] for record in log.records)
        if spoiled:
            self.plan.bad.update((log.key, index) for index in BAD_AT)
            return damaged(log, Damage.BAD_ELEMENT)
        return plain(log) if self.dice.random() < _PLAIN else log

    def _log(self, size: int) -> GeneratedLog:
        number, self._logs = self._logs, self._logs + 1
        ids = (f"{self.plan.seed}.{number}.{place}" for place in range(size))
        return self._generator.log(
            records=[{**self.dice.choice(self._pool), "eventID": name} for name in ids],
            account=ACCOUNTS[number % len(ACCOUNTS)],
            region=REGIONS[number % len(REGIONS)],
            slot=START + SLOT * (number // 9) + timedelta(minutes=5),
        )

    def _announce_one(self, log: GeneratedLog) -> None:
        is_late = self.dice.random() < _LATE
        self.plan.messages.append(Planted(self._shape()(log), late=(log,) if is_late else ()))
        if is_late:
            self.plan.logs.remove(log)

    def _groups(self, logs: Sequence[GeneratedLog]) -> Iterator[Sequence[GeneratedLog]]:
        """The logs one by one, or a few together."""
        start = 0
        while start < len(logs):
            size = self.dice.randint(2, 5) if self.dice.random() < _TOGETHER else 1
            yield logs[start : start + size]
            start += size

    def _shape(self) -> "messages.Several":
        return self.dice.choice(list(messages.LOG_SHAPES.values()))
