"""With a checkpoint nothing that was written down is delivered again, and nothing that was not is left out."""

import itertools
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path
from typing import Any

import pytest
from collecting import Collecting, Filter, Keeping, Sink, ids, log_body, record

from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint, MemorySeen
from cloudtrail_processing.delivery import Delivered, Delivery, Holds, Job, Lane, never_stop
from cloudtrail_processing.errors import (
    Claimed,
    ClaimLost,
    ConfigurationError,
    LeaseLost,
    ProcessorError,
    RejectedRecords,
    Stopped,
    TransientError,
)
from cloudtrail_processing.filters import event_filter
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.logfile import split
from cloudtrail_processing.ports import Claim
from cloudtrail_processing.usercode import UserCode

LOG = LogObject("trail", "AWSLogs/log.json.gz", etag="e")


class Ledger(MemoryCheckpoint):
    """A checkpoint that notes what it was asked, and fails by plan: ``Ledger({"advance": [None, OSError()]})``."""

    def __init__(
        self,
        faults: Mapping[str, Sequence[BaseException | None]] | None = None,
        *,
        now: Callable[[], float] = float,
    ) -> None:
        super().__init__(claim_time=10, now=now)
        self._faults = {name: iter(plan) for name, plan in (faults or {}).items()}
        self.asked: list[tuple[str, int]] = []

    def claim(self, log: str, *, processor: str) -> Claim:
        self._fail("claim")
        return super().claim(log, processor=processor)

    def advance(self, claim: Claim, next_index: int) -> None:
        self._fail("advance", next_index)
        super().advance(claim, next_index)

    def finish(self, claim: Claim) -> None:
        self._fail("finish")
        super().finish(claim)

    def release(self, claim: Claim) -> None:
        self._fail("release")
        super().release(claim)

    def _fail(self, name: str, index: int = 0) -> None:
        self.asked.append((name, index))
        if error := next(self._faults.get(name, iter(())), None):
            raise error


class Stream:
    """Logs delivered again and again by one process, until ``crash`` makes it another one."""

    def __init__(self, *processors: Collecting, checkpoint: MemoryCheckpoint, **options: Any) -> None:
        self._processors = processors
        self._checkpoint = checkpoint
        self._options = {"batch_size": 10, **options}
        self.lane: dict[str, Any] = {}
        self.crash()

    def crash(self) -> None:
        """Forget all that only lived in the process."""
        self.user_code = UserCode()
        self.holds = Holds(renew_every=1000, patience=0.001, pause=lambda _: None)

    def job(self, log: LogObject = LOG, keep_going: Callable[[], None] = never_stop) -> Job:
        lanes = [
            Lane(it, it.filter and event_filter(it.filter), self._checkpoint, **self.lane) for it in self._processors
        ]
        delivery = Delivery(lanes, user_code=self.user_code, holds=self.holds, **self._options)
        return delivery.begin(log, keep_going=keep_going)

    def deliver(self, body: bytes, **how: Any) -> Delivered | None:
        """What one delivery came to; None when the checkpoint says that the log was settled."""
        job = self.job(**how)
        try:
            job.claim(job.log)
            return job.run(split(body)) if job.is_needed else None
        finally:
            job.end()


def body_of(count: int, *, bad: Sequence[int] = ()) -> bytes:
    return log_body([b"null" if n in bad else record(n) for n in range(count)])


def error_of(delivered: Delivered | None) -> BaseException:
    assert delivered is not None
    (failure,) = delivered.failures
    return failure.error


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_a_log_whose_processor_failed_is_resumed_after_the_last_good_batch(ledger: Ledger) -> None:
    processor = Collecting(None, None, ValueError("third batch"))
    stream = Stream(processor, checkpoint=ledger)
    assert isinstance(error_of(stream.deliver(body_of(45))), ProcessorError)
    again = stream.deliver(body_of(45))
    assert again is not None
    assert (again.delivered, again.filtered, again.failures) == (25, 0, ())
    assert processor.ids == ids(range(45))
    assert stream.deliver(body_of(45)) is None


def test_batches_of_a_resumed_log_have_the_ids_that_they_had_before(ledger: Ledger) -> None:
    whole, resumed = Collecting(), Collecting(None, ValueError())
    Stream(whole, checkpoint=Ledger()).deliver(body_of(45))
    stream = Stream(resumed, checkpoint=ledger)
    stream.deliver(body_of(45))
    stream.deliver(body_of(45))
    assert [batch.id for batch in resumed.batches] == [batch.id for batch in whole.batches]


def test_of_two_processors_only_the_one_that_failed_sees_the_log_again(ledger: Ledger) -> None:
    good, bad = Collecting(), Sink(None, ValueError())
    stream = Stream(good, bad, checkpoint=ledger)
    stream.deliver(body_of(30))
    stream.deliver(body_of(30))
    assert good.ids == bad.ids == ids(range(30))


def test_a_bad_record_that_nobody_kept_fails_the_log_again_though_its_neighbours_are_not_repeated(
    ledger: Ledger,
) -> None:
    processor = Collecting()
    stream = Stream(processor, checkpoint=ledger)
    for _ in range(3):
        assert isinstance(error_of(stream.deliver(body_of(30, bad=[3]))), RejectedRecords)
    assert processor.ids == ids(n for n in range(30) if n != 3)


def test_a_quarantine_that_comes_later_still_gets_the_bad_record(ledger: Ledger) -> None:
    processor, quarantine = Collecting(), Keeping()
    Stream(processor, checkpoint=ledger).deliver(body_of(30, bad=[3]))
    assert Stream(processor, checkpoint=ledger, quarantine=quarantine).deliver(body_of(30, bad=[3])) is not None
    assert [kept.index for kept in quarantine.kept] == [3]
    assert Stream(processor, checkpoint=ledger, quarantine=quarantine).deliver(body_of(30, bad=[3])) is None


def test_a_quarantine_that_fails_leaves_the_log_unfinished(ledger: Ledger) -> None:
    processor, quarantine = Collecting(), Keeping(ConfigurationError("full"))
    stream = Stream(processor, checkpoint=ledger, quarantine=quarantine)
    assert isinstance(error_of(stream.deliver(body_of(5, bad=[3]))), ConfigurationError)
    assert stream.deliver(body_of(5, bad=[3])) is not None
    assert [kept.index for kept in quarantine.kept] == [3]
    assert processor.ids == ids([0, 1, 2, 4])


def test_a_log_in_other_hands_is_left_alone_and_said_to_be_claimed(ledger: Ledger) -> None:
    processor = Collecting()
    stream = Stream(processor, checkpoint=ledger)
    mine = stream.job()
    mine.claim(LOG)
    job = stream.job()
    job.claim(LOG)
    assert not job.is_needed
    assert [type(failure.error) for failure in job.failures] == [Claimed]
    job.end()
    mine.end()
    assert stream.deliver(body_of(5)) is not None


def test_a_failed_pass_gives_its_claim_up_at_once(ledger: Ledger) -> None:
    Stream(Collecting(ValueError()), checkpoint=ledger).deliver(body_of(5))
    other = Collecting()
    assert Stream(other, checkpoint=ledger).deliver(body_of(5)) is not None
    assert other.ids == ids(range(5))


def test_a_worker_that_was_overtaken_stops_before_its_next_batch() -> None:
    time = itertools.count(0, 1000)
    ledger = Ledger(now=lambda: float(next(time)))

    class Overtaken(Collecting):
        def process(self, batch: Any) -> None:
            super().process(batch)
            ledger.claim(LOG.id, processor=Lane(self).key)

    processor = Overtaken()
    assert isinstance(error_of(Stream(processor, checkpoint=ledger).deliver(body_of(30))), ClaimLost)
    assert processor.calls == 1


@pytest.mark.parametrize("why", [Stopped("stop"), LeaseLost("lost")])
def test_a_batch_that_was_delivered_is_written_down_though_the_work_must_end(
    ledger: Ledger, why: BaseException
) -> None:
    reasons: list[BaseException] = []

    def keep_going() -> None:
        if reasons:
            raise reasons[0]

    class Interrupted(Collecting):
        def process(self, batch: Any) -> None:
            super().process(batch)
            reasons.append(why)

    processor = Interrupted()
    stream = Stream(processor, checkpoint=ledger)
    assert type(error_of(stream.deliver(body_of(30), keep_going=keep_going))) is type(why)
    reasons.clear()
    Stream(rest := Interrupted(), checkpoint=ledger).deliver(body_of(30))
    assert rest.batches[0].first_index == 10


@pytest.mark.parametrize("error", [TransientError("busy"), ConfigurationError("the disk is full")])
def test_what_cannot_be_written_down_now_is_written_a_moment_later(error: BaseException) -> None:
    processor = Collecting()
    ledger = Ledger({"advance": [None, error, error]})
    stream = Stream(processor, checkpoint=ledger)
    stream.holds = Holds(renew_every=1000, pause=lambda _: None)
    delivered = stream.deliver(body_of(30))
    assert delivered is not None
    assert delivered.failures == ()
    assert processor.ids == ids(range(30))


def test_what_could_not_be_written_down_is_not_delivered_again_by_the_same_process() -> None:
    processor = Collecting()
    stream = Stream(processor, checkpoint=Ledger({"advance": [None, *[ConfigurationError("the disk is full")] * 2000]}))
    assert isinstance(error_of(stream.deliver(body_of(30))), ConfigurationError)
    stream.deliver(body_of(30))
    assert processor.ids == ids(range(30))


def test_another_version_of_a_log_has_a_history_of_its_own(ledger: Ledger) -> None:
    processor = Collecting()
    stream = Stream(processor, checkpoint=ledger)
    for etag in ("e", "f", "f"):
        stream.deliver(body_of(5), log=LogObject("trail", "AWSLogs/log.json.gz", etag=etag))
    assert processor.ids == ids(range(5)) * 2


def test_where_versioning_was_suspended_the_etag_tells_two_versions_apart() -> None:
    first, second = (LogObject("b", "k", version_id="null", etag=etag) for etag in ("1", "2"))
    assert first.id != second.id


@pytest.mark.parametrize("operation", ["claim", "advance", "finish"])
def test_a_checkpoint_that_raises_nonsense_fails_the_log_and_loses_nothing(operation: str) -> None:
    processor = Collecting()
    stream = Stream(processor, checkpoint=Ledger({operation: [OSError("odd")]}))
    job = stream.job()
    job.claim(LOG)
    delivered = job.run(split(body_of(5)))
    assert isinstance(error_of(delivered), ProcessorError)
    job.end()
    stream.deliver(body_of(5))
    assert set(processor.ids) == set(ids(range(5)))


def test_a_claim_that_cannot_be_given_up_is_no_failure() -> None:
    processor = Collecting(ValueError())
    assert isinstance(
        error_of(Stream(processor, checkpoint=Ledger({"release": [OSError()]})).deliver(body_of(5))), ProcessorError
    )


def test_a_lane_that_wants_nothing_of_a_log_claims_nothing(ledger: Ledger) -> None:
    stream = Stream(Collecting(wants=Filter(log=lambda _: False)), checkpoint=ledger)
    job = stream.job()
    job.claim(LOG)
    assert not job.is_wanted
    assert ledger.asked == []


def test_the_claim_of_a_slow_batch_is_renewed_until_it_is_over() -> None:
    ledger = Ledger()
    renewed: list[bool] = []

    class Slow(Collecting):
        def process(self, batch: Any) -> None:
            super().process(batch)
            before = len(ledger.asked)
            wait(stream.holds.renew())
            renewed.append(len(ledger.asked) > before)

    stream = Stream(Slow(), checkpoint=ledger)
    stream.deliver(body_of(20))
    assert renewed == [True, True]
    before = len(ledger.asked)
    wait(stream.holds.renew())
    assert len(ledger.asked) == before


@pytest.mark.parametrize("seed", range(60))
def test_a_crash_at_any_moment_repeats_at_most_one_batch_and_loses_nothing(seed: int) -> None:
    dice = random.Random(seed)
    count, size = dice.randint(1, 60), dice.randint(1, 12)
    crashes = 0

    class Deadly(Ledger):
        def _fail(self, name: str, index: int = 0) -> None:
            nonlocal crashes
            super()._fail(name, index)
            if name != "release" and dice.random() < 0.15:
                crashes += 1
                raise KeyboardInterrupt  # the one thing that nobody catches: as good as a kill

    time = 0.0
    processor = Collecting()
    stream = Stream(processor, checkpoint=Deadly(now=lambda: time), batch_size=size)
    body = body_of(count)
    for _ in range(500):
        time += 11  # claims of the dead end by time
        stream.crash()
        try:
            if stream.deliver(body) is None:
                break
        except KeyboardInterrupt:
            continue
    else:
        raise AssertionError("it never came to an end")
    assert set(processor.ids) == set(ids(range(count)))
    assert len(processor.ids) - count <= crashes * size


def test_copies_of_an_event_in_other_logs_are_delivered_once(ledger: Ledger) -> None:
    processor = Collecting()
    stream = Stream(processor, checkpoint=ledger)
    stream.lane = {"seen": MemorySeen(3600)}
    stream.deliver(body_of(20))
    other = stream.deliver(body_of(25), log=LogObject("trail", "other.json.gz", etag="e"))
    assert other is not None
    assert (other.delivered, other.duplicates, other.failures) == (5, 20, ())
    assert processor.ids == ids(range(25))


def test_a_copy_in_the_same_batch_is_one_too_many(ledger: Ledger) -> None:
    processor = Collecting()
    stream = Stream(processor, checkpoint=ledger)
    stream.lane = {"seen": MemorySeen(3600)}
    delivered = stream.deliver(log_body([record(1), record(2), record(1)]))
    assert delivered is not None
    assert (delivered.delivered, delivered.duplicates) == (2, 1)
    assert processor.ids == ids([1, 2])


def test_an_event_with_a_known_id_and_another_content_is_delivered(ledger: Ledger) -> None:
    """Whoever can forge a record must not be able to hide the real one."""
    processor = Collecting()
    stream = Stream(processor, checkpoint=ledger)
    stream.lane = {"seen": MemorySeen(3600)}
    stream.deliver(log_body([record(1, eventName="Forged"), record(1, eventName="Real"), {"eventVersion": "1.08"}] * 2))
    assert [event.event_name for batch in processor.batches for event in batch] == ["Forged", "Real", "", ""]


def test_events_count_as_delivered_only_after_they_were(ledger: Ledger) -> None:
    processor = Collecting(ValueError())
    stream = Stream(processor, checkpoint=ledger)
    stream.lane = {"seen": MemorySeen(3600)}
    stream.deliver(body_of(5))
    stream.deliver(body_of(5))
    assert processor.ids == ids(range(5))


def test_each_processor_remembers_its_own_events(ledger: Ledger) -> None:
    first, second = Collecting(), Sink(ValueError())
    stream = Stream(first, second, checkpoint=ledger)
    stream.lane = {"seen": MemorySeen(3600)}
    stream.deliver(body_of(5))
    stream.deliver(body_of(5))
    assert first.ids == second.ids == ids(range(5))


def test_a_processor_has_one_name_for_checkpoints_however_it_was_started(tmp_path: Path) -> None:
    (tmp_path / "alerts.py").write_text(
        "from cloudtrail_processing import EventProcessor\n"
        "from cloudtrail_processing.delivery import Lane\n"
        "class Mine(EventProcessor): ...\n"
        "print(Lane(Mine()).key)\n",
        encoding="utf-8",
    )
    for start in (["alerts.py"], ["-m", "alerts"], ["-c", "import alerts"]):
        done = subprocess.run([sys.executable, *start], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == "alerts:Mine\n"


def test_what_a_processor_finds_out_of_its_lost_claim_is_no_error_of_its_own(ledger: Ledger) -> None:
    assert isinstance(error_of(Stream(Collecting(ClaimLost("x")), checkpoint=ledger).deliver(body_of(5))), ClaimLost)


def test_a_renewal_that_hangs_does_not_cost_the_other_claims(ledger: Ledger) -> None:
    hanging = threading.Event()

    class Slow(MemoryCheckpoint):
        def advance(self, claim: Claim, next_index: int) -> None:
            hanging.wait(30)
            super().advance(claim, next_index)

    holds = Holds(renew_every=1000)
    holds.take(Slow(), "slow", processor="p", keep_going=never_stop)
    holds.take(ledger, "quick", processor="p", keep_going=never_stop)
    renewals = holds.renew()
    done = wait(renewals, timeout=20, return_when=FIRST_COMPLETED).done
    assert len(done) == 1
    assert ("advance", 0) in ledger.asked
    again = holds.renew()
    assert len(again) == 1, "the one that hangs is not asked twice"
    hanging.set()
    wait([*renewals, *again])
    holds.close()


def test_applications_that_share_a_checkpoint_are_told_apart_by_their_namespaces(ledger: Ledger) -> None:
    for namespace in ("billing", "detection", ""):
        stream = Stream(processor := Collecting(), checkpoint=ledger)
        stream.lane = {"namespace": namespace}
        stream.deliver(body_of(5))
        assert processor.ids == ids(range(5))
