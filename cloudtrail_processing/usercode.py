"""The one place where user code is called: processors, filters, parsers and hooks."""

import asyncio
import concurrent.futures
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cloudtrail_processing.errors import NotificationError, ProcessorError, Refuse, RetryLater


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Turn whatever user code raises inside into ``ProcessorError``; what it says to us outright passes unchanged.

    Even ``SystemExit`` in a processor must not take a data-plane thread away; only Ctrl-C goes through.
    """
    try:
        yield
    except (RetryLater, Refuse, NotificationError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ProcessorError(f"{what} raised {type(error).__name__}") from error


class UserCode:
    """Calls user code, plain or async, with the same guarantees for both.

    Async user code runs on an event loop of its own, in a thread of its own: whatever it does there, a blocking call
    included, it cannot delay the leases of the messages in hand. ``close`` ends that loop.
    """

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def call(self, what: str, function: Callable[..., Any], *arguments: object) -> Any:
        """The result of ``function(*arguments)``, awaited if need be; raises as ``guarded`` does.

        A generator or a bare future as result is refused: its body has not run, so nothing would have been delivered.
        """
        with guarded(what):
            result = function(*arguments)
            if inspect.isawaitable(result):
                return asyncio.run_coroutine_threadsafe(_outcome(result), self._running_loop()).result()
            if (
                inspect.isgenerator(result)
                or inspect.isasyncgen(result)
                or isinstance(result, concurrent.futures.Future)
            ):
                raise TypeError(f"{what} returned a {type(result).__name__}, whose body did not run")
            return result

    def close(self) -> None:
        """End the loop; what still runs on it is cancelled. Safe to call twice."""
        with self._starting:
            loop, self._loop = self._loop, None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(_cancel_others(), loop).result(timeout=5)
            loop.call_soon_threadsafe(loop.stop)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_serve, args=(self._loop,), name="user-code", daemon=True).start()
            return self._loop


async def _outcome(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
