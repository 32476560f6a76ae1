"""The breaker opens when nothing is known to work, never for one bucket beside others, and always closes again."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cloudtrail_processing.breaker import FAILURES, FRESH, Blocked, Breaker, State
from cloudtrail_processing.buckets import IN_A_ROW, MOST_BUCKETS
from cloudtrail_processing.errors import (
    BookkeepingError,
    Claimed,
    CloudTrailProcessingError,
    ConfigurationError,
    CorruptLog,
    CredentialsError,
    LogGone,
    ProcessorError,
    RejectedRecords,
    RetryLater,
    Stopped,
    TransientError,
)
from cloudtrail_processing.flow import Failed, Ignored, LogObject, Outcome, Processed, Skipped

DENIED = ConfigurationError("AccessDenied; allow it")
EXPIRED = CredentialsError("ExpiredToken; renew it")
NO_TABLE = BookkeepingError("the checkpoint's table is denied")


def _delay(attempt: int) -> float:
    return min(300.0, 5 * 2.0 ** min(attempt - 1, 10))


def _log(bucket: str = "a", key: str = "k") -> LogObject:
    return LogObject(bucket, key)


def _ok(bucket: str = "a") -> Outcome:
    return Processed(_log(bucket), 1, 1, 0)


def _failed(
    error: CloudTrailProcessingError = DENIED, bucket: str = "a", *, records: int = 0, also: Iterable[Failed] = ()
) -> Outcome:
    return Failed(_log(bucket), error, records=records, also=tuple(also))


def _breaker(*outcomes: Outcome, now: float = 0) -> Breaker:
    breaker = Breaker(_delay)
    for outcome in outcomes:
        breaker.record([outcome], now=now)
    return breaker


def _probe(breaker: Breaker, error: CloudTrailProcessingError | None = None) -> float:
    """Ask when it is time, and say how it went; returns when that was."""
    now = breaker.probe_at
    assert now is not None
    log = breaker.take_probe(now=now)
    assert log is not None
    breaker.probed(log, error, now=now)
    return now


# ── opening ──


@pytest.mark.parametrize("error", [DENIED, EXPIRED])
def test_it_opens_after_a_few_configuration_failures_and_not_before(error: ConfigurationError) -> None:
    breaker = _breaker(*[_failed(error)] * (FAILURES - 1))
    assert (breaker.state, breaker.admit(10, now=0)) == (State.CLOSED, 10)
    breaker.record([_failed(error)], now=0)
    assert (breaker.state, breaker.admit(10, now=0), breaker.error) == (State.OPEN, 0, error)


@pytest.mark.parametrize(
    "outcome",
    [
        _failed(TransientError("t")),
        _failed(CorruptLog("c")),
        _failed(LogGone("g")),
        _failed(ProcessorError("p")),
        _failed(RetryLater("r")),
        _failed(Stopped("s")),
        _failed(Claimed("d", after=3)),
        Failed(None, TransientError("no log")),
        Skipped(_log(), "no filter wants it"),
        Ignored("test event"),
    ],
)
def test_what_passes_by_itself_or_concerns_one_log_never_opens_it(outcome: Outcome) -> None:
    breaker = _breaker(*[outcome] * 1000)
    assert breaker.state is State.CLOSED
    assert not breaker.blocked_buckets


@pytest.mark.parametrize("sign_of_life", [_ok(), _failed(CorruptLog("c")), _failed(LogGone("g")), _failed(records=1)])
def test_what_could_be_read_is_no_denied_bucket(sign_of_life: Outcome) -> None:
    breaker = _breaker(_failed(), _failed(), sign_of_life, _failed(), _failed(), now=1)
    assert breaker.blocked("a", now=1) is None


def test_a_success_counts_all_over_again() -> None:
    breaker = _breaker(*[_failed()] * (FAILURES - 1), _ok(), *[_failed()] * (FAILURES - 1))
    assert breaker.state is State.CLOSED


def test_what_fails_after_the_log_was_read_is_not_the_buckets_fault_and_opens_all_the_same() -> None:
    """A checkpoint or a quarantine that cannot be written: every log fails, although each could be read."""
    breaker = _breaker(_ok("b"), *[_failed(ConfigurationError("the disk is full"), records=9)] * FAILURES)
    assert breaker.state is State.OPEN
    assert not breaker.blocked_buckets


def test_a_failure_of_one_of_several_processors_counts() -> None:
    other = Failed(_log(), ConfigurationError("no table"))
    breaker = _breaker(*[_failed(ProcessorError("p"), records=1, also=[other])] * FAILURES)
    assert breaker.state is State.OPEN


def test_credentials_that_are_gone_are_gone_for_every_bucket() -> None:
    breaker = _breaker(_ok("a"), _ok("b"), *[_failed(EXPIRED, "c")] * FAILURES)
    assert breaker.state is State.OPEN


def test_what_cannot_be_written_down_is_no_buckets_fault_and_opens_it_beside_one_that_worked() -> None:
    """A checkpoint that is denied shows before anything is asked of the bucket: the bucket must not be left alone."""
    breaker = _breaker(_ok("rare"), *[_failed(NO_TABLE)] * FAILURES)
    assert (breaker.state, breaker.error, breaker.blocked_buckets) == (State.OPEN, NO_TABLE, {})
    for _ in range(3):
        _probe(breaker, NO_TABLE)
        assert breaker.admit(10, now=1) == 0, "looking around would only use up receive counts"
    _probe(breaker, DENIED)
    assert breaker.admit(10, now=1) == 10, "the probe got as far as the bucket, so it is only the bucket now"


def test_failures_that_name_no_log_open_it_and_a_message_has_to_tell_whether_it_works_again() -> None:
    breaker = _breaker(*[Failed(None, DENIED)] * FAILURES)
    assert breaker.state is State.OPEN
    assert breaker.take_probe(now=10) is None
    assert (breaker.state, breaker.admit(10, now=10), breaker.admit(10, now=10)) == (State.HALF_OPEN, 1, 0)


# ── one bucket among many ──


def test_one_bad_bucket_beside_a_good_one_never_opens_it() -> None:
    breaker = _breaker(_ok("good"), *[_failed(bucket="bad")] * 100)
    assert breaker.state is State.CLOSED
    assert isinstance(breaker.blocked("bad", now=1), Blocked)
    assert breaker.blocked("good", now=1) is None


def test_the_delay_of_a_blocked_bucket_begins_with_the_failure_that_blocked_it() -> None:
    breaker = _breaker(_ok("good"))
    for now in (0, 10, 20):
        breaker.record([_failed(bucket="bad")], now=now)
    assert [now for now in range(20, 30) if breaker.blocked("bad", now=now) is None] == [25]
    breaker.record([_failed(bucket="bad")], now=30)
    assert [now for now in range(30, 40) if breaker.blocked("bad", now=now) is None] == [35]


def test_a_bucket_that_worked_and_is_denied_again_gets_its_trials_as_soon_as_the_first_time() -> None:
    breaker = _breaker(_ok("good"), *[_failed(bucket="bad")] * IN_A_ROW)
    assert breaker.blocked("bad", now=100) is None
    breaker.record([_ok("bad"), *[_failed(bucket="bad")] * IN_A_ROW], now=1000)
    assert [now for now in range(1000, 1040) if breaker.blocked("bad", now=now) is None] == [1005, 1015, 1035]


def test_a_blocked_bucket_gets_a_trial_in_each_delay_and_the_delays_grow() -> None:
    breaker = _breaker(_ok("good"), *[_failed(bucket="bad")] * IN_A_ROW)
    trials = [now for now in range(2000) if breaker.blocked("bad", now=now) is None]
    assert trials == [5, 15, 35, 75, 155, 315, 615, 915, 1215, 1515, 1815]


def test_a_log_that_was_not_asked_for_proves_nothing_of_its_bucket() -> None:
    breaker = _breaker(_ok("good"), *[_failed(bucket="bad")] * IN_A_ROW)
    blocked = breaker.blocked("bad", now=1)
    assert blocked is not None
    assert "bucket bad is left alone for now, as its last 3 logs could not be read" in str(blocked)
    breaker.record([_failed(blocked, "bad")] * 50, now=2)
    assert "its last 3 logs" in str(breaker.blocked("bad", now=2))


def test_a_trial_that_goes_well_frees_its_bucket() -> None:
    breaker = _breaker(_ok("good"), *[_failed(bucket="bad")] * IN_A_ROW)
    assert breaker.blocked("bad", now=5) is None
    breaker.record([_ok("bad")], now=6)
    assert breaker.blocked("bad", now=6) is None
    assert not breaker.blocked_buckets


def test_many_threads_are_granted_one_trial_together() -> None:
    breaker = _breaker(_ok("good"), *[_failed(bucket="bad")] * IN_A_ROW)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: breaker.blocked("bad", now=7), range(400)))
    assert answers.count(None) == 1


def test_a_quiet_bucket_that_used_to_work_is_asked_before_it_opens() -> None:
    """While one bucket is denied, another one may have had no log for an hour: it must not wait for the first."""
    breaker = _breaker(_ok("quiet"))
    breaker.record([_failed(bucket="bad")] * FAILURES, now=FRESH + 1)
    assert (breaker.state, breaker.probe_at) == (State.CLOSED, FRESH + 1)
    assert breaker.take_probe(now=FRESH + 1) == _log("quiet")
    breaker.probed(_log("quiet"), None, now=FRESH + 2)
    breaker.record([_failed(bucket="bad")] * FAILURES, now=FRESH + 3)
    assert (breaker.state, breaker.probe_at) == (State.CLOSED, None)


def test_a_bucket_is_believed_to_work_for_all_of_the_time_that_was_said() -> None:
    breaker = _breaker(_ok("quiet"))
    breaker.record([_failed(bucket="bad")] * FAILURES, now=FRESH)
    assert (breaker.state, breaker.probe_at) == (State.CLOSED, None)


def test_it_opens_when_the_quiet_bucket_does_not_work_any_more_either() -> None:
    breaker = _breaker(_ok("quiet"))
    breaker.record([_failed(bucket="bad")] * FAILURES, now=FRESH + 1)
    _probe(breaker, DENIED)
    assert breaker.state is State.OPEN


def test_while_only_buckets_fail_one_batch_may_look_for_another_after_each_failed_probe() -> None:
    """At the start nothing is known but the first bucket: the others must not wait until it is repaired."""
    breaker = _breaker(*[_failed(bucket="bad")] * FAILURES)
    assert breaker.admit(10, now=0) == 0
    _probe(breaker, DENIED)
    assert (breaker.admit(10, now=5), breaker.admit(10, now=5)) == (10, 0)
    breaker.record([_ok("other")], now=20)
    assert breaker.state is State.HALF_OPEN
    breaker.record([_ok("other")], now=20)
    assert (breaker.state, breaker.admit(10, now=20)) == (State.CLOSED, 10)


@pytest.mark.parametrize("cured", ["by a probe that goes well", "by a probe that is only denied"])
def test_when_the_credentials_are_back_and_only_buckets_fail_it_looks_around_again(cured: str) -> None:
    breaker = _breaker(*[_failed(EXPIRED)] * FAILURES)
    if "well" in cured:
        _probe(breaker)
        breaker.record([_failed()], now=6)
    _probe(breaker, DENIED)
    assert (breaker.state, breaker.admit(10, now=100), breaker.error) == (State.OPEN, 10, DENIED)


def test_the_last_error_is_told_and_that_a_log_was_not_asked_for_only_where_nothing_else_is_known() -> None:
    left_alone = Blocked("left alone")
    assert Breaker(_delay).error is None
    assert _breaker(_failed(left_alone)).error is left_alone
    assert _breaker(_failed(DENIED), _failed(left_alone)).error is DENIED
    breaker = _breaker(*[_failed(DENIED)] * FAILURES)
    _probe(breaker, EXPIRED)
    assert breaker.error is EXPIRED


def test_such_looks_become_ever_rarer() -> None:
    """A message in a small queue must not be received again and again through a weekend."""
    breaker = _breaker(*[_failed(bucket="bad")] * FAILURES)
    looks = []
    for tries in range(1, 600):
        now = _probe(breaker, DENIED)
        if breaker.admit(10, now=now):
            looks.append(tries)
    assert looks == [1, 2, 3, 4, 5, 16, 64, 256]


def test_without_credentials_nothing_is_received_to_look_around() -> None:
    breaker = _breaker(*[_failed(EXPIRED)] * FAILURES)
    for _ in range(20):
        now = _probe(breaker, EXPIRED)
        assert breaker.admit(10, now=now) == 0


def test_buckets_are_forgotten_when_there_are_too_many_those_that_work_last() -> None:
    breaker = _breaker(_ok("good"))
    for number in range(3 * MOST_BUCKETS):
        breaker.record([_failed(bucket=f"bad{number}")] * IN_A_ROW, now=1 + number / 1000)
    assert len(breaker.blocked_buckets) < MOST_BUCKETS
    assert breaker.state is State.CLOSED


def test_as_many_buckets_as_was_said_are_remembered_and_the_oldest_that_fails_is_forgotten_first() -> None:
    breaker = Breaker(_delay)
    names = [f"bad{number:03}" for number in reversed(range(MOST_BUCKETS))]
    for now, name in enumerate(names):
        breaker.record([_failed(bucket=name)] * IN_A_ROW, now=now)
    assert set(breaker.blocked_buckets) == set(names)
    breaker.record([_failed(bucket="new")] * IN_A_ROW, now=1000)
    assert set(breaker.blocked_buckets) == {*names[1:], "new"}


# ── closing ──


def test_probes_come_one_at_a_time_with_growing_delays() -> None:
    breaker = _breaker(*[_failed(EXPIRED)] * FAILURES)
    assert [_probe(breaker, EXPIRED) for _ in range(9)] == [5, 15, 35, 75, 155, 315, 615, 915, 1215]
    assert breaker.failed_tries == 9
    assert breaker.probe_at is not None
    assert breaker.take_probe(now=breaker.probe_at) is not None
    assert breaker.take_probe(now=1e9) is None


def test_the_bucket_that_was_tried_last_is_probed_first() -> None:
    breaker = Breaker(_delay)
    for now, bucket in enumerate(["b", "c", "a", "b", "c"]):
        breaker.record([_failed(bucket=bucket)], now=now)
    assert breaker.take_probe(now=100) == _log("c")


def test_after_it_closed_the_delays_begin_anew() -> None:
    breaker = _breaker(*[_failed()] * FAILURES)
    for _ in range(3):
        _probe(breaker, DENIED)
    now = _probe(breaker)
    breaker.record([_ok()], now=now)
    breaker.record([_failed(EXPIRED)] * FAILURES, now=now)
    assert breaker.probe_at == now + 5


def test_buckets_take_turns_in_being_probed() -> None:
    breaker = _breaker(*[_failed(bucket=bucket) for bucket in "abcabc"])
    asked = []
    for _ in range(6):
        now = breaker.probe_at
        assert now is not None
        log = breaker.take_probe(now=now)
        assert log is not None
        asked.append(log.bucket)
        breaker.probed(log, DENIED, now=now)
    assert sorted(asked[:3]) == ["a", "b", "c"]
    assert asked[:3] == asked[3:]


def test_after_a_good_probe_one_message_at_a_time_is_received_until_one_goes_well() -> None:
    breaker = _breaker(*[_failed()] * FAILURES)
    _probe(breaker)
    assert [breaker.admit(10, now=5) for _ in range(3)] == [1, 0, 0]
    breaker.received(0, now=5)
    assert [breaker.admit(10, now=5) for _ in range(3)] == [1, 0, 0]
    breaker.record([_failed(TransientError("t"))], now=9)
    assert [breaker.admit(10, now=9) for _ in range(2)] == [1, 0]
    breaker.record([_ok()], now=10)
    assert (breaker.state, breaker.admit(10, now=10), breaker.failed_tries, breaker.error) == (
        State.CLOSED,
        10,
        0,
        None,
    )


def test_a_message_that_never_ends_holds_up_the_others_only_for_a_while() -> None:
    breaker = _breaker(*[_failed()] * FAILURES)
    _probe(breaker)
    assert breaker.admit(10, now=5) == 1
    wakes = [breaker.wake_at]
    for now, delay in [(10, 5), (15, 10)]:
        breaker.received(1, now=now)
        wakes.append(breaker.wake_at)
        assert [breaker.admit(10, now=later) for later in (now + delay - 1, now + delay)] == [0, 1]
    assert wakes == [None, 15, 25], "a receive ends by itself, a message may not"
    breaker.received(0, now=45)
    assert breaker.admit(10, now=45) == 1, "after an empty receive nothing has to be waited for"
    breaker.received(1, now=45)
    assert breaker.take_probe(now=65) is None
    assert (breaker.wake_at, breaker.admit(10, now=65)) == (None, 1), "whoever was woken is not woken again and again"


def test_how_long_the_next_message_waits_does_not_depend_on_an_earlier_pause() -> None:
    breaker = _breaker(*[_failed()] * FAILURES)
    for _ in range(2):
        now = _probe(breaker)
        assert breaker.admit(10, now=now) == 1
        breaker.received(1, now=now)
        assert breaker.wake_at == now + 5
        breaker.record([_failed()], now=now + 1)
        assert breaker.state is State.OPEN


@pytest.mark.parametrize("outcome", [Skipped(_log(), "no filter wants it"), Ignored("digest"), _ok()], ids=repr)
def test_after_a_good_probe_the_first_message_that_does_not_fail_closes_it(outcome: Outcome) -> None:
    breaker = _breaker(*[_failed()] * FAILURES)
    _probe(breaker)
    assert (breaker.state, breaker.error) == (State.HALF_OPEN, None), "the probe has disproved it"
    breaker.record([outcome], now=6)
    assert (breaker.state, breaker.admit(10, now=6), breaker.failed_tries) == (State.CLOSED, 10, 0)


def test_a_message_for_which_nothing_was_read_closes_it_on_probation_only() -> None:
    """Else a quarantine that fails, beside logs that nobody wants, would cost five receives in each shortest delay."""
    breaker = _breaker(*[_failed(NO_TABLE, records=9)] * FAILURES)
    for tries in range(1, 5):
        now = _probe(breaker)
        breaker.record([Skipped(_log(), "no filter wants it")], now=now)
        assert breaker.state is State.CLOSED
        breaker.record([_failed(NO_TABLE, records=9)], now=now)
        assert (breaker.state, breaker.probe_at) == (State.OPEN, now + _delay(tries + 1))
    breaker.record([_ok(), _ok()], now=now)
    breaker.record([Ignored("digest")], now=now)
    breaker.record([_ok()], now=now)
    breaker.record([_failed(EXPIRED)] * FAILURES, now=now)
    assert breaker.probe_at == now + 5, "a success ends the probation"


@pytest.mark.parametrize(
    "outcomes", [[], [Ignored("digest"), _failed(TransientError("t"))], [_failed(Claimed("c", after=3))]]
)
def test_neither_nothing_nor_a_failure_closes_it(outcomes: list[Outcome]) -> None:
    breaker = _breaker(*[_failed()] * FAILURES)
    _probe(breaker)
    breaker.record(outcomes, now=6)
    assert breaker.state is State.HALF_OPEN


def test_what_nothing_was_read_for_opens_no_gate_that_is_shut() -> None:
    breaker = _breaker(*[_failed()] * FAILURES, Skipped(_log(), "no filter wants it"), Ignored("digest"))
    assert (breaker.state, breaker.error) == (State.OPEN, DENIED)


def test_a_failure_after_a_good_probe_opens_it_again_for_longer() -> None:
    breaker = _breaker(*[_failed()] * FAILURES)
    _probe(breaker)
    breaker.record([_failed()], now=10)
    assert (breaker.state, breaker.probe_at) == (State.OPEN, 10 + 10)


def test_a_bucket_that_stays_denied_does_not_keep_the_one_that_was_repaired_from_work() -> None:
    breaker = _breaker(*[_failed(bucket=bucket) for bucket in ["bad", "a"] * 3])
    repaired = _log("a")
    breaker.take_probe(now=10)
    breaker.probed(repaired, None, now=10)
    breaker.record([_failed(bucket="bad")], now=11)
    assert (breaker.state, breaker.admit(10, now=11)) == (State.HALF_OPEN, 1)


def test_what_was_in_hand_when_it_opened_changes_little() -> None:
    """Its failures neither put off the probe, nor does one success of it open the gates."""
    breaker = _breaker(*[_failed(EXPIRED)] * FAILURES)
    due = breaker.probe_at
    breaker.record([_failed(EXPIRED)] * 50, now=3)
    assert breaker.probe_at == due
    breaker.record([_ok()], now=4)
    assert breaker.state is State.HALF_OPEN


def test_a_good_probe_lets_every_blocked_bucket_try_at_once() -> None:
    breaker = _breaker(*[_failed(bucket=bucket) for bucket in "ababab"])
    now = breaker.probe_at or 0
    assert [breaker.blocked(bucket, now=now) for bucket in "ab"] == [None, None], "these were their trials"
    assert None not in [breaker.blocked(bucket, now=now) for bucket in "ab"]
    assert _probe(breaker) == now
    assert breaker.blocked("a", now=now) is None
    assert breaker.blocked("b", now=now) is None


# ── properties ──

BUCKETS = st.sampled_from("abc")
ERRORS: st.SearchStrategy[CloudTrailProcessingError] = st.sampled_from(
    [DENIED, EXPIRED, NO_TABLE, TransientError("t"), LogGone("g"), RejectedRecords("r"), Blocked("left alone")]
)
OUTCOMES = st.one_of(
    BUCKETS.map(_ok),
    st.builds(_failed, ERRORS, BUCKETS, records=st.sampled_from([0, 5])),
    st.builds(Failed, st.none(), ERRORS),
    st.sampled_from([Ignored("test event"), Skipped(_log(), "no filter wants it")]),
)
STEPS = st.one_of(OUTCOMES, st.tuples(BUCKETS, st.one_of(st.none(), ERRORS)), st.floats(0, 1000), st.none())


@given(st.lists(STEPS, max_size=60))
def test_whatever_happened_it_closes_soon_after_everything_works_again(steps: list[object]) -> None:
    breaker, now = Breaker(_delay), 0.0
    for step in steps:
        now += 1
        match step:
            case float():
                now += step
            case (str(), None | CloudTrailProcessingError() as error):
                if log := breaker.take_probe(now=now):
                    breaker.probed(log, error, now=now)
            case None:
                breaker.admit(10, now=now)
            case Processed() | Failed() | Ignored():
                breaker.record([step], now=now)
    breaker.received(0, now=now)
    until = now + 300 + 5
    while breaker.state is not State.CLOSED:
        assert now <= until
        now += 1
        if log := breaker.take_probe(now=now):
            breaker.probed(log, None, now=now)
        elif breaker.probe_at is None and breaker.state is State.OPEN:
            breaker.probed(_log(), None, now=now)  # one was under way
        if breaker.admit(10, now=now):
            breaker.record([_ok()], now=now)


class Model(RuleBasedStateMachine):
    """A breaker beside the little that must be true of it: what is known to work, and how much failed since."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(_delay)
        self.now = 0.0
        self.works: dict[str, bool] = {}
        self.in_a_row: dict[str, int] = {}
        self.failures = 0
        self.probing: LogObject | None = None

    @rule(seconds=st.sampled_from([1, 5, 60, 301, 4000]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(bucket=BUCKETS)
    def a_log_succeeds(self, bucket: str) -> None:
        before = self.breaker.state
        self.breaker.record([_ok(bucket)], now=self.now)
        self.works[bucket], self.in_a_row[bucket], self.failures = True, 0, 0
        assert self.breaker.state is (State.HALF_OPEN if before is State.OPEN else State.CLOSED)

    @rule(bucket=BUCKETS)
    def a_log_is_denied(self, bucket: str) -> None:
        self.breaker.record([_failed(DENIED, bucket)], now=self.now)
        self.works[bucket] = False
        self.in_a_row[bucket] = self.in_a_row.get(bucket, 0) + 1
        self.failures += 1

    @rule(bucket=BUCKETS, error=st.sampled_from([EXPIRED, NO_TABLE]))
    def nothing_can_work(self, bucket: str, error: ConfigurationError) -> None:
        self.breaker.record([_failed(error, bucket)], now=self.now)
        self.works = dict.fromkeys([*self.works, bucket], False)
        self.failures += 1

    @rule(bucket=BUCKETS)
    def a_log_fails_for_itself(self, bucket: str) -> None:
        before = self.breaker.state
        self.breaker.record([_failed(TransientError("t"), bucket)], now=self.now)
        assert self.breaker.state is before

    @rule()
    def a_log_is_not_wanted(self) -> None:
        before = self.breaker.state
        self.breaker.record([Skipped(_log(), "no filter wants it")], now=self.now)
        assert self.breaker.state is (State.CLOSED if before is State.HALF_OPEN else before)
        self.failures = 0 if before is State.HALF_OPEN else self.failures

    @precondition(lambda self: self.breaker.state is not State.OPEN)
    @rule(messages=st.integers(0, 1))
    def a_receive_ends(self, messages: int) -> None:
        self.breaker.received(messages, now=self.now)
        if self.breaker.state is State.HALF_OPEN:
            waits = self.breaker.wake_at
            assert messages == 0 or (waits is not None and self.now < waits <= self.now + 300)

    @precondition(lambda self: self.probing is None)
    @rule()
    def a_probe_begins(self) -> None:
        self.probing = self.breaker.take_probe(now=self.now)

    @precondition(lambda self: self.probing is not None)
    @rule(error=st.sampled_from([None, DENIED, EXPIRED, NO_TABLE, TransientError("t")]))
    def a_probe_ends(self, error: CloudTrailProcessingError | None) -> None:
        assert self.probing is not None
        self.breaker.probed(self.probing, error, now=self.now)
        self.works[self.probing.bucket] = error is None
        if error is None:
            self.in_a_row[self.probing.bucket] = 0
            assert self.breaker.state is not State.OPEN
        self.probing = None

    @rule(limit=st.integers(1, 10))
    def a_poller_asks(self, limit: int) -> None:
        admitted = self.breaker.admit(limit, now=self.now)
        if self.breaker.state is State.CLOSED:
            assert admitted == limit
        elif self.breaker.state is State.HALF_OPEN:
            assert admitted <= 1

    @rule(bucket=BUCKETS)
    def a_thread_asks(self, bucket: str) -> None:
        blocked = self.breaker.blocked(bucket, now=self.now)
        if self.in_a_row.get(bucket, 0) < IN_A_ROW:
            assert blocked is None
        elif blocked is None:
            assert self.breaker.blocked(bucket, now=self.now) is not None, "one trial at a time"

    @invariant()
    def it_is_open_only_when_nothing_works(self) -> None:
        if self.breaker.state is State.OPEN:
            assert not any(self.works.values())

    @invariant()
    def it_is_closed_only_while_something_works_or_little_has_failed(self) -> None:
        if self.breaker.state is State.CLOSED:
            assert self.failures < FAILURES or any(self.works.values()) or self.probing

    @invariant()
    def an_open_one_is_always_about_to_ask(self) -> None:
        if self.breaker.state is State.OPEN and self.probing is None:
            assert self.breaker.probe_at is not None
            assert self.breaker.probe_at <= self.now + 300

    @invariant()
    def exactly_the_failing_buckets_are_blocked(self) -> None:
        assert set(self.breaker.blocked_buckets) == {name for name, row in self.in_a_row.items() if row >= IN_A_ROW}


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
