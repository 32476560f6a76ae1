"""A process that dies is started again soon; one that keeps dying, ever later."""

from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.supervisor.restarts import FIRST, GOOD_LIFE, MOST, Restarts


def test_early_deaths_double_the_delay_up_to_a_minute() -> None:
    restarts = Restarts()
    assert [restarts.delay(born=0, died=1) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_life_of_a_minute_makes_the_next_death_the_first_again() -> None:
    restarts = Restarts()
    delays = [restarts.delay(born=100, died=100 + life) for life in (5, 5, 60, 59.9, 1)]
    assert delays == [1, 2, 1, 2, 4]


@given(st.lists(st.floats(0, 10**6), min_size=1, max_size=100))
def test_whatever_the_lives_the_delay_stays_within_its_bounds_and_a_good_life_pays(lives: list[float]) -> None:
    restarts = Restarts()
    delays = [restarts.delay(born=7, died=7 + life) for life in lives]
    assert all(FIRST <= delay <= MOST for delay in delays)
    assert restarts.deaths <= len(lives)
    assert restarts.delay(born=0, died=GOOD_LIFE) == FIRST
