import pytest

from cloudtrail_processing.errors import LogGone, TransientError
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.testing import Before, FakeLogStore, Fault, Faults, Flipped, ManualClock, Truncated

LOG = LogObject("trail", "a")


def _store(*plan: Fault) -> FakeLogStore:
    return FakeLogStore({("trail", "a"): b"abc", ("trail", "b"): b"b"}, faults=Faults(plan))


def test_spoilt_bodies_come_by_plan_and_the_stored_one_stays() -> None:
    store = _store(Truncated(2), Flipped(0), Flipped(-1), None)
    bodies = [store.fetch(LOG, limit=10).body for _ in range(5)]
    assert bodies == [b"ab", b"\x9ebc", b"ab\x9c", b"abc", b"abc"]


def test_planned_errors_are_raised_as_they_are() -> None:
    store = _store(TransientError("slow down"), LogGone("lag"))
    with pytest.raises(TransientError, match="slow down"):
        store.fetch(LOG, limit=10)
    with pytest.raises(LogGone, match="lag"):
        store.fetch(LOG, limit=10)
    assert store.fetched == [LOG, LOG]


def test_a_plan_may_be_kept_for_one_key() -> None:
    store = FakeLogStore({("trail", "a"): b"abc", ("trail", "b"): b"b"}, faults=Faults(b=[TransientError("b")]))
    assert store.fetch(LOG, limit=10).body == b"abc"
    with pytest.raises(TransientError, match="b"):
        store.fetch(LogObject("trail", "b"), limit=10)


def test_something_can_happen_before_a_fetch() -> None:
    clock = ManualClock()
    _store(Before(lambda: clock.advance(90))).fetch(LOG, limit=10)
    assert clock.monotonic() == 90
