import asyncio
from datetime import UTC, datetime

from cloudtrail_processing.testing import ManualClock


def test_time_stands_still_until_it_is_advanced() -> None:
    clock = ManualClock(datetime(2026, 5, 1, tzinfo=UTC))
    assert clock.monotonic() == clock.monotonic() == 0
    clock.advance(90)
    assert clock.now() == datetime(2026, 5, 1, 0, 1, 30, tzinfo=UTC)


def test_a_sleeper_wakes_when_its_time_has_come_and_not_before() -> None:
    async def case() -> None:
        clock = ManualClock()
        sleeper = asyncio.ensure_future(clock.sleep(10))
        await clock.elapse(9.5)
        assert (sleeper.done(), clock.sleepers) == (False, 1)
        await clock.elapse(0.5)
        assert (sleeper.done(), clock.sleepers) == (True, 0)

    asyncio.run(case())


def test_loops_take_turns_while_time_elapses() -> None:
    async def case() -> None:
        clock, beats = ManualClock(), list[tuple[str, float]]()

        async def beat(name: str, every: float) -> None:
            while True:
                await clock.sleep(every)
                beats.append((name, clock.monotonic()))

        tasks = [asyncio.ensure_future(beat("two", 2)), asyncio.ensure_future(beat("three", 3))]
        await clock.elapse(6)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert sorted(beats, key=lambda beat: beat[1]) == beats
        assert sorted(beats) == [("three", 3), ("three", 6), ("two", 2), ("two", 4), ("two", 6)]
        assert clock.sleepers == 0

    asyncio.run(case())


def test_another_thread_may_advance_it() -> None:
    async def case() -> None:
        clock = ManualClock()
        sleeper = asyncio.ensure_future(clock.sleep(5))
        await asyncio.sleep(0)
        await asyncio.to_thread(clock.advance, 5)
        await sleeper
        assert clock.monotonic() == 5

    asyncio.run(case())
