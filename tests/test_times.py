"""Times are read as people write them, and a folder is left out only when no log of the time can lie in it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.times import TimeRange, days_of, moment

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
AT = "a/AWSLogs/111122223333/CloudTrail/eu-west-1/"
ALWAYS = (date.min, date.max)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 12:00:30+02:00", datetime(2026, 1, 31, 10, 0, 30, tzinfo=UTC)),
        ("90m", NOW - timedelta(minutes=90)),
        (" 2h ", NOW - timedelta(hours=2)),
        ("3 d", NOW - timedelta(days=3)),
        ("1w", NOW - timedelta(weeks=1)),
    ],
)
def test_a_time_is_read_as_it_is_written(text: str, time: datetime) -> None:
    assert moment(text, now=NOW) == time
    assert moment(text, now=NOW).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "h", "-2h", "2", "9" * 30 + "d", "2026-01-31T25:00"])
def test_what_is_no_time_is_refused_and_says_how_to_write_one(text: str) -> None:
    with pytest.raises(SettingsError, match=r"is no time: write 2026-01-31, 2026-01-31T12:00Z"):
        moment(text, now=NOW)


def test_a_range_has_both_its_ends_and_ends_now_by_itself() -> None:
    times = TimeRange.between("2h", None, now=NOW)
    assert NOW in times
    assert NOW - timedelta(hours=2) in times
    assert NOW - timedelta(hours=2, seconds=1) not in times
    assert NOW + timedelta(seconds=1) not in times


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(SettingsError, match="from 2026-02-02T00:00Z to 2026-02-01T00:00Z ends before it begins"):
        TimeRange.between("2026-02-02", "2026-02-01", now=NOW)


@pytest.mark.parametrize(
    ("folder", "days"),
    [
        ("AWSLogs/", ALWAYS),
        ("a/b/AWSLogs/o-abcdefghij/", ALWAYS),
        (AT, ALWAYS),
        (f"{AT}2024/", (date(2024, 1, 1), date(2024, 12, 31))),
        (f"{AT}2024/02/", (date(2024, 2, 1), date(2024, 2, 29))),
        (f"{AT}9999/12/", (date(9999, 12, 1), date.max)),
        (f"{AT}2024/02/03/", (date(2024, 2, 3), date(2024, 2, 3))),
        (f"{AT}2024/02/30/", None),
        (f"{AT}0000/", None),
        (f"{AT}2024/02/03/more/", None),
        ("AWSLogs/notes/", None),
        ("AWSLogs", None),
        ("", None),
    ],
)
def test_a_folder_tells_its_days(folder: str, days: tuple[date, date] | None) -> None:
    assert days_of(folder) == days


@given(time=st.datetimes(timezones=st.just(UTC)), before=st.timedeltas(timedelta(0), timedelta(days=99)))
def test_no_folder_above_a_log_of_the_range_is_left_out(time: datetime, before: timedelta) -> None:
    try:
        times = TimeRange(time - before, time)
    except OverflowError:
        return
    for folder in (f"{AT}{time:%Y}/", f"{AT}{time:%Y/%m}/", f"{AT}{time:%Y/%m/%d}/", AT):
        if (days := days_of(folder)) is not None:
            assert times.touches(days)


def test_a_folder_of_other_days_is_left_out_but_for_one_day_on_each_side() -> None:
    times = TimeRange(datetime(2026, 1, 10, 23, tzinfo=UTC), datetime(2026, 1, 11, 1, tzinfo=UTC))
    touched = [day for day in range(1, 32) if times.touches((date(2026, 1, day), date(2026, 1, day)))]
    assert touched == [9, 10, 11, 12]
