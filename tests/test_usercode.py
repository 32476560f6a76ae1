"""User code, plain or async, is called with the same guarantees."""

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from cloudtrail_processing.errors import NotificationError, ProcessorError, Refuse, RetryLater, TransientError
from cloudtrail_processing.usercode import UserCode, guarded

Raise = Callable[[BaseException], Callable[[], Any]]


@pytest.fixture
def user_code() -> Iterator[UserCode]:
    user_code = UserCode()
    yield user_code
    user_code.close()


def plainly(error: BaseException) -> Callable[[], Any]:
    def function() -> None:
        raise error

    return function


def asynchronously(error: BaseException) -> Callable[[], Any]:
    async def function() -> None:
        await asyncio.sleep(0)
        raise error

    return function


both_ways = pytest.mark.parametrize("raising", [plainly, asynchronously])


@both_ways
@pytest.mark.parametrize("error", [RetryLater(after=7), Refuse("no"), NotificationError("odd")])
def test_what_user_code_says_outright_comes_through_unchanged(
    raising: Raise, error: Exception, user_code: UserCode
) -> None:
    with pytest.raises(type(error)) as caught:
        user_code.call("it", raising(error))
    assert caught.value is error


@both_ways
@pytest.mark.parametrize(
    "error",
    [ValueError("x"), SystemExit(3), asyncio.CancelledError(), GeneratorExit(), TransientError("theirs"), OSError(5)],
)
def test_whatever_else_it_raises_is_a_processor_error_with_its_cause(
    raising: Raise, error: BaseException, user_code: UserCode
) -> None:
    with pytest.raises(ProcessorError, match=rf"^it raised {type(error).__name__}$") as caught:
        user_code.call("it", raising(error))
    assert caught.value.__cause__ is error
    assert user_code.call("it", asynchronous_answer) == 42, "the next call finds everything in order"


@both_ways
def test_stop_iteration_is_an_error_like_any_other(raising: Raise, user_code: UserCode) -> None:
    with pytest.raises(ProcessorError, match="it raised"):
        user_code.call("it", raising(StopIteration(1)))


async def asynchronous_answer() -> int:
    await asyncio.sleep(0)
    return 42


def test_a_result_is_handed_back_plain_and_async(user_code: UserCode) -> None:
    assert user_code.call("it", lambda left, right: left + right, 1, 2) == 3
    assert user_code.call("it", asynchronous_answer) == 42


def test_a_task_that_exits_the_process_does_not_end_the_loop_of_the_others(user_code: UserCode) -> None:
    async def start_a_task_that_exits() -> None:
        task = asyncio.create_task(exits())
        await asyncio.sleep(0)
        del task

    async def exits() -> None:
        raise SystemExit(1)

    user_code.call("it", start_a_task_that_exits)
    assert user_code.call("it", asynchronous_answer) == 42


def test_user_code_that_stops_its_loop_does_not_stop_the_others(user_code: UserCode) -> None:
    async def stops() -> str:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0)
        return "done"

    assert user_code.call("it", stops) == "done"
    assert user_code.call("it", asynchronous_answer) == 42


def generator() -> Iterator[None]:
    yield


async def async_generator() -> AsyncIterator[None]:
    yield


async def forgotten_await() -> object:
    return asynchronous_answer()


@pytest.mark.parametrize(
    "function",
    [
        generator,
        async_generator,
        forgotten_await,
        lambda: map(print, [1]),
        lambda: filter(None, [1]),
        concurrent.futures.Future,
    ],
)
def test_a_result_whose_body_did_not_run_is_refused(function: Callable[[], object], user_code: UserCode) -> None:
    with pytest.raises(ProcessorError, match=r"it returned a \w+, whose body"):
        user_code.call("it", function)


def test_a_future_of_another_loop_is_refused(user_code: UserCode) -> None:
    loop = asyncio.new_event_loop()
    with pytest.raises(ProcessorError):
        user_code.call("it", lambda: asyncio.Future(loop=loop))
    loop.close()


def test_async_code_that_blocks_its_loop_does_not_block_the_callers_loop(user_code: UserCode) -> None:
    """The leases of other messages are extended meanwhile."""
    blocked, let_go = threading.Event(), threading.Event()

    async def blocking() -> str:
        blocked.set()
        assert let_go.wait(10)
        return "done"

    async def control_plane() -> str:
        work = asyncio.create_task(asyncio.to_thread(user_code.call, "it", blocking))
        await asyncio.to_thread(blocked.wait, 10)
        await asyncio.sleep(0)
        let_go.set()
        return str(await work)

    assert asyncio.run(control_plane()) == "done"


def test_closing_cancels_what_still_runs_and_its_caller_is_told() -> None:
    user_code, running = UserCode(), threading.Event()

    async def forever() -> None:
        running.set()
        await asyncio.Event().wait()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        work = pool.submit(user_code.call, "it", forever)
        assert running.wait(10)
        user_code.close()
        with pytest.raises(ProcessorError, match="it raised CancelledError"):
            work.result(10)


def test_closing_does_not_wait_for_ever_for_code_that_blocks(caplog: pytest.LogCaptureFixture) -> None:
    user_code, running, let_go = UserCode(), threading.Event(), threading.Event()

    async def blocking() -> None:
        running.set()
        assert let_go.wait(10)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        work = pool.submit(user_code.call, "it", blocking)
        assert running.wait(10)
        user_code.close(patience=0)
        let_go.set()
        work.exception(10)
    assert "does not end" in caplog.text


def test_closing_twice_or_unused_does_nothing() -> None:
    unused = UserCode()
    unused.close()
    unused.close()
    assert unused.call("it", lambda: 1) == 1


def test_after_closing_async_code_is_refused_and_plain_code_still_runs() -> None:
    user_code = UserCode()
    user_code.close()
    assert user_code.call("it", lambda: 1) == 1
    with pytest.raises(ProcessorError):
        user_code.call("it", asynchronous_answer)


def test_ctrl_c_goes_through() -> None:
    with pytest.raises(KeyboardInterrupt), guarded("it"):
        raise KeyboardInterrupt


def test_what_the_tasks_of_a_group_say_outright_is_said_outright(user_code: UserCode) -> None:
    """As ``asyncio.TaskGroup`` raises it, which is how async code does several things at once."""
    said = RetryLater(after=7)

    async def in_tasks(*errors: Exception) -> None:
        async with asyncio.TaskGroup() as group:
            for error in errors:
                group.create_task(asynchronously(error)())

    with pytest.raises(RetryLater) as caught:
        user_code.call("it", in_tasks, said)
    assert caught.value is said
    with pytest.raises(ProcessorError, match="it raised ExceptionGroup"):
        user_code.call("it", in_tasks, said, ValueError("x"))
