"""The one place where user code is called: processors, filters, parsers and hooks."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cloudtrail_processing.errors import ProcessorError, Refuse, RetryLater


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Turn whatever user code raises inside into ``ProcessorError``; what it says to us outright passes unchanged.

    Even ``SystemExit`` in a processor must not take a data-plane thread away; only Ctrl-C goes through.
    """
    try:
        yield
    except (RetryLater, Refuse, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ProcessorError(f"{what} raised {type(error).__name__}") from error


class UserCode:
    """Calls user code, plain or async, with the same guarantees for both."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def on(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """From now on run what async methods return on ``loop``, while the calling thread waits; None: on a loop of their own."""
        self._loop = loop

    def call(self, what: str, function: Callable[..., Any], *arguments: object) -> Any:
        """The result of ``function(*arguments)``, awaited if need be; raises as ``guarded`` does.

        Not for the event loop's own thread, which could not wait for itself.
        """
        with guarded(what):
            result = function(*arguments)
            return self._resolve(result) if inspect.isawaitable(result) else result

    def _resolve(self, awaitable: Awaitable[Any]) -> Any:
        async def outcome() -> Any:
            return await awaitable

        if self._loop is None:
            return asyncio.run(outcome())
        return asyncio.run_coroutine_threadsafe(outcome(), self._loop).result()
