"""The tables of the matrix: stages, faults and moments, and which of their combinations make sense."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from matrix.life import Blow, Life
from matrix.world import VISIBILITY

from cloudtrail_processing.errors import (
    Claimed,
    ConfigurationError,
    CorruptLog,
    CredentialsError,
    LogGone,
    TransientError,
)


@dataclass(frozen=True)
class Raising(Blow):
    """The call takes no effect and raises."""

    error: Callable[[], BaseException]

    def before(self, life: Life) -> None:
        raise self.error()


@dataclass(frozen=True)
class Lost(Blow):
    """The call takes effect, and then raises."""

    error: Callable[[], BaseException]

    def after(self, life: Life) -> None:
        raise self.error()


@dataclass(frozen=True)
class Before(Blow):
    """Something happens, then the call takes effect."""

    do: Callable[[Life], object]

    def before(self, life: Life) -> None:
        self.do(life)


@dataclass(frozen=True)
class After(Blow):
    """The call takes effect, then something happens."""

    do: Callable[[Life], object]

    def after(self, life: Life) -> None:
        self.do(life)


@dataclass(frozen=True)
class Refusing(Blow):
    """Every entry of a batch call fails on its own."""

    gone: bool = False
    refuses: bool = True


def out_of_time(life: Life) -> None:
    """All leases and claims run out."""
    life.world.clock.advance(VISIBILITY + 1)


def overtaken(life: Life) -> None:
    """All leases and claims run out, and another worker has everything, which dies a moment later."""
    out_of_time(life)
    queue, checkpoint = life.world.queue, life.world.checkpoint
    for held in list(queue._ready()):
        queue._take(held, VISIBILITY)
    if checkpoint is not None:
        for log, processor in list(checkpoint._places):
            with suppress(Claimed):
                checkpoint.claim(log, processor=processor)


FAULTS: dict[str, Blow] = {
    "transient": Raising(lambda: TransientError("busy")),
    "configuration": Raising(lambda: ConfigurationError("denied")),
    "credentials": Raising(lambda: CredentialsError("expired")),
    "corrupt": Raising(lambda: CorruptLog("damaged")),
    "gone": Raising(lambda: LogGone("not there")),
    "foreign": Raising(lambda: OSError("odd")),
    "exit": Raising(lambda: SystemExit(1)),
    "cancelled": Raising(lambda: asyncio.CancelledError("odd")),
    "response lost": Lost(lambda: TransientError("no answer")),
    "response lost, foreign": Lost(lambda: OSError("odd")),
    "out of time": Before(out_of_time),
    "out of time after": After(out_of_time),
    "overtaken": Before(overtaken),
    "overtaken after": After(overtaken),
    "stop": Before(lambda life: life.worker.stop()),
    "dies before": Before(Life.kill),
    "dies after": After(Life.kill),
    "refused": Refusing(),
    "receipts void": Refusing(gone=True),
}

USERS = ("parse", "source filter", "event filter, log", "event filter, header", "event filter, event", "process")
OURS = ("allow-list", "split")
WATCHERS = ("handler", "report start", "report end")
STORE = ("identify", "fetch", "probe")
WRITERS = ("claim", "renew", "advance", "finish", "release", "keep")
MEMORY = ("unseen", "remember")
IN_THREADS = (*USERS, *OURS, *WATCHERS, *STORE, *WRITERS, *MEMORY, "pool")
"""Stages of the data plane, and those that both planes call."""
BATCHES = ("delete", "give back", "extend", "post")
CALLS = ("introduce", "receive", *BATCHES)
"""Stages of the control plane, on the event loop."""
HOOKS = ("start", "stop")
STAGES = (*IN_THREADS, *CALLS, *HOOKS)
BATCHWISE = ("process", "renew", "advance", *MEMORY, "event filter, header", "event filter, event")
"""Stages that come once for each batch of a log, or more often."""
WITH_EFFECT = ("process", *WRITERS, "remember", "receive", *BATCHES)
"""Stages whose effect may be there though the answer is an error."""

MOMENTS: dict[str, range] = {
    "first": range(1),
    "between batches": range(2, 3),
    "last batch": range(4, 5),
    "twice": range(2),
    "always": range(1_000_000),
}
"""Which calls of the stage are struck. The first log has three batches and each goes to two processors, so that it
makes the first six calls of what comes once for each.
"""


COMPANIONS: dict[str, tuple[str, Blow, int]] = {
    "give back": ("process", FAULTS["transient"], 2),
    "probe": ("fetch", FAULTS["configuration"], 1_000_000),
}
"""Stages that are only reached when another one fails: its name, how it fails, and how many times."""


@dataclass(frozen=True)
class Cell:
    """One fault at one stage at one moment. In a ``bare`` world there is neither checkpoint nor dead-letter queue."""

    stage: str
    fault: str
    moment: str
    bare: bool = False

    def __str__(self) -> str:
        names = [self.stage, self.fault, self.moment, *(["bare"] if self.bare else [])]
        return "-".join(names).replace(", ", "_").replace(" ", "_")

    @property
    def blow(self) -> Blow:
        return FAULTS[self.fault]

    def strikes(self, call: int) -> bool:
        return call in MOMENTS[self.moment]

    @property
    def repeats(self) -> int:
        """How many batches each blow may cause to be delivered once more, at most."""
        taken_unsaid = self.stage == "process" and "lost" in self.fault
        return int(taken_unsaid or self.fault.startswith(("dies", "overtaken")))

    @property
    def may_leave_claims(self) -> bool:
        """True when a log stays claimed for a while: another worker has it, or could not be told that it is free."""
        return self.stage == "release" or "lost" in self.fault or self.fault.startswith(("dies", "overtaken"))

    @property
    def may_reject(self) -> bool:
        """True when good logs may rightly end in the dead-letter queue."""
        return self.fault in ("corrupt", "gone")

    @property
    def may_end_worker(self) -> bool:
        """True when the fault rightly ends the worker with an error."""
        return self.stage in ("introduce", "start", "pool") or (self.fault == "exit" and self.stage in (*STORE, *OURS))


RULES: tuple[tuple[str, Callable[[Cell], bool]], ...] = (
    (
        "only what comes batch by batch has more than one moment in a log",
        lambda it: it.moment in ("between batches", "last batch") and it.stage not in BATCHWISE,
    ),
    (
        "an answer can be lost, or come late, only where there was an effect",
        lambda it: ("lost" in it.fault or "after" in it.fault) and it.stage not in WITH_EFFECT,
    ),
    (
        "entries are refused in batch calls, and a post has no receipts",
        lambda it: isinstance(it.blow, Refusing) and (it.stage not in BATCHES or (it.blow.gone and it.stage == "post")),
    ),
    ("a log is missing where it is looked for", lambda it: it.fault == "gone" and it.stage not in STORE),
    (
        "a log is damaged where it is read; others may say so of it",
        lambda it: it.fault == "corrupt" and it.stage not in (*STORE, "split", "process", "parse"),
    ),
    (
        "on the event loop these two end the process, and nothing of ours raises them there",
        lambda it: it.fault in ("exit", "cancelled") and (it.stage in CALLS or it.stage.startswith("report")),
    ),
    ("a bare world has no such parts", lambda it: it.bare and it.stage in (*WRITERS, *MEMORY, "identify", "post")),
    (
        "credentials are for those who ask AWS",
        lambda it: it.fault == "credentials" and it.stage not in (*STORE, *WRITERS, *CALLS),
    ),
    (
        "whatever user code raises of ours is the same to us",
        lambda it: it.fault in ("configuration", "transient") and it.stage in (*WATCHERS, *USERS[:-1], *HOOKS, "pool"),
    ),
    (
        "a foreign error after the effect is a foreign error, where a lost answer is",
        lambda it: it.fault == "response lost, foreign" and it.stage not in ("process", "advance", "delete", "post"),
    ),
    (
        "a second time matters where the first one is forgiven",
        lambda it: (
            it.moment == "twice" and it.fault not in ("transient", "response lost", "refused", "stop", "dies before")
        ),
    ),
    (
        "what nobody should raise need not be raised at every moment",
        lambda it: it.moment != "first" and it.fault in ("exit", "cancelled", "credentials"),
    ),
    (
        "a bare world differs in what is left, not in every detail",
        lambda it: it.bare and (it.moment != "first" or it.fault in ("exit", "cancelled", "credentials")),
    ),
)
"""Which combinations cannot happen, or say nothing that another one does not say; with the reason."""


def cells() -> list[Cell]:
    """All that are left."""
    every = (Cell(*names) for names in itertools.product(STAGES, FAULTS, MOMENTS, (False, True)))
    return [cell for cell in every if not any(applies(cell) for _, applies in RULES)]
