"""What every ``ports.Ledger`` does: in memory, in SQLite, in DynamoDB of the embedded AWS."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from contracts.ledgers import KEEP_DAYS, Ledger, shared

from cloudtrail_processing.ports import Entry

__all__ = ["shared"]


def put(text: str, of: str = "") -> Entry:
    return Entry(text, of)


def test_what_one_worker_noted_is_known_to_the_others(shared: Ledger) -> None:
    one, other = shared.notes(), shared.notes()
    assert one.change("log", lambda old: put("seen" if old is None else "twice")) == put("seen")
    assert other.read(["log", "unknown"]) == {"log": put("seen")}
    assert other.change("log", lambda old: put(f"{old.text if old else ''}, listed", "open")).text == "seen, listed"
    assert one.read(["log"]) == {"log": put("seen, listed", "open")}


def test_a_list_holds_what_was_put_into_it_until_it_is_put_elsewhere(shared: Ledger) -> None:
    notes = shared.notes()
    for name in ("a", "b", "c"):
        notes.change(name, lambda _: put("x", "chain"))
    notes.change("d", lambda _: put("x", "other"))
    notes.change("b", lambda _: put("x"))
    notes.change("c", lambda _: put("y", "other"))
    assert list(shared.notes().listed("chain").values()) == [put("x", "chain")]
    assert len(notes.listed("other")) == 2
    assert notes.listed("nobody's") == {}


def test_an_entry_is_forgotten_when_it_was_untouched_for_too_long_and_not_before(shared: Ledger) -> None:
    notes = shared.notes()
    notes.change("old", lambda _: put("x", "chain"))
    notes.change("young", lambda _: put("x", "chain"))
    shared.time.at += KEEP_DAYS * 86_400 - 10
    notes.change("young", lambda _: put("y", "chain"))
    assert set(notes.read(["old", "young"])) == {"old", "young"}
    shared.time.at += 20
    assert set(notes.read(["old", "young"])) == {"young"}
    assert [entry.text for entry in notes.listed("chain").values()] == ["y"]
    assert notes.change("old", lambda old: put("again" if old is None else "still")).text == "again"


def test_a_change_that_changes_nothing_is_none(shared: Ledger) -> None:
    notes = shared.notes()
    notes.change("log", lambda _: put("x"))
    assert notes.change("log", lambda old: old or put("never")) == put("x")


@pytest.mark.parametrize("durable", [True, False])
def test_of_many_who_change_an_entry_at_once_none_is_overheard(shared: Ledger, durable: bool) -> None:
    workers = [shared.notes() for _ in range(2)]

    def add(number: int) -> None:
        def change(old: Entry | None) -> Entry:
            return put(" ".join([*(old.text.split() if old else ()), str(number)]), "chain")

        workers[number % 2].change("log", change, durable=durable)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(12)))
    assert sorted(map(int, workers[0].read(["log"])["log"].text.split())) == list(range(12))


@pytest.mark.parametrize("name", ["s3://trail/é日 +%23#?|", "a\nb\x00", "k?\ud800", "日" * 3_000])
def test_any_name_will_do(shared: Ledger, name: str) -> None:
    notes = shared.notes()
    notes.change(name, lambda _: put("x", "chain"))
    assert notes.read([name, name + "x"]) == {name: put("x", "chain")}


def test_more_names_may_be_read_than_one_request_takes(shared: Ledger) -> None:
    notes = shared.notes()
    for number in range(0, 620, 10):
        notes.change(str(number), lambda _: put("x"))
    assert len(notes.read([str(number) for number in range(620)])) == 62
    assert notes.read([]) == {}


def test_an_error_in_a_change_changes_nothing(shared: Ledger) -> None:
    notes = shared.notes()

    def fail(_: Entry | None) -> Entry:
        raise LookupError("in the middle")

    notes.change("log", lambda _: put("x"))
    with pytest.raises(LookupError):
        notes.change("log", fail)
    assert notes.change("log", lambda old: put(old.text + "y" if old else "")).text == "xy"


def test_closing_may_be_repeated_and_loses_nothing(shared: Ledger) -> None:
    notes = shared.notes()
    notes.change("log", lambda _: put("x", "chain"), durable=True)
    notes.close()
    notes.close()
    assert shared.notes().read(["log"]) == {"log": put("x", "chain")}
