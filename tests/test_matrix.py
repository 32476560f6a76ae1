"""Every fault at every stage at every moment: deleted only if delivered, and in the end all that is good is."""

import asyncio
import logging
import random
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from matrix.cells import COMPANIONS, Cell, cells
from matrix.life import PACE, Blow, Life
from matrix.parts import make
from matrix.world import BATCH_SIZE, World

HEALED = 45
"""Seconds after which no fault strikes any more."""
END = HEALED + 400
"""Seconds after which everything has to be over."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A thousand stack traces take longer to format than all the rest."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Trial:
    """One cell, lived through."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.world = World(bare=cell.bare, remembering=cell.stage in ("unseen", "remember"))
        self.lives: list[Life] = []
        self.calls: Counter[str] = Counter()
        self.struck = 0

    @property
    def time(self) -> float:
        return self.world.clock.monotonic()

    def strike(self, stage: str) -> Blow | None:
        if self.time >= HEALED:
            return None
        call, self.calls[stage] = self.calls[stage], self.calls[stage] + 1
        if stage == self.cell.stage and self.cell.strikes(call):
            self.struck += 1
            return self.cell.blow
        where, blow, times = COMPANIONS.get(self.cell.stage, ("", None, 0))
        return blow if stage == where and call < times else None

    async def run(self) -> None:
        while not self.world.is_over and self.time < END:
            await self._live()
            await self.world.clock.elapse(1)
        for life in self.lives:
            await self._finished(life)

    async def _live(self) -> None:
        life = Life(self.world, self.strike, make=make, slow=self.cell.stage == "extend")
        self.lives.append(life)
        while not (life.is_over or self.world.is_over or self.time >= END):
            await self.world.clock.elapse(1)
        if not life.killed:
            life.worker.stop()
            await self._finished(life)

    async def _finished(self, life: Life) -> None:
        """Wait for the end of a process; real time passes, too, as hooks have threads of their own."""
        for _ in range(1000):
            if life.running.done():
                return
            await self.world.clock.elapse(1)
            await asyncio.sleep(0.001)
        raise AssertionError("a worker does not end")


def lived_through(cell: Cell) -> Trial:
    random.seed(str(cell))  # for the jitter

    async def live() -> Trial:
        trial = Trial(cell)
        await trial.run()
        return trial

    before = set(threading.enumerate())
    trial = asyncio.run(live())
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)
        assert not thread.is_alive(), f"{thread.name} is stuck"
    return trial


@pytest.mark.parametrize("cell", cells(), ids=str)
def test_nothing_is_lost_when(cell: Cell) -> None:
    trial = lived_through(cell)
    assert trial.struck, "the fault never struck: this cell proves nothing"
    check_nothing_is_lost(trial)
    check_little_is_repeated(trial)
    check_the_quarantine(trial)
    check_the_end(trial)


def check_nothing_is_lost(trial: Trial) -> None:
    world = trial.world
    assert [name for life in trial.lives for name in life.premature] == []
    assert world.is_over, f"left: {set(world.queue._held)}"
    for name, content in world.contents.items():
        copied = world.copied(name)
        assert copied == (content.poison and not trial.cell.bare) or trial.cell.may_reject
        assert copied or world.delivered(content)


def check_little_is_repeated(trial: Trial) -> None:
    if trial.cell.bare:
        return
    allowed = trial.struck * trial.cell.repeats * BATCH_SIZE
    for taken in trial.world.taken:
        repeated = {name: times for name, times in Counter(taken).items() if times > 1}
        assert len(taken) - len(set(taken)) <= allowed, f"{repeated} for {trial.struck} faults"


def check_the_quarantine(trial: Trial) -> None:
    kept = trial.world.kept()
    assert len(kept) == len(set(kept))
    if not trial.cell.bare and not trial.cell.may_reject:
        assert set(kept) == set(trial.world.bad)


def check_the_end(trial: Trial) -> None:
    for life in trial.lives:
        error = life.running.result()
        if life.killed:
            continue
        assert error is None or trial.cell.may_end_worker, repr(error)
        assert not life.worker.stuck
        assert life.worker.in_hand == 0
        assert life.worker._intake._permits._value == PACE.threads
        assert life.steps == 0
        assert life.claimed == [] or trial.cell.may_leave_claims
        started, stopped = ([it.split()[1] for it in life.hooks if it.startswith(how)] for how in ("start", "stop"))
        assert started == stopped[::-1]
