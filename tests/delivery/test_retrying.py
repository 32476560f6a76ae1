"""A processor that raises may be given its batch again at once, by a policy of its own or by the setting."""

from collections.abc import Callable
from typing import Any

import pytest
import tenacity
from collecting import AsyncCollecting, Collecting, ids, log_body, record

from cloudtrail_processing.delivery import Delivered, Delivery, Lane, never_stop
from cloudtrail_processing.errors import LeaseLost, ProcessorError, Refuse, RetryLater
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.logfile import split
from cloudtrail_processing.usercode import UserCode

LOG = LogObject("trail", "AWSLogs/log.json.gz", etag="e")
THRICE = tenacity.Retrying(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_none())


def deliver(
    processor: Collecting, policy: tenacity.Retrying | None, *, keep_going: Callable[[], None] = never_stop
) -> Delivered:
    user_code = UserCode()
    delivery = Delivery([Lane(processor, retry=policy)], user_code=user_code, batch_size=2)
    try:
        return delivery.begin(LOG, keep_going=keep_going).run(split(log_body([record(n) for n in range(4)])))
    finally:
        user_code.close()


@pytest.mark.parametrize("kind", [Collecting, AsyncCollecting])
def test_a_batch_is_given_again_until_it_is_taken(kind: type[Collecting]) -> None:
    processor = kind(OSError(), OSError())
    assert deliver(processor, THRICE).failures == ()
    assert processor.ids == ids(range(4))
    assert processor.calls == 4


def test_what_is_raised_at_last_fails_the_log_as_ever() -> None:
    processor = Collecting(*[OSError(number) for number in range(9)])
    (failure,) = deliver(processor, THRICE).failures
    assert isinstance(failure.error, ProcessorError)
    assert repr(failure.error.__cause__) == "OSError(2)"
    assert processor.calls == 3


def test_the_policy_decides_on_what_the_processor_itself_raised() -> None:
    policy = THRICE.copy(retry=tenacity.retry_if_exception_type(ConnectionError))
    processor = Collecting(ConnectionError(), ValueError("no"))
    (failure,) = deliver(processor, policy).failures
    assert isinstance(failure.error.__cause__, ValueError)
    assert processor.calls == 2


@pytest.mark.parametrize("said", [RetryLater("later"), Refuse("never")])
def test_what_a_processor_says_outright_is_not_asked_again(said: Any) -> None:
    processor = Collecting(said)
    (failure,) = deliver(processor, THRICE).failures
    assert failure.error is said
    assert processor.calls == 1


def test_without_a_policy_a_processor_is_asked_once() -> None:
    processor = Collecting(OSError())
    assert deliver(processor, None).failures
    assert processor.calls == 1


def test_a_wait_between_two_tries_ends_when_the_work_must_end() -> None:
    processor = Collecting(*[OSError()] * 9)

    def keep_going() -> None:
        if processor.calls:
            raise LeaseLost("it is another's now")

    policy = tenacity.Retrying(stop=tenacity.stop_after_attempt(9), wait=tenacity.wait_fixed(3600))
    (failure,) = deliver(processor, policy, keep_going=keep_going).failures
    assert isinstance(failure.error, LeaseLost)
    assert processor.calls == 1
