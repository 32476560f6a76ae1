import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudtrail_processing.aws.once import Once
from cloudtrail_processing.errors import TransientError

PATIENCE = 20


def test_threads_that_ask_together_get_one_answer() -> None:
    once: Once[int] = Once(8)
    asked: list[int] = []
    together = threading.Barrier(8)

    def ask() -> int:
        asked.append(1)
        return 42

    def get(_: int) -> int:
        together.wait(PATIENCE)
        return once.get("question", ask)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(get, range(8))) == [42] * 8
    assert asked == [1]


def test_a_question_without_answer_holds_up_no_other() -> None:
    once: Once[int] = Once(8)
    released = threading.Event()

    def slow() -> int:
        assert released.wait(PATIENCE)
        return 1

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(once.get, "slow", slow)
        assert once.get("other", lambda: 2) == 2
        released.set()
        assert waiting.result(PATIENCE) == 1


def test_an_error_is_not_remembered() -> None:
    once: Once[int] = Once(8)
    with pytest.raises(ZeroDivisionError):
        once.get("question", lambda: 1 // 0)
    assert once.get("question", lambda: 3) == 3


def test_whoever_waits_while_a_question_fails_gets_the_same_error() -> None:
    """When S3 does not answer for a minute, eight threads must not wait for eight minutes, one after the other."""
    once: Once[int] = Once(8)
    asked: list[int] = []
    released = threading.Event()

    def ask() -> int:
        asked.append(1)
        assert released.wait(PATIENCE)
        raise TimeoutError("no answer")

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(once.get, "question", ask) for _ in range(8)]
        while any(not it.running() for it in asking):
            threading.Event().wait(0.001)
        released.set()
        errors = [it.exception(PATIENCE) for it in asking]
    assert {type(error) for error in errors} == {TimeoutError}
    assert len(asked) == len(set(map(id, errors)))
    assert len(asked) < 8
    assert once.get("question", lambda: 3) == 3


def test_an_error_takes_what_its_frames_hold_with_it() -> None:
    """Such as the connection that failed: it must not stay open until a garbage collection."""

    class Connection:
        pass

    once: Once[int] = Once(8)
    held: list[weakref.ref[Connection]] = []

    def ask() -> int:
        connection = Connection()
        held.append(weakref.ref(connection))
        raise ConnectionError

    gc.disable()
    try:
        with pytest.raises(ConnectionError):
            once.get("question", ask)
        assert held[0]() is None
    finally:
        gc.enable()


def test_nobody_waits_for_long_for_what_another_thread_asks() -> None:
    """Its caller tries again later, and looks in between whether its work must end."""
    once: Once[int] = Once(8, patience=0.02)
    begun, released = threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        assert released.wait(PATIENCE)
        return 1

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(once.get, "question", slow)
        assert begun.wait(PATIENCE)
        with pytest.raises(TransientError, match="another thread"):
            once.get("question", lambda: 2)
        released.set()
        assert asking.result(PATIENCE) == 1
    assert once.get("question", lambda: 2) == 1


def test_a_thread_that_is_told_to_end_the_process_leaves_the_question_to_those_who_wait() -> None:
    once: Once[int] = Once(8)
    begun, released = threading.Event(), threading.Event()

    def ended() -> int:
        begun.set()
        assert released.wait(PATIENCE)
        raise KeyboardInterrupt

    with ThreadPoolExecutor(2) as pool:
        ending = pool.submit(once.get, "question", ended)
        assert begun.wait(PATIENCE)
        waiting = pool.submit(once.get, "question", lambda: 5)
        released.set()
        assert waiting.result(PATIENCE) == 5
        assert isinstance(ending.exception(PATIENCE), KeyboardInterrupt)


def test_what_was_not_asked_for_longest_is_forgotten() -> None:
    once: Once[str] = Once(2)
    for question in ("a", "b", "a", "c"):
        once.get(question, lambda: "first")
    assert [once.get(question, lambda: "second") for question in ("a", "c", "b")] == ["first", "first", "second"]


def test_all_can_be_forgotten() -> None:
    once: Once[int] = Once(2)
    once.get("question", lambda: 1)
    once.clear()
    assert once.get("question", lambda: 2) == 2
