"""When nothing can work, trying more only uses up receive counts: decides from outcomes whether to receive.

Pure: no I/O, and no clock of its own; every ``now`` is in monotonic seconds. Only configuration failures count, as the
others pass by themselves or concern one log. What failed is a bucket, or everything: credentials, and all that no
bucket has a part in, such as a checkpoint.

    CLOSED ──5 failures without a success, and nothing known to work──▶ OPEN ──a probe, or a message, goes well──▶
    HALF_OPEN ──a message goes well──▶ CLOSED        HALF_OPEN ──nothing known to work any more──▶ OPEN

A bucket that fails beside others that work is left alone, but for a trial now and then.
"""

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    CorruptLog,
    CredentialsError,
    LogGone,
    RejectedRecords,
)
from cloudtrail_processing.flow import Failed, LogObject, Outcome, Processed

FAILURES = 5
"""Configuration failures without a success that open the breaker."""
IN_A_ROW = 3
"""Failures in a row that block a bucket."""
FRESH = 300
"""Seconds for which a bucket that worked is believed to work; then it is asked before the breaker opens."""
LOOKS = 5
"""Failed probes after each of which a batch may be received, to look for a bucket that works."""
MOST_BUCKETS = 256
"""Buckets remembered: their names come from messages, and must not fill the memory."""


class State(StrEnum):
    """What may be received: everything, nothing, or one message at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Blocked(ConfigurationError):
    """A log was not asked for, because the last ones of its bucket could not be read."""


@dataclass(slots=True)
class _Bucket:
    """What is known of a bucket. ``log`` is the last one that was tried; ``failures`` are those in a row."""

    log: LogObject
    at: float
    works: bool = False
    failures: int = 0
    error: ConfigurationError | None = None
    trials: int = 0
    next_trial: float = 0.0
    asked: float = -math.inf

    @property
    def is_blocked(self) -> bool:
        return self.failures >= IN_A_ROW


class Breaker:
    """Told of outcomes, and asked what may be received and whom to leave alone. Any thread may call it."""

    def __init__(self, delay: Callable[[int], float]) -> None:
        """``delay`` gives the seconds before the n-th try of a probe or of a blocked bucket; 1 is the first."""
        self._delay = delay
        self._lock = threading.Lock()
        self._state = State.CLOSED
        self._buckets: dict[str, _Bucket] = {}
        self._failures, self._tries = 0, 0
        self._error: ConfigurationError | None = None
        self._everywhere: ConfigurationError | None = None
        self._probe_at: float | None = None
        self._may_look, self._trial_is_out = False, False

    @property
    def state(self) -> State:
        """The state now."""
        return self._state

    @property
    def error(self) -> ConfigurationError | None:
        """The last configuration failure, until the breaker closes or a success is told."""
        return self._error

    @property
    def failed_tries(self) -> int:
        """How often it tried to close again and failed, by a probe or by a message; 0 once it is closed."""
        return max(0, self._tries - 1)

    @property
    def probe_at(self) -> float | None:
        """When to call ``take_probe``; None when nothing needs to be asked, or a probe is under way."""
        return self._probe_at

    @property
    def blocked_buckets(self) -> dict[str, ConfigurationError | None]:
        """The buckets that are left alone, each with what failed there last."""
        with self._lock:
            return {name: bucket.error for name, bucket in self._buckets.items() if bucket.is_blocked}

    # ── what may be done ──

    def blocked(self, bucket: str, *, now: float) -> Blocked | None:
        """The error to fail a log with, instead of asking for it; None when it may be asked for.

        For a blocked bucket None is a trial: the answer grants one in each delay, and the delays grow.
        """
        with self._lock:
            known = self._buckets.get(bucket)
            if known is None or not known.is_blocked:
                return None
            if now >= known.next_trial:
                known.trials += 1
                known.next_trial = now + self._delay(known.trials + 1)
                return None
            return Blocked(
                f"bucket {bucket} is left alone for now, as its last {known.failures} logs could not be read, "
                f"the last one because: {known.error}"
            )

    def admit(self, limit: int) -> int:
        """How many messages the next receive may ask for: ``limit``, 1 (nobody else gets one until then), or 0."""
        with self._lock:
            if self._state is State.CLOSED:
                return limit
            if self._state is State.OPEN:
                may_look, self._may_look = self._may_look, False
                return limit if may_look else 0
            may_try, self._trial_is_out = not self._trial_is_out, True
            return 1 if may_try else 0

    def received_nothing(self) -> None:
        """Let the next one receive, after a receive that ``admit`` had allowed came back empty or failed."""
        self._trial_is_out = False

    # ── what happened ──

    def record(self, outcomes: Iterable[Outcome], *, now: float) -> None:
        """Note what became of all that one message names."""
        with self._lock:
            self._trial_is_out = False
            for outcome in outcomes:
                self._note(outcome, now)

    def take_probe(self, *, now: float) -> LogObject | None:
        """The log to ask for now; ``probed`` must follow. None when it is not time, or there is none to ask for.

        With no log to ask for, a message has to tell: then the breaker is half open.
        """
        with self._lock:
            if self._probe_at is None or now < self._probe_at:
                return None
            self._probe_at = None
            candidates = [it for it in self._buckets.values() if it.works is (self._state is not State.OPEN)]
            if candidates:
                return min(candidates, key=lambda it: (it.asked, -it.at)).log
            if self._state is State.OPEN:
                self._state = State.HALF_OPEN
            return None

    def probed(self, log: LogObject, error: CloudTrailProcessingError | None, *, now: float) -> None:
        """Note how a probe ended: ``error`` is None when the log could be asked for."""
        with self._lock:
            if error is None:
                self._probe_succeeded(log, now)
            else:
                self._probe_failed(log, error, now)
            self._known(log, now).asked = now

    # ── how it is decided ──

    def _note(self, outcome: Outcome, now: float) -> None:
        if not isinstance(outcome, Processed | Failed):
            return
        read, errors = _was_read(outcome), _configuration_errors(outcome)
        if read and outcome.log is not None and outcome.log.bucket:
            self._worked(outcome.log, now)
        for error in errors:
            self._failed(error, log=outcome.log, read=read, now=now)
        if read and not errors:
            self._succeeded()

    def _failed(self, error: ConfigurationError, *, log: LogObject | None, read: bool, now: float) -> None:
        """``read`` tells that the log itself could be read: then the bucket is not to blame."""
        self._failures += 1
        if isinstance(error, Blocked):
            self._error = self._error or error
        elif log is None or not log.bucket or read or isinstance(error, CredentialsError):
            self._everything_failed(error, log, now)
        else:
            self._bucket_failed(error, log, now)
        self._consider(now)

    def _everything_failed(self, error: ConfigurationError, log: LogObject | None, now: float) -> None:
        self._error = self._everywhere = error
        if log is not None and log.bucket:
            self._known(log, now)
        for bucket in self._buckets.values():
            bucket.works = False

    def _bucket_failed(self, error: ConfigurationError, log: LogObject, now: float) -> None:
        bucket = self._known(log, now)
        self._error, bucket.works, bucket.error = error, False, error
        bucket.failures += 1
        if bucket.failures == IN_A_ROW:
            bucket.next_trial = now + self._delay(1)

    def _consider(self, now: float) -> None:
        """Open, unless something is known to work; what is not sure to work any more is asked first."""
        if self._state is State.OPEN or (self._state is State.CLOSED and self._failures < FAILURES):
            return
        working = [bucket for bucket in self._buckets.values() if bucket.works]
        if not working:
            self._open(now)
        elif self._probe_at is None and all(now - max(it.at, it.asked) > FRESH for it in working):
            self._probe_at = now

    def _open(self, now: float) -> None:
        self._state, self._may_look = State.OPEN, False
        self._try_again_later(now)

    def _try_again_later(self, now: float) -> None:
        self._tries += 1
        self._probe_at = now + self._delay(self._tries)

    def _succeeded(self) -> None:
        self._failures, self._error, self._everywhere = 0, None, None
        self._probe_at = None
        if self._state is State.OPEN:
            self._state = State.HALF_OPEN  # it may have been under way since before: another one is to confirm it
        elif self._state is State.HALF_OPEN:
            self._state, self._tries = State.CLOSED, 0

    def _worked(self, log: LogObject, now: float) -> None:
        bucket = self._known(log, now)
        bucket.works, bucket.failures, bucket.trials, bucket.error = True, 0, 0, None

    def _probe_succeeded(self, log: LogObject, now: float) -> None:
        self._worked(log, now)
        self._everywhere = None
        for bucket in self._buckets.values():
            bucket.next_trial = min(bucket.next_trial, now)  # what cured this one may have cured others
        if self._state is State.OPEN:
            self._state = State.HALF_OPEN

    def _probe_failed(self, log: LogObject, error: CloudTrailProcessingError, now: float) -> None:
        bucket = self._known(log, now)
        bucket.works = False
        if isinstance(error, ConfigurationError):
            self._error = bucket.error = error
            if isinstance(self._everywhere, CredentialsError) and not isinstance(error, CredentialsError):
                self._everywhere = None
        if self._state is State.OPEN:
            self._may_look = self._everywhere is None and _is_worth_a_look(self._tries)
            self._try_again_later(now)
        else:
            self._consider(now)

    def _known(self, log: LogObject, now: float) -> _Bucket:
        """The bucket of this log, which is the last one tried there."""
        bucket = self._buckets.setdefault(log.bucket, _Bucket(log, now))
        bucket.log, bucket.at = log, now
        if len(self._buckets) > MOST_BUCKETS:
            others = (name for name in self._buckets if name != log.bucket)
            del self._buckets[min(others, key=lambda name: (self._buckets[name].works, self._buckets[name].at))]
        return bucket


def _is_worth_a_look(tries: int) -> bool:
    """True when a batch may be received, although every bucket that was tried fails: it may name another one.

    Without it a bucket that is denied when a worker starts could keep all others waiting. It costs a batch one receive
    count, so it is done a few times at first, and then only when there were four times as many tries as the last time.
    """
    return tries <= LOOKS or (tries.bit_count() == 1 and tries.bit_length() % 2 == 1)


def _was_read(outcome: Processed | Failed) -> bool:
    """True when the log was there for us to read, or not there at all, whatever became of it afterwards."""
    if isinstance(outcome, Processed):
        return True
    told = (CorruptLog, LogGone, RejectedRecords)
    return outcome.records > 0 or any(isinstance(failed.error, told) for failed in (outcome, *outcome.also))


def _configuration_errors(outcome: Processed | Failed) -> list[ConfigurationError]:
    failures = () if isinstance(outcome, Processed) else (outcome, *outcome.also)
    return [failed.error for failed in failures if isinstance(failed.error, ConfigurationError)]
