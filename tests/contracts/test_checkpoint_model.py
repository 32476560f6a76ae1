"""Whatever several workers do, in whatever order and at whatever time: each checkpoint does as a simple model does."""

import itertools
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from contracts.ledgers import CLAIM_TIME, KINDS, Ledger, ledger
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, multiple, rule, run_state_machine_as_test

from cloudtrail_processing.errors import Claimed, ClaimLost
from cloudtrail_processing.ports import Checkpoint, Claim
from cloudtrail_processing.testing import EmbeddedAws

EXAMPLES = {"memory": 100, "sqlite": 40, "dynamodb": 5}
WORKERS = st.integers(0, 1)


@dataclass
class Page:
    """All there is to know of a log, as the model sees it."""

    position: int = 0
    finished: bool = False
    owner: str = ""
    until: float = 0.0


class Workers(RuleBasedStateMachine):
    """Two workers with one checkpoint between them, beside the model."""

    claims = Bundle("claims")
    numbers = itertools.count()
    open: Ledger

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[tuple[str, str], Page] = {}
        self.workers = [self.open.worker(), self.open.worker()]
        self.run = next(self.numbers)  # logs of its own: the checkpoint outlives the machine

    @rule(target=claims, worker=WORKERS, log=st.sampled_from("ab"), processor=st.sampled_from("pq"))
    def claim(self, worker: int, log: str, processor: str) -> object:
        page = self.pages.setdefault((log, processor), Page())
        taken = self.attempt(self.workers[worker], f"{self.run}/{log}", processor)
        rest = page.until - self.open.time.at
        if page.finished:
            assert isinstance(taken, Claim)
            assert taken.finished
            return multiple()
        if rest > 0:
            assert taken == pytest.approx(rest)
            return multiple()
        assert isinstance(taken, Claim)
        assert (taken.next_index, taken.finished) == (page.position, False)
        page.owner, page.until = taken.token, self.open.time.at + CLAIM_TIME
        return (log, taken)

    @rule(worker=WORKERS, held=claims, index=st.integers(0, 5))
    def advance(self, worker: int, held: tuple[str, Claim], index: int) -> None:
        page = self.page(held)
        if page.owner != held[1].token:
            with pytest.raises(ClaimLost):
                self.workers[worker].advance(held[1], index)
            return
        self.workers[worker].advance(held[1], index)
        if not page.finished:
            page.position, page.until = max(page.position, index), self.open.time.at + CLAIM_TIME

    @rule(worker=WORKERS, held=claims)
    def finish(self, worker: int, held: tuple[str, Claim]) -> None:
        page = self.page(held)
        if page.owner != held[1].token:
            with pytest.raises(ClaimLost):
                self.workers[worker].finish(held[1])
            return
        self.workers[worker].finish(held[1])
        page.finished = True

    @rule(worker=WORKERS, held=claims)
    def release(self, worker: int, held: tuple[str, Claim]) -> None:
        page = self.page(held)
        self.workers[worker].release(held[1])
        if page.owner == held[1].token and not page.finished:
            page.owner, page.until = "", 0.0

    @rule(held=consumes(claims))
    def die(self, held: tuple[str, Claim]) -> None:
        """A worker that says nothing more: its claim ends by time alone."""

    @rule(seconds=st.sampled_from([1, CLAIM_TIME // 2, CLAIM_TIME - 1, CLAIM_TIME, CLAIM_TIME + 1]))
    def elapse(self, seconds: int) -> None:
        self.open.time.at += seconds

    @rule(worker=WORKERS)
    def restart(self, worker: int) -> None:
        self.workers[worker].close()
        self.workers[worker] = self.open.worker()

    def attempt(self, worker: Checkpoint, log: str, processor: str) -> Claim | float:
        try:
            return worker.claim(log, processor=processor)
        except Claimed as error:
            return error.after

    def page(self, held: tuple[str, Claim]) -> Page:
        return self.pages[held[0], held[1].processor]

    def teardown(self) -> None:
        for worker in self.workers:
            worker.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_does_as_the_model_does(kind: str, request: pytest.FixtureRequest) -> None:
    def aws() -> EmbeddedAws:
        running: EmbeddedAws = request.getfixturevalue("aws")
        return running

    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        opened = closing.enter_context(ledger(kind, folder=folder, aws=aws))
        machine = type("Machine", (Workers,), {"open": opened})
        run_state_machine_as_test(
            machine, settings=settings(max_examples=EXAMPLES[kind], stateful_step_count=30, deadline=None)
        )
