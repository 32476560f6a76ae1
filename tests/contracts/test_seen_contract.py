"""What every ``ports.SeenEvents`` does: in memory, in SQLite, in DynamoDB of the embedded AWS."""

from concurrent.futures import ThreadPoolExecutor

from contracts.ledgers import WINDOW, Ledger, shared

__all__ = ["shared"]


def test_what_was_remembered_by_one_worker_is_known_to_the_others(shared: Ledger) -> None:
    one, other = shared.memory(), shared.memory()
    assert one.unseen(["a", "b"]) == {"a", "b"}
    one.remember(["a"])
    one.remember(["a"])
    assert other.unseen(["a", "b", "a", "b"]) == {"b"}


def test_asking_remembers_nothing(shared: Ledger) -> None:
    memory = shared.memory()
    assert memory.unseen(["a"]) == memory.unseen(["a"]) == {"a"}


def test_it_forgets_when_the_window_is_over_and_not_before(shared: Ledger) -> None:
    memory = shared.memory()
    memory.remember(["a"])
    shared.time.at += WINDOW - 1
    assert memory.unseen(["a"]) == set()
    memory.remember(["b"])
    shared.time.at += 2
    assert memory.unseen(["a", "b"]) == {"a"}
    memory.remember(["c"])
    assert memory.unseen(["a", "b", "c"]) == {"a"}


def test_nothing_is_asked_and_remembered_without_harm(shared: Ledger) -> None:
    memory = shared.memory()
    memory.remember([])
    assert memory.unseen([]) == set()


def test_a_batch_may_be_larger_than_any_request(shared: Ledger) -> None:
    memory = shared.memory()
    keys = [f"{number:036}" for number in range(1_203)]
    memory.remember(keys[:601] + keys[:50])
    assert memory.unseen(keys) == set(keys[601:])


def test_any_text_can_be_remembered(shared: Ledger) -> None:
    memory = shared.memory()
    odd = ["", "é日", "a\x00b\n", "\ud800", "x" * 5_000, "x" * 5_001]
    memory.remember(odd[::2])
    assert memory.unseen(odd) == set(odd[1::2])


def test_many_threads_may_remember_at_once(shared: Ledger) -> None:
    memory = shared.memory()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: memory.remember([f"{number}-{each}" for each in range(20)]), range(12)))
    assert memory.unseen([f"{number}-{each}" for number in range(13) for each in range(20)]) == {
        f"12-{each}" for each in range(20)
    }
