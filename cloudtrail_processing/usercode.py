"""The one place where user code is called: processors, filters, parsers and hooks."""

import asyncio
import concurrent.futures
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from types import AsyncGeneratorType, CoroutineType, GeneratorType, TracebackType
from typing import Any

import tenacity

from cloudtrail_processing.errors import (
    ClaimLost,
    CloudTrailProcessingError,
    NotificationError,
    ProcessorError,
    Refuse,
    RetryLater,
)

logger = logging.getLogger(__name__)

_OUTRIGHT = (RetryLater, Refuse, NotificationError, ClaimLost)
OURS = (CloudTrailProcessingError,)
"""What parts behind our ports raise: those errors pass as they are."""
_UNFINISHED = (
    GeneratorType,
    AsyncGeneratorType,
    CoroutineType,
    asyncio.Future,
    concurrent.futures.Future,
    map,
    filter,
)


class guarded:  # noqa: N801 - it is used like a function; as a generator it would cost three times as much
    """Turn whatever user code raises inside into ``ProcessorError``; what it says to us outright passes unchanged.

    For parts that speak our language, such as a checkpoint, ``passing`` is ``OURS``. Even ``SystemExit`` in a processor
    must not take a data-plane thread away; only Ctrl-C goes through.
    """

    __slots__ = ("_passing", "_what")

    def __init__(self, what: str, *, passing: tuple[type[BaseException], ...] = _OUTRIGHT) -> None:
        self._what = what
        self._passing = passing

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, (KeyboardInterrupt, *self._passing)):
            return
        if isinstance(error, BaseExceptionGroup) and (said := _said_together(error)):
            raise said from None
        raise ProcessorError(f"{self._what} raised {type(error).__name__}") from error


def _said_together(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """The first of several errors, as a ``TaskGroup`` raises them, when all of them were said outright."""
    said, other = group.split(_OUTRIGHT)
    first: BaseException | None = None if other else said
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


class UserCode:
    """Calls user code, plain or async, with the same guarantees for both.

    Async user code runs on an event loop of its own, in a thread of its own: whatever it does there, a blocking call
    included, it cannot delay the leases of the messages in hand. ``close`` ends that loop.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def call(
        self,
        what: str,
        function: Callable[..., Any],
        *arguments: object,
        passing: tuple[type[BaseException], ...] = _OUTRIGHT,
    ) -> Any:
        """The result of ``function(*arguments)``, awaited if need be; raises as ``guarded`` does.

        A generator, a ``map``, a future or a coroutine that nobody awaited is refused as a result: its body has not
        run, so nothing would have been delivered.
        """
        with guarded(what, passing=passing):
            result = function(*arguments)
            if inspect.isawaitable(result):
                result = self._awaited(result)
        if isinstance(result, _UNFINISHED):
            _discard(result)
            raise ProcessorError(f"{what} returned a {type(result).__name__}, whose body has not run: nothing was done")
        return result

    def call_again(self, policy: tenacity.Retrying, what: str, function: Callable[..., Any], *arguments: object) -> Any:
        """The same under a policy of the user's own, which decides on what the code itself raised.

        What is said outright is never tried again, nor is what ``policy`` raises while it waits, if that is ours.
        """

        def attempt() -> tuple[Any, CloudTrailProcessingError | None]:
            try:
                return self.call(what, function, *arguments), None
            except ProcessorError as error:
                if isinstance(error.__cause__, Exception):
                    raise error.__cause__ from None
                return None, error
            except _OUTRIGHT as said:
                return None, said

        with guarded(what, passing=OURS):
            result, said = policy(attempt)
        if said is not None:
            raise said
        return result

    def close(self, *, patience: float = 5) -> None:
        """Cancel what still runs on the loop and end it. Safe to call twice; async code is refused from now on.

        Code that blocks the loop or ignores its cancellation for ``patience`` seconds is left behind.
        """
        with self._lock:
            self._closed.set()
            loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(patience)
        if self._thread.is_alive():
            logger.error("async user code does not end although it was cancelled; it is left behind")

    def _awaited(self, awaitable: Awaitable[Any]) -> Any:
        with self._lock:  # so that nothing can be put on a loop that is already told to end
            if self._closed.is_set():
                _discard(awaitable)
                raise RuntimeError("the loop of async user code is closed")
            future = asyncio.run_coroutine_threadsafe(_outcome(awaitable), self._running_loop())
        result, error = future.result()
        if error is not None:
            raise error
        return result

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._serve, args=(self._loop,), name="user-code", daemon=True)
            self._thread.start()
        return self._loop

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the loop until ``close`` says so, whatever the code on it does to it; then as ``asyncio.run`` ends."""
        asyncio.set_event_loop(loop)
        try:
            while not self._closed.is_set():
                _run(loop)
            loop.run_until_complete(_cancel_others())
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    except (SystemExit, KeyboardInterrupt) as error:
        logger.warning("a task of async user code raised %s; the work goes on", type(error).__name__)


async def _outcome(awaitable: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    """The result or the error, as values: ``SystemExit`` and ``KeyboardInterrupt`` would go through the loop."""
    try:
        return await awaitable, None
    except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
        return None, error


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _discard(result: object) -> None:
    """Spare a coroutine that will not run Python's warning that nobody awaited it: an error says so."""
    if isinstance(result, CoroutineType):
        result.close()
