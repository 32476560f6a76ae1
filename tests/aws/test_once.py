import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudtrail_processing.aws.once import Once

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
