"""What came of a chaos run: every event, every bad record and every poisoned message, counted against the plan."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from chaos_plan import Plan

from cloudtrail_processing.letters import MESSAGE_ID, REASON
from cloudtrail_processing.quarantine import FolderQuarantine


class Deliveries:
    """Reads the traces that workers leave in ``folder``, as they grow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        self._first: dict[str, str] = {}
        self.total = 0
        self.again: Counter[str] = Counter()
        """Repeated deliveries, by the incarnation that had delivered the event first."""
        self.repeats: list[tuple[str, str, str]] = []
        """Repeated batches: their id, who had delivered their first event before, who did now."""

    @property
    def events(self) -> Set[str]:
        """The ids delivered so far."""
        return self._first.keys()

    def read_on(self) -> None:
        """Count what was written since; lines without an end were never written whole."""
        for path in sorted(self._folder.iterdir()):
            with path.open("rb") as opened:
                opened.seek(self._read.get(path, 0))
                whole = opened.read().rpartition(b"\n")[0]
            if whole:
                self._read[path] = self._read.get(path, 0) + len(whole) + 1
                self._count(whole.split(b"\n"), by=path.name.partition(".")[0])

    def _count(self, lines: Iterable[bytes], *, by: str) -> None:
        for line in lines:
            batch, events = json.loads(line)
            repeated = [event for event in events if event in self._first]
            self.total += len(events)
            self.again.update(self._first[event] for event in repeated)
            if repeated:
                self.repeats.append((batch, self._first[repeated[0]], by))
            self._first.update((event, by) for event in events if event not in self._first)


@dataclass(frozen=True, slots=True)
class Result:
    """The numbers of one run, and by ``broken`` what they prove. Memory is in bytes."""

    seed: int
    generated: int
    delivered: int
    lost: int
    invented: int
    duplicates: int
    duplicates_without_kill: int
    most_duplicates: int
    bad_planted: int
    bad_kept: int
    bad_wrong: int
    poison_planted: int
    dead: int
    dead_wrong: int
    dead_twice: int
    left: int
    kills: int
    jumps: int
    disks_filled: int
    expiries: int
    skips: int
    crashes: list[str]
    peak_memory: int
    seconds: float
    requests: int
    faults: Mapping[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    """Some names of what is wrong, for whoever looks for the reason."""

    @property
    def broken(self) -> list[str]:
        """Every promise that does not hold, in words; empty when all do."""
        checks = {
            f"{self.lost} event(s) lost": self.lost == 0,
            f"{self.invented} event(s) delivered that were not allowed": self.invented == 0,
            f"{self.duplicates} duplicates, over {self.most_duplicates}": self.duplicates <= self.most_duplicates,
            f"{self.bad_kept} of {self.bad_planted} bad records kept": self.bad_kept == self.bad_planted,
            f"{self.bad_wrong} record(s) in the quarantine that are not bad": self.bad_wrong == 0,
            f"{self.dead} of {self.poison_planted} dead letters": self.dead == self.poison_planted,
            f"{self.dead_wrong} dead letter(s) that are not poison": self.dead_wrong == 0,
            f"{self.left} message(s) left": self.left == 0,
        }
        return [text for text, holds in checks.items() if not holds]

    def as_json(self) -> dict[str, Any]:
        """For ``--save``."""
        return asdict(self) | {"broken": self.broken}


class DeadLetter(NamedTuple):
    """The id of the message that a dead letter is a copy of, and why it is there."""

    original: str
    why: str

    @classmethod
    def of(cls, letter: Mapping[str, Any]) -> "DeadLetter":
        """Read from a message as received; one that the redrive policy moved is its own original."""
        texts = {name: one["StringValue"] for name, one in letter.get("MessageAttributes", {}).items()}
        return cls(texts.get(MESSAGE_ID, letter["MessageId"]), texts.get(REASON, "the redrive policy"))


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is found at the end: the places of quarantined records, and the dead letters."""

    quarantined: Set[tuple[str, int]]
    dead: list[DeadLetter]
    poison: Mapping[str, str]
    """Why each poisoned message must be there, by its id."""


def compare(plan: Plan, deliveries: Deliveries, ledger: Ledger, *, killed: Set[str], **facts: Any) -> Result:
    """The result of a run; ``facts`` are the fields of ``Result`` that need no comparing."""
    lost = plan.events - deliveries.events
    invented = deliveries.events - plan.events
    dead = {letter.original for letter in ledger.dead}
    missing = [f"not dead: {why}" for name, why in ledger.poison.items() if name not in dead]
    wrong = dead - ledger.poison.keys()
    surprises = [f"dead: {letter.why}" for letter in ledger.dead if letter.original in wrong]
    without_kill = sum(count for by, count in deliveries.again.items() if by not in killed)
    repeats = [f"again: {batch} {by} → {now}" for batch, by, now in deliveries.repeats if by not in killed]
    return Result(
        generated=len(plan.events),
        delivered=len(deliveries.events & plan.events),
        lost=len(lost),
        invented=len(invented),
        duplicates=deliveries.total - len(deliveries.events),
        duplicates_without_kill=without_kill,
        bad_planted=len(plan.bad),
        bad_kept=len(plan.bad & ledger.quarantined),
        bad_wrong=len(ledger.quarantined - plan.bad),
        poison_planted=len(ledger.poison),
        dead=len(dead & ledger.poison.keys()),
        dead_wrong=len(wrong),
        dead_twice=len(ledger.dead) - len(dead),
        kills=len(killed),
        examples=[*(f"lost: {name}" for name in sorted(lost)[:5]), *missing[:5], *surprises[:20], *repeats[:20]],
        **facts,
    )


def bad_places(folder: Path) -> Set[tuple[str, int]]:
    """The places (key, index) of all records in a quarantine folder."""
    return {(kept.record.log.key, kept.record.index) for kept in FolderQuarantine(folder).entries()}
