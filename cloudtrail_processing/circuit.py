"""The breaker at work in a worker: told of outcomes, it holds back the intake, sends probes, and says so once."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Protocol

from cloudtrail_processing.breaker import Blocked, Breaker, State
from cloudtrail_processing.errors import CloudTrailProcessingError, ConfigurationError, Stopped, TransientError
from cloudtrail_processing.flow import Handled, LogObject
from cloudtrail_processing.ports import Clock
from cloudtrail_processing.retry import PROBE, Backoff, within

logger = logging.getLogger(__name__)


class Probe(Protocol):
    """Asks for a log without delivering it. Called in a thread."""

    def __call__(self, log: LogObject, *, keep_going: Callable[[], None]) -> CloudTrailProcessingError | None:
        """None when that went well; ``keep_going`` raises ``Stopped`` when it must end."""
        ...


_Ask = Callable[[LogObject], CloudTrailProcessingError | None]


class Circuit:
    """A breaker with a clock. All but ``blocked`` belongs to the control plane's event loop."""

    def __init__(self, clock: Clock, *, delays: Backoff = PROBE) -> None:
        """``delays`` are the times between two probes, and between two trials of a bucket that is left alone."""
        self._clock = clock
        self._breaker = Breaker(delays.delay)
        self._change = asyncio.Event()
        self._state = State.CLOSED
        self._was_paused = False
        self._left_alone: frozenset[str] = frozenset()
        self._probing = False
        self._asking: asyncio.Future[CloudTrailProcessingError | None] | None = None
        self.since = clock.now()
        """When the intake was last held back, or let go on; else when this was made. In UTC."""

    def blocked(self, bucket: str) -> Blocked | None:
        """The error for a log of this bucket that need not be asked for now; None when it may be. For any thread.

        None for a bucket that is left alone is a trial, of which there are few: ask only when the request follows.
        """
        return self._breaker.blocked(bucket, now=self._clock.monotonic())

    @property
    def is_open(self) -> bool:
        """True while nothing is received."""
        return self._breaker.state is State.OPEN

    @property
    def is_paused(self) -> bool:
        """True while nothing is received, or hardly anything because of an error that is not disproved."""
        return self.is_open or (not self.is_closed and self.error is not None)

    @property
    def is_closed(self) -> bool:
        """True while everything may be received."""
        return self._breaker.state is State.CLOSED

    @property
    def is_probing(self) -> bool:
        """True while a thread asks for a log."""
        return self._probing

    @property
    def failed_tries(self) -> int:
        """How often going on was tried since the intake was held back, in vain."""
        return self._breaker.failed_tries

    @property
    def error(self) -> ConfigurationError | None:
        """What failed last; None when it was disproved since, as by a probe that went well."""
        return self._breaker.error

    @property
    def why(self) -> str:
        """What does not work, in one line; empty when nothing is known to fail."""
        if self.is_closed:
            blocked = self._breaker.blocked_buckets
            return _line("; ".join(f"bucket {name} is left alone: {error}" for name, error in blocked.items()))
        if not self.is_paused:
            return "a log could be read again: one message at a time is received until one goes well"
        how = "nothing is" if self.is_open else "one message at a time is"
        return _line(f"{how} received, because nothing worked: {self.error or 'not sure yet that it works again'}")

    # ── what the intake asks ──

    def admit(self, limit: int) -> int:
        """How many messages may be received now; 0: ask again after ``changed``."""
        return self._breaker.admit(limit, now=self._clock.monotonic())

    def changed(self) -> Awaitable[object]:
        """To be awaited: ends when another answer of ``admit`` is possible than at the time of this call."""
        return self._change.wait()

    def received(self, messages: int) -> None:
        """To be told after each receive that was admitted."""
        self._breaker.received(messages, now=self._clock.monotonic())
        if not self.is_closed:
            self._signal()

    # ── what happens ──

    def observe(self, handled: Handled) -> None:
        """Note what became of everything one message names."""
        self._breaker.record(handled.outcomes, now=self._clock.monotonic())
        self._tell()

    async def run(self, probe: Probe, *, pool: Executor, stopping: asyncio.Event) -> None:
        """Send the probes, for ever, one at a time, in threads of ``pool``, and wake who waits. Cancel it to end it.

        Once ``stopping`` is set no probe begins, and one that is under way ends as soon as it can.
        """
        ask = functools.partial(probe, keep_going=functools.partial(_keep_going, stopping))
        while True:
            change, at = self._change, self._breaker.wake_at
            if at is None:
                await change.wait()
                continue
            with suppress(TimeoutError):
                await within(at - self._clock.monotonic(), change.wait(), clock=self._clock)
            log = self._breaker.take_probe(now=self._clock.monotonic())
            if stopping.is_set():
                return
            if log is not None:
                error = await self._ask(ask, log, pool)
                if stopping.is_set():
                    return  # it was interrupted, and proves nothing
                logger.info("asked for %s, to see whether work can go on: %s", log.uri, error or "it can")
                self._breaker.probed(log, error, now=self._clock.monotonic())
            self._tell()

    async def let_go(self, *, patience: float) -> None:
        """Return when no thread asks for a log any more, or after ``patience`` seconds; see ``is_probing`` then."""
        if self._asking is not None and not self._asking.done():
            with suppress(TimeoutError):
                await within(patience, asyncio.wait({self._asking}), clock=self._clock)

    async def _ask(self, ask: _Ask, log: LogObject, pool: Executor) -> CloudTrailProcessingError | None:
        self._asking = asyncio.get_running_loop().run_in_executor(pool, self._in_thread, ask, log)
        try:
            return await self._asking
        except Exception as surprise:  # noqa: BLE001 - a worker that tries to recover must outlive what it meets
            return TransientError(f"asking for {log.uri} met a bug: {type(surprise).__name__}; it is tried again")

    def _in_thread(self, ask: _Ask, log: LogObject) -> CloudTrailProcessingError | None:
        self._probing = True
        try:
            return ask(log)
        except (SystemExit, asyncio.CancelledError) as surprise:
            # On the event loop they would end the worker, or the probes, without a word.
            raise RuntimeError(f"a probe raised {type(surprise).__name__}") from surprise
        finally:
            self._probing = False

    # ── what is said ──

    def _tell(self) -> None:
        if self._was_paused is not self.is_paused:
            self._was_paused, self.since = self.is_paused, self._clock.now()
        before, self._state = self._state, self._breaker.state
        if State.CLOSED in (before, self._state) and before is not self._state:
            if self.is_closed:
                logger.info("receiving goes on: what failed works again")
            else:
                logger.error("receiving pauses until a log can be read again, which is tried: %s", self.error)
        self._tell_of_buckets()
        self._signal()

    def _tell_of_buckets(self) -> None:
        blocked = self._breaker.blocked_buckets
        for name in blocked.keys() - self._left_alone:
            logger.warning("bucket %s is left alone, but for a log now and then: %s", name, blocked[name])
        for name in self._left_alone - blocked.keys():
            logger.info("bucket %s is not left alone any more", name)
        self._left_alone = frozenset(blocked)

    def _signal(self) -> None:
        change, self._change = self._change, asyncio.Event()
        change.set()


def _keep_going(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        raise Stopped("a log is not asked for any more, because the worker stops")


def _line(text: str) -> str:
    return " ".join(text.split())
