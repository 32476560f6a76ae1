"""One process in the matrix: a worker from its start to its end, or until it is killed."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from bench import Inline
from matrix.world import VISIBILITY, World

from cloudtrail_processing.delivery import Holds
from cloudtrail_processing.errors import TransientError
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.worker import Pace, Worker

T = TypeVar("T")
SOON = Backoff(first=1, cap=4)
PACE = Pace(
    threads=16,
    pollers=1,
    wait_time=20,
    visibility_timeout=VISIBILITY,
    grace_time=5,
    give_back=SOON,
    denied=SOON,
    poll_backoff=SOON,
)
WORK_TIME = 14
"""Seconds that work takes in a slow process: its leases have to be extended meanwhile."""


class Killed(KeyboardInterrupt):
    """Ends the work of a process that was killed; the one thing that nobody on the way catches."""


class Blow:
    """A fault in one call: what is done before the call takes effect, and after it. Either may raise."""

    refuses = False
    """True when the entries of a batch call are refused one by one; ``gone`` tells that their receipts are void."""
    gone = False

    def before(self, life: "Life") -> None:
        """By default nothing."""

    def after(self, life: "Life") -> None:
        """By default nothing."""


Strike = Callable[[str], Blow | None]
"""The fault that strikes this call of a stage, None for none."""


class Life:
    """A process: once it is killed, nothing that is left of it reaches the world any more."""

    def __init__(self, world: World, strike: Strike, *, make: Callable[["Life"], Worker], slow: bool = False) -> None:
        self.world = world
        self.strike = strike
        self.killed = False
        self.at_work = self.renewing = False
        self.premature: list[str] = []
        """Messages that were to be deleted without evidence."""
        self.steps = 0
        """Progress steps that were reported to start and not to end."""
        self.hooks: list[str] = []
        self.claimed: list[str] = []
        """Logs that were still held when it had ended."""
        self.pool = SlowPool(self) if slow else Pool(self)
        self.holds = Holds(renew_every=1000, patience=0, pause=lambda _: None)
        self.worker = make(self)
        self.running = asyncio.ensure_future(self._run())

    async def _run(self) -> BaseException | None:
        """What ended the worker, if it was an error."""
        try:
            await self.worker.run()
        except (Exception, SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:  # noqa: BLE001
            return error
        finally:
            self.holds.close()
            self.claimed = self.world.claimed()
        return None

    @property
    def is_over(self) -> bool:
        """True when it was killed, ended, or is about to end."""
        return self.killed or self.running.done() or self.worker.stopping

    def kill(self) -> None:
        """End the process here and now; what is left of it are coroutines that wind up."""
        self.killed = True
        self.running.cancel()

    def renew(self) -> None:
        """Renew every claim, as the holds do by themselves every few seconds."""
        self.renewing = True
        try:
            wait(self.holds.renew() or ())
        finally:
            self.renewing = False

    @contextmanager
    def at(self, stage: str) -> Iterator[Blow | None]:
        """Around the effect of one call of a stage, which may meet a fault."""
        self._check()
        blow = self.strike(stage)
        if blow is not None:
            blow.before(self)
            self._check()
        yield blow
        if blow is not None:
            blow.after(self)
            self._check()

    async def call(
        self, stage: str, effect: Callable[[], Awaitable[T]], *, refused: Callable[["Blow"], T] | None = None
    ) -> T:
        """The same for a call on the event loop, which in a dead process never returns."""
        try:
            with self.at(stage) as blow:
                return refused(blow) if refused and blow and blow.refuses else await effect()
        except TransientError:
            if self.killed:
                await asyncio.Event().wait()
            raise

    def _check(self) -> None:
        if self.killed:  # the event loop itself would not survive the other one
            raise Killed if self.at_work else TransientError("the process is dead")


class Pool(Inline):
    """Does the work at once, and tells when it does work on a message."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        if not isinstance(fn, functools.partial):  # only work on messages comes as one
            return super().submit(fn, *args, **kwargs)
        return super().submit(self._work, fn)

    def _work(self, handle: Callable[[], Any]) -> Any:
        self._life.at_work = True
        try:
            with self._life.at("pool"):
                return handle()
        finally:
            self._life.at_work = False


class SlowPool(Pool):
    """Lets time pass before it does the work on a message."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        if not isinstance(fn, functools.partial):
            return super().submit(fn, *args, **kwargs)
        future: Future[Any] = Future()

        async def later() -> None:
            await self._life.world.clock.sleep(WORK_TIME)
            done = super(SlowPool, self).submit(fn, *args, **kwargs)
            if future.set_running_or_notify_cancel():
                error = done.exception()
                future.set_exception(error) if error else future.set_result(done.result())

        self._tasks = [*getattr(self, "_tasks", []), asyncio.ensure_future(later())]
        return future
