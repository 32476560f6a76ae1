"""A worker to which nothing works leaves its queue alone, says so once, and goes on by itself."""

import asyncio
import itertools
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from bench import PACE, Bench, Inline, finished, key_of, log_of, run_for

from cloudtrail_processing.circuit import Circuit
from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    CredentialsError,
    TransientError,
)
from cloudtrail_processing.flow import Failed, FetchedLog, Handled, LogObject, Processed, QueueMessage
from cloudtrail_processing.health import Health, HealthState
from cloudtrail_processing.retry import DENIED, Backoff
from cloudtrail_processing.testing import FakeLogStore, Faults, ManualClock
from cloudtrail_processing.testing.generator import messages
from cloudtrail_processing.worker import Worker

HOUR = 3600
SLOW = replace(PACE, wait_time=20, visibility_timeout=3600, pollers=2, threads=10, give_back=DENIED)
"""A pace for simulated hours: few polls, and few looks at leases."""
EXPIRED = "reading failed: ExpiredToken; renew the credentials"
KMS = "reading failed: KMS.DisabledException; enable the KMS key"
REGION = "reading failed: PermanentRedirect; set the region"


class Guarded(FakeLogStore):
    """A store whose buckets fail as ``denied`` says, None being all of them; ``asked`` are those fetches, and when."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.denied: dict[str | None, Callable[[], CloudTrailProcessingError]] = {}
        self.asked: list[tuple[float, LogObject]] = []
        self._clock = clock

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        if error := self.denied.get(None) or self.denied.get(log.bucket):
            self.asked.append((self._clock.monotonic(), log))
            raise error()
        return super().fetch(log, limit=limit)


class Rig(Bench):
    """A bench with a guarded store, and messages about several buckets."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.guarded = self.store = Guarded(self.clock)
        self.names = itertools.count(1)

    def send(self, bucket: str, count: int = 1, *, group: str | None = None) -> list[str]:
        """Messages about one log each; returns their ids."""
        return [self._send(bucket, f"{bucket}{next(self.names)}", group) for _ in range(count)]

    def _send(self, bucket: str, name: str, group: str | None) -> str:
        log = self.store.put(bucket, key_of(name), log_of(name))
        return self.queue.send(messages.s3_event(log), group=group)

    def fail(
        self, bucket: str | None, kind: type[CloudTrailProcessingError] = ConfigurationError, why: str = ""
    ) -> None:
        self.guarded.denied[bucket] = lambda: kind(why or "reading failed: AccessDenied; allow s3:GetObject")

    def receives(self, ids: Iterable[str], *, after: float = -1) -> Counter[str]:
        """How often each of these messages was received."""
        wanted = set(ids)
        found = [it.message_id for it in self.queue.history if it.what == "received" and it.at > after]
        return Counter(name for name in found if name in wanted)

    def deleted(self) -> set[str]:
        return {it.message_id for it in self.queue.history if it.what == "deleted"}


async def _pass(clock: ManualClock, seconds: float) -> None:
    """Let time pass, in steps that leave a queue full of messages enough turns of the loop."""
    for _ in range(int(seconds / 5)):
        await clock.elapse(5)
    await clock.elapse(seconds % 5)


Step = Callable[[], Any] | float


async def _running(rig: Rig, worker: Worker, *steps: Step, stop_within: float = 30) -> None:
    """Run the worker: a number is seconds that pass, anything else is called."""
    running = asyncio.ensure_future(worker.run())
    try:
        for step in steps:
            if callable(step):
                step()
            else:
                await _pass(rig.clock, step)
            assert not running.done()
    finally:
        worker.stop()
        await finished(running, rig.clock, within=stop_within)


# ── everything fails ──


@pytest.mark.parametrize("fifo", [False, True])
def test_without_credentials_nothing_is_received_and_with_them_all_goes_on(fifo: bool) -> None:
    rig = Rig(pace=SLOW, fifo=fifo)
    groups = itertools.cycle("abcdefgh")
    ids = [name for _ in range(100) for name in rig.send("trail", group=next(groups))]
    worker = rig.worker()
    rig.fail(None, CredentialsError, EXPIRED)

    def paused() -> None:
        assert sum(rig.receives(ids).values()) <= 20, "what was received before it opened"
        assert not rig.receives(ids, after=60)
        assert set(rig.receives(ids).values()) == {1}
        assert worker.health.state is HealthState.PAUSED
        assert "ExpiredToken; renew the credentials" in worker.health.why

    asyncio.run(_running(rig, worker, 3 * HOUR, paused, rig.guarded.denied.clear, HOUR))
    assert rig.deleted() == set(ids)


@pytest.mark.parametrize("why", [KMS, REGION])
def test_when_the_only_bucket_is_denied_hardly_a_message_is_touched(why: str) -> None:
    """A few are looked at, ever more rarely, because they might name another bucket."""
    rig = Rig(pace=SLOW)
    ids = rig.send("trail", 400)
    worker = rig.worker()
    rig.fail("trail", why=why)

    def paused() -> None:
        assert len(rig.receives(ids)) < 100
        assert max(rig.receives(ids).values()) <= 3
        assert worker.health.state is HealthState.PAUSED
        assert why in worker.health.why

    asyncio.run(_running(rig, worker, HOUR, paused, rig.guarded.denied.clear, 7 * HOUR))
    assert rig.deleted() == set(ids)


def test_a_small_queue_outlives_a_denied_day_without_a_dead_letter() -> None:
    rig = Rig(pace=SLOW, max_receive_count=5)
    ids = rig.send("trail", 6)
    rig.fail("trail")
    asyncio.run(_running(rig, rig.worker(), 24 * HOUR, rig.guarded.denied.clear, 7 * HOUR))
    assert not rig.queue.dead_letters
    assert rig.deleted() == set(ids)


def test_most_work_goes_on_within_minutes_of_the_repair() -> None:
    rig = Rig(pace=SLOW)
    ids = rig.send("trail", 100)
    rig.fail("trail")

    def soon() -> None:
        assert len(rig.deleted()) >= 40, "all that nobody had touched, and it was most of them"

    asyncio.run(_running(rig, rig.worker(), 10 * 60, rig.guarded.denied.clear, 6 * 60, soon))
    assert rig.deleted() <= set(ids)


def test_the_delay_between_probes_grows_to_five_minutes_and_one_asks_at_a_time() -> None:
    rig = Rig(pace=SLOW)
    rig.send("trail", 30)
    rig.fail(None, CredentialsError)
    asyncio.run(_running(rig, rig.worker(), 2 * HOUR))
    probes = [at for at, _ in rig.guarded.asked if at > 1]
    gaps = [later - earlier for earlier, later in itertools.pairwise(probes)]
    assert 2.5 <= probes[0] <= 6
    assert gaps[0] <= 10 <= gaps[2]
    assert all(150 <= gap <= 300 for gap in gaps[6:])
    assert len(set(gaps[6:])) > 3, "they are jittered"


def test_it_is_said_once_when_it_begins_and_once_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(pace=SLOW)
    rig.send("trail", 50)
    rig.fail(None, CredentialsError, EXPIRED)
    with caplog.at_level(logging.INFO, logger="cloudtrail_processing.circuit"):
        asyncio.run(_running(rig, rig.worker(), HOUR, rig.guarded.denied.clear, HOUR))
    told = [it for it in caplog.records if it.name == "cloudtrail_processing.circuit" and "asked for" not in it.message]
    assert [it.levelname for it in told] == ["ERROR", "INFO"]
    assert "ExpiredToken; renew the credentials" in told[0].message


def test_health_tells_the_state_its_beginning_and_what_to_do() -> None:
    rig = Rig(pace=SLOW)
    rig.send("trail", 50)
    worker = rig.worker()
    seen = []

    def look() -> None:
        seen.append((worker.health.state, worker.health.since, bool(worker.health.why)))

    start = rig.clock.now()
    rig.fail(None, CredentialsError)
    assert worker.health.state is HealthState.OK
    asyncio.run(_running(rig, worker, HOUR, look, rig.guarded.denied.clear, HOUR, look))
    look()
    assert [state for state, _, _ in seen] == [HealthState.PAUSED, HealthState.OK, HealthState.STOPPING]
    assert [why for _, _, why in seen] == [True, False, False]
    since = [at for _, at, _ in seen]
    assert start <= since[0] < since[1] < since[2]
    assert (since[0] - start).total_seconds() < 60


def test_a_queue_that_cannot_be_polled_shows_in_the_health_and_is_polled_all_the_same() -> None:
    rig = Rig(pace=SLOW, faults=Faults(receive=[ConfigurationError("AccessDenied: sqs:ReceiveMessage")] * 12))
    ids = rig.send("trail", 3)
    worker = rig.worker()

    def failing() -> None:
        assert worker.health.state is HealthState.FAILING
        assert "AccessDenied: sqs:ReceiveMessage" in worker.health.why

    asyncio.run(_running(rig, worker, 20, failing, 600, lambda: worker.health.why == ""))
    assert rig.deleted() == set(ids)


def test_with_an_idle_queue_a_probe_that_goes_well_is_enough_to_be_well_again() -> None:
    rig = Rig(pace=replace(SLOW, give_back=Backoff(first=7 * HOUR, cap=7 * HOUR)))
    rig.send("trail", 6)
    worker = rig.worker()
    rig.fail(None, CredentialsError, EXPIRED)
    seen: list[Health] = []
    steps: list[Step] = [
        600,
        lambda: seen.append(worker.health),
        rig.guarded.denied.clear,
        600,
        lambda: seen.append(worker.health),
    ]
    asyncio.run(_running(rig, worker, *steps))
    assert [health.state for health in seen] == [HealthState.PAUSED, HealthState.OK]
    assert seen[0].since < seen[1].since
    assert "nothing worked" not in seen[1].why
    assert not rig.deleted(), "no message has come to tell"


# ── stopping ──


def test_a_paused_worker_stops_at_once() -> None:
    rig = Rig(pace=SLOW)
    rig.send("trail", 50)
    rig.fail(None, CredentialsError)
    asyncio.run(_running(rig, rig.worker(), HOUR, stop_within=0.5))
    assert rig.queue.messages_left == 50


@pytest.mark.parametrize("bucket", [None, "trail"])
def test_a_drain_that_cannot_do_anything_ends_with_the_error(bucket: str | None) -> None:
    rig = Rig(pace=SLOW)
    rig.send("trail", 50)
    rig.fail(bucket, CredentialsError if bucket is None else ConfigurationError, KMS)
    with pytest.raises(ConfigurationError, match="enable the KMS key"):
        asyncio.run(finished(rig.worker().drain(), rig.clock, within=120))
    assert rig.queue.messages_left == 50


def test_a_drain_survives_credentials_that_return_in_time() -> None:
    rig = Rig()
    ids = rig.send("trail", 30)
    rig.fail(None, CredentialsError)

    async def case() -> None:
        draining = asyncio.ensure_future(rig.worker().drain(patience=60))
        await rig.clock.elapse(2)
        rig.guarded.denied.clear()
        await finished(draining, rig.clock)

    asyncio.run(case())
    assert rig.deleted() == set(ids)


# ── one bucket among many ──


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_forbidden_bucket_neither_stops_the_others_nor_burns_through_its_own_messages(
    share: float, seed: int
) -> None:
    rig = Rig(pace=replace(SLOW, give_back=PACE.give_back))
    chosen = random.Random(seed)
    buckets = ["forbidden" if chosen.random() < share else chosen.choice(["good1", "good2"]) for _ in range(150)]
    sent = {name: bucket for bucket in buckets for name in rig.send(bucket)}
    forbidden = {name for name, bucket in sent.items() if bucket == "forbidden"}
    rig.fail("forbidden")

    late: list[str] = []
    worker = rig.worker()

    def all_good_ones_are_through() -> None:
        assert rig.deleted() == (sent.keys() - forbidden) | set(late)
        assert worker.health.state is HealthState.OK

    steps: list[Step] = [600, all_good_ones_are_through, 3 * HOUR, lambda: late.extend(rig.send("good2", 5))]
    steps += [600, all_good_ones_are_through, 3 * HOUR - 1200]
    asyncio.run(_running(rig, worker, *steps))
    assert max(rig.receives(forbidden).values()) < 5
    assert len(rig.guarded.asked) < 130, "a blocked bucket is hardly asked for"


def test_a_bucket_that_is_left_alone_is_named_and_freed_when_it_works_again(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(pace=replace(SLOW, denied=PACE.give_back))
    rig.fail("bad")
    worker = rig.worker()

    def named() -> None:
        assert worker.health.state is HealthState.OK
        assert worker.health.why.startswith("bucket bad is left alone: reading failed: AccessDenied")

    async def case() -> None:
        rig.send("good", 20)
        await _running(rig, worker, 5, lambda: rig.send("bad", 20), 600, named, rig.guarded.denied.clear, 2000, healthy)

    def healthy() -> None:
        assert worker.health.why == ""

    with caplog.at_level(logging.INFO, logger="cloudtrail_processing.circuit"):
        asyncio.run(case())
    assert len(rig.deleted()) == 40
    told = [it for it in caplog.records if it.name == "cloudtrail_processing.circuit" and "asked for" not in it.message]
    assert [it.levelname for it in told] == ["WARNING", "INFO"]
    assert "bucket bad is left alone" in told[0].message


# ── the circuit by itself ──


class Probes:
    """Answers probes from a list, each in a thread; notes what was asked."""

    def __init__(self, *answers: CloudTrailProcessingError | Exception | None) -> None:
        self._answers = iter(answers)
        self.asked: list[LogObject] = []

    def __call__(self, log: LogObject, *, keep_going: Callable[[], None]) -> CloudTrailProcessingError | None:
        self.asked.append(log)
        answer = next(self._answers, None)
        if answer is None or isinstance(answer, CloudTrailProcessingError):
            return answer
        raise answer


def _denied(number: int = 0) -> Handled:
    log = LogObject("trail", f"key{number}")
    return Handled(QueueMessage("m", "", "r"), 1, (Failed(log, CredentialsError("gone")),))


def _done() -> Handled:
    return Handled(QueueMessage("m", "", "r"), 1, (Processed(LogObject("trail", "key"), 1, 1, 0),))


def test_the_log_that_failed_last_is_asked_for_and_a_bug_in_asking_is_no_end() -> None:
    rig = Rig()
    probes = Probes(TransientError("slow"), RuntimeError("a bug"), None)

    async def case() -> None:
        circuit = Circuit(rig.clock)
        running = asyncio.ensure_future(circuit.run(probes, pool=Inline(), stopping=asyncio.Event()))
        for number in range(5):
            circuit.observe(_denied(number))
        assert circuit.is_open
        await rig.clock.elapse(60)
        assert (circuit.admit(10), circuit.admit(10)) == (1, 0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(case())
    assert [log.key for log in probes.asked] == ["key4"] * 3


def test_whoever_waits_at_the_gate_is_woken_by_every_change() -> None:
    rig = Rig()

    async def case() -> None:
        circuit = Circuit(rig.clock)
        for number in range(5):
            circuit.observe(_denied(number))
        waiting = asyncio.ensure_future(circuit.changed())
        running = asyncio.ensure_future(circuit.run(Probes(), pool=Inline(), stopping=asyncio.Event()))
        await rig.clock.elapse(1)
        assert not waiting.done()
        await rig.clock.elapse(6)
        assert waiting.done()
        assert circuit.admit(10) == 1
        again = asyncio.ensure_future(circuit.changed())
        await asyncio.sleep(0)
        circuit.received(0)
        await again
        assert circuit.admit(10) == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(case())


def test_a_message_that_hangs_after_the_pause_holds_up_the_others_only_for_a_while() -> None:
    """Whoever waits at the gate is woken when the next one may go, without being kept busy until then or afterwards."""
    rig = Rig()

    async def case() -> None:
        circuit = Circuit(rig.clock)
        for number in range(5):
            circuit.observe(_denied(number))
        running = asyncio.ensure_future(circuit.run(Probes(), pool=Inline(), stopping=asyncio.Event()))
        await rig.clock.elapse(6)
        for patience in (6, 11):
            assert circuit.admit(10) == 1
            circuit.received(1)
            waiting = asyncio.ensure_future(circuit.changed())
            await rig.clock.elapse(patience / 2 - 1)
            assert (waiting.done(), circuit.admit(10)) == (False, 0)
            await rig.clock.elapse(patience / 2 + 1)
            assert waiting.done()
        await rig.clock.elapse(1000)
        assert circuit.admit(10) == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(case())


def test_a_change_is_not_missed_that_comes_before_the_first_moment_of_waiting() -> None:
    """Whoever is told to wait waits from then on, not from the loop's next round: a probe may end in between."""
    rig = Rig()

    async def case() -> None:
        circuit = Circuit(rig.clock)
        for number in range(5):
            circuit.observe(_denied(number))
        assert circuit.admit(10) == 0
        waiting = circuit.changed()
        circuit.observe(_done())
        await asyncio.wait_for(waiting, 1)
        assert circuit.admit(10) == 1

    asyncio.run(case())


def test_all_is_well_as_long_as_nothing_fails() -> None:
    rig = Rig()
    rig.send("trail", 20)
    worker = rig.worker()
    asyncio.run(run_for(worker, rig.clock, 30))
    assert worker.health.state is HealthState.STOPPING
    assert len(rig.deleted()) == 20
