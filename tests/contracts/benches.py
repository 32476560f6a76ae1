"""The same queue and store, fake and real, for contract tests."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.ports import DeadLetters, KeySource, LogStore, Queue
from cloudtrail_processing.testing import EmbeddedAws, FakeLogStore, FakeQueue, ManualClock

Case = Callable[["Subject"], Awaitable[None]]


class Send(Protocol):
    def __call__(self, body: str, *, group: str = ..., delay: int = ...) -> str: ...


@dataclass(frozen=True)
class Subject:
    """A queue under test and what surrounds it."""

    queue: Queue
    dead_letters: DeadLetters
    send: Send
    elapse: Callable[[float], None]
    left: Callable[[], int]
    dead: Callable[[], int]


class QueueBench(Protocol):
    def run(self, case: Case, *, fifo: bool = False, max_receive_count: int = 5) -> None: ...


class FakeBench:
    def run(self, case: Case, *, fifo: bool = False, max_receive_count: int = 5) -> None:
        async def go() -> None:
            clock = ManualClock()
            queue = FakeQueue(clock=clock, fifo=fifo, max_receive_count=max_receive_count)
            left, dead = (lambda: queue.messages_left), (lambda: len(queue.dead_letters))
            await case(Subject(queue, queue, queue.send, clock.advance, left, dead))

        asyncio.run(go())


class EmbeddedBench:
    def __init__(self, aws: EmbeddedAws) -> None:
        self._aws = aws

    def run(self, case: Case, *, fifo: bool = False, max_receive_count: int = 5) -> None:
        aws = self._aws
        url = aws.create_queue(f"queue-{uuid.uuid4()}", fifo=fifo, max_receive_count=max_receive_count)

        def send(body: str, *, group: str = "default", delay: int = 0) -> str:
            return aws.send(url, body, group=group, delay=delay)

        async def go() -> None:
            async with AsyncExitStack() as stack:
                queue = await stack.enter_async_context(aws.queue(url))
                dead = aws.dead_letters_of(url)
                await case(
                    Subject(
                        queue, queue, send, aws.elapse, lambda: aws.messages_left(url), lambda: aws.messages_left(dead)
                    )
                )

        asyncio.run(go())


@dataclass(frozen=True)
class StoreBench:
    """A store under test: versioned bucket ``trail``, and ``listing`` for a fresh bucket with these objects."""

    store: LogStore
    put: Callable[[str, bytes], LogObject]
    remove: Callable[[str], None]
    listing: Callable[[list[str]], KeySource]
    bucket: str = "trail"


def fake_store() -> StoreBench:
    store = FakeLogStore({("trail", "other"): b"."})

    def listing(keys: list[str]) -> KeySource:
        return FakeLogStore({("listed", key): key.encode() for key in keys})

    return StoreBench(store, partial(store.put, "trail"), partial(store.remove, "trail"), listing)
