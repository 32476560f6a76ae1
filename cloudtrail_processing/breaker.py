"""When nothing can work, trying more only uses up receive counts: decides from outcomes whether to receive.

Pure: no I/O, and no clock of its own; every ``now`` is in monotonic seconds. Only configuration failures count, as the
others pass by themselves or concern one log. What failed is a bucket, or everything: credentials, and all that no
bucket has a part in, such as a checkpoint.

    CLOSED ──5 failures without a success, and nothing known to work──▶ OPEN ──a probe, or a message, goes well──▶
    HALF_OPEN ──a message does not fail──▶ CLOSED        HALF_OPEN ──nothing known to work any more──▶ OPEN

A bucket that fails beside others that work is left alone, but for a trial now and then.
"""

import math
import threading
from collections.abc import Callable, Iterable
from enum import StrEnum

from cloudtrail_processing.buckets import IN_A_ROW, Buckets
from cloudtrail_processing.errors import CloudTrailProcessingError, ConfigurationError
from cloudtrail_processing.evidence import concerns_everything, configuration_errors, was_read
from cloudtrail_processing.flow import Failed, LogObject, Outcome, Processed

FAILURES = 5
"""Configuration failures without a success that open the breaker."""
FRESH = 300
"""Seconds for which a bucket that worked is believed to work; then it is asked before the breaker opens."""
LOOKS = 5
"""Failed probes after each of which a batch may be received, to look for a bucket that works."""


class State(StrEnum):
    """What may be received: everything, nothing, or one message at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Blocked(ConfigurationError):
    """A log was not asked for, because the last ones of its bucket could not be read."""


class Breaker:
    """Told of outcomes, and asked what may be received and whom to leave alone. Any thread may call it."""

    def __init__(self, delay: Callable[[int], float]) -> None:
        """``delay`` gives the seconds before the n-th try of a probe or of a blocked bucket; 1 is the first."""
        self._delay = delay
        self._lock = threading.Lock()
        self._state = State.CLOSED
        self._buckets = Buckets()
        self._failures, self._tries = 0, 0
        self._error: ConfigurationError | None = None
        self._everywhere: ConfigurationError | None = None
        self._probe_at: float | None = None
        self._may_look = False
        self._trials, self._trial_at = 0, -math.inf

    @property
    def state(self) -> State:
        """The state now."""
        return self._state

    @property
    def error(self) -> ConfigurationError | None:
        """The last configuration failure, until the breaker closes, or a probe or a message goes well."""
        return self._error

    @property
    def failed_tries(self) -> int:
        """How often it tried to close again and failed, by a probe or by a message; 0 once it is closed."""
        return 0 if self._state is State.CLOSED else max(0, self._tries - 1)

    @property
    def probe_at(self) -> float | None:
        """When there is a log to ask for; None when nothing needs to be asked, or a probe is under way."""
        return self._probe_at

    @property
    def wake_at(self) -> float | None:
        """When to call ``take_probe``: for a probe, or as ``admit`` lets in another message then; None for neither."""
        waits_for_trial = self._state is State.HALF_OPEN and math.isfinite(self._trial_at)
        times = [self._probe_at, self._trial_at if waits_for_trial else None]
        return min((time for time in times if time is not None), default=None)

    @property
    def blocked_buckets(self) -> dict[str, ConfigurationError | None]:
        """The buckets that are left alone, each with what failed there last."""
        with self._lock:
            return self._buckets.blocked()

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

    def admit(self, limit: int, *, now: float) -> int:
        """How many messages the next receive may ask for: ``limit``, 1 (``received`` must follow), or 0."""
        with self._lock:
            if self._state is State.CLOSED:
                return limit
            if self._state is State.OPEN:
                may_look, self._may_look = self._may_look, False
                return limit if may_look else 0
            if now < self._trial_at:
                return 0
            self._trial_at = math.inf
            return 1

    def received(self, messages: int, *, now: float) -> None:
        """Note how a receive ended that ``admit`` had allowed; 0 messages when it was empty or failed.

        A message that takes long, or for ever, must not hold up all others: while nothing is told of it, another one is
        let in after each delay, and the delays grow.
        """
        with self._lock:
            if not messages:
                self._trial_at = -math.inf
            elif self._state is State.HALF_OPEN:
                self._trials += 1
                self._trial_at = now + self._delay(self._trials)

    # ── what happened ──

    def record(self, outcomes: Iterable[Outcome], *, now: float) -> None:
        """Note what became of all that one message names."""
        outcomes = list(outcomes)
        with self._lock:
            self._trials, self._trial_at = 0, -math.inf
            if self._state is State.HALF_OPEN and outcomes and not any(isinstance(it, Failed) for it in outcomes):
                self._close_on_probation()
            for outcome in outcomes:
                self._note(outcome, now)

    def take_probe(self, *, now: float) -> LogObject | None:
        """The log to ask for now; ``probed`` must follow. None when it is not time, or there is none to ask for.

        With no log to ask for, a message has to tell: then the breaker is half open.
        """
        with self._lock:
            if self._trial_at <= now:
                self._trial_at = -math.inf
            if self._probe_at is None or now < self._probe_at:
                return None
            self._probe_at = None
            log = self._buckets.to_ask(working=self._state is not State.OPEN)
            if log is None:
                self._let_one_in()
            return log

    def probed(self, log: LogObject, error: CloudTrailProcessingError | None, *, now: float) -> None:
        """Note how a probe ended: ``error`` is None when the log could be asked for."""
        with self._lock:
            if error is None:
                self._probe_succeeded(log, now)
            else:
                self._probe_failed(log, error, now)
            self._buckets.known(log, now=now).asked = now

    # ── how it is decided ──

    def _note(self, outcome: Outcome, now: float) -> None:
        if not isinstance(outcome, Processed | Failed):
            return
        read, errors = was_read(outcome), configuration_errors(outcome)
        if read and outcome.log is not None and outcome.log.bucket:
            self._buckets.known(outcome.log, now=now).succeeded()
        for error in errors:
            self._failed(error, log=outcome.log, read=read, now=now)
        if read and not errors:
            self._succeeded()

    def _failed(self, error: ConfigurationError, *, log: LogObject | None, read: bool, now: float) -> None:
        """``read`` tells that the log itself could be read: then the bucket is not to blame."""
        self._failures += 1
        if isinstance(error, Blocked):
            self._error = self._error or error
        elif log is None or not log.bucket or read or concerns_everything(error):
            self._everything_failed(error, log, now)
        else:
            self._bucket_failed(error, log, now)
        self._consider(now)

    def _everything_failed(self, error: ConfigurationError, log: LogObject | None, now: float) -> None:
        self._error = self._everywhere = error
        if log is not None and log.bucket:
            self._buckets.known(log, now=now)
        for bucket in self._buckets:
            bucket.works = False

    def _bucket_failed(self, error: ConfigurationError, log: LogObject, now: float) -> None:
        bucket = self._buckets.known(log, now=now)
        self._error, bucket.works, bucket.error = error, False, error
        bucket.failures += 1
        if bucket.failures == IN_A_ROW:
            bucket.next_trial = now + self._delay(1)

    def _consider(self, now: float) -> None:
        """Open, unless something is known to work; what is not sure to work any more is asked first."""
        if self._state is State.OPEN or (self._state is State.CLOSED and self._failures < FAILURES):
            return
        working = [bucket for bucket in self._buckets if bucket.works]
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
            self._let_one_in()  # it may have been under way since before: another one is to confirm it
        else:
            self._state, self._tries = State.CLOSED, 0

    def _let_one_in(self) -> None:
        if self._state is State.OPEN:
            self._state = State.HALF_OPEN
            self._trials, self._trial_at = 0, -math.inf

    def _close_on_probation(self) -> None:
        """After a message that nothing had to be read for: the next failure opens it again, for longer than before."""
        self._state, self._failures = State.CLOSED, FAILURES - 1
        self._error = self._everywhere = None

    def _probe_succeeded(self, log: LogObject, now: float) -> None:
        self._buckets.known(log, now=now).succeeded()
        self._everywhere = None
        for bucket in self._buckets:
            bucket.next_trial = min(bucket.next_trial, now)  # what cured this one may have cured others
        self._let_one_in()
        if self._state is State.HALF_OPEN:
            self._error = None

    def _probe_failed(self, log: LogObject, error: CloudTrailProcessingError, now: float) -> None:
        bucket = self._buckets.known(log, now=now)
        bucket.works = False
        if isinstance(error, ConfigurationError):
            self._error = error
            if concerns_everything(error):
                self._everywhere = error
            else:
                bucket.error = error
                # It got as far as the bucket, so what had failed before that works again.
                self._everywhere = None if concerns_everything(self._everywhere) else self._everywhere
        if self._state is State.OPEN:
            self._may_look = self._everywhere is None and _is_worth_a_look(self._tries)
            self._try_again_later(now)
        else:
            self._consider(now)


def _is_worth_a_look(tries: int) -> bool:
    """True when a batch may be received, although every bucket that was tried fails: it may name another one.

    Without it a bucket that is denied when a worker starts could keep all others waiting. It costs a batch one receive
    count, so it is done a few times at first, and then only when there were four times as many tries as the last time.
    """
    return tries <= LOOKS or (tries.bit_count() == 1 and tries.bit_length() % 2 == 1)
