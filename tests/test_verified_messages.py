"""A worker that verifies signatures takes what SNS signed, keeps what it did not, and waits for certificates."""

import asyncio
import json

import pytest
from bench import BUCKET, Bench, ids_of, key_of, log_of, run_for
from signing import NOTIFICATION, NOW, certificate, key, signed

from cloudtrail_processing.errors import CloudTrailProcessingError, Disposition, NotAllowed, TransientError
from cloudtrail_processing.notification import in_front
from cloudtrail_processing.processor import Stage
from cloudtrail_processing.sns import SnsVerifier
from cloudtrail_processing.testing.generator import messages


def announced(bench: Bench, *, forged: bool = False) -> None:
    """Send a signed message about a log; a forged one names another log than the one that was signed."""
    logs = [bench.store.put(BUCKET, key_of(name), log_of(name)) for name in ("signed", "forged")]
    envelope = signed(NOTIFICATION | {"Message": messages.cloudtrail_raw(logs[0])})
    bench.queue.send(json.dumps(envelope | ({"Message": messages.cloudtrail_raw(logs[1])} if forged else {})))


def run(bench: Bench, verifier: SnsVerifier, *, seconds: float = 30) -> None:
    asyncio.run(run_for(bench.worker(parser=in_front(verifier)), bench.clock, seconds))


def good(_: str) -> bytes:
    return certificate(key())


def test_a_signed_message_is_worked_on_and_deleted() -> None:
    bench = Bench()
    announced(bench)
    run(bench, SnsVerifier(good, now=lambda: NOW))
    assert bench.processor.taken == ids_of("signed")
    assert bench.queue.messages_left == 0


@pytest.mark.parametrize("forged", [True, False], ids=["forged", "without an envelope"])
def test_a_message_that_sns_did_not_sign_is_rejected_unread_and_kept(*, forged: bool) -> None:
    bench = Bench()
    if forged:
        announced(bench, forged=True)
    else:
        bench.announce("plain")
    run(bench, SnsVerifier(good, now=lambda: NOW))
    assert bench.store.fetched == []
    assert bench.queue.messages_left == 1
    (failure, *_) = bench.heard.at(Stage.PARSE)
    assert type(failure.error) is NotAllowed
    assert failure.error.disposition is Disposition.REJECT


def test_a_certificate_that_cannot_be_fetched_only_delays_the_message() -> None:
    answers: list[CloudTrailProcessingError | bytes] = [TransientError("AWS is down"), certificate(key())]

    def fetch(_: str) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, CloudTrailProcessingError):
            raise answer
        return answer

    bench = Bench()
    announced(bench)
    run(bench, SnsVerifier(fetch, now=lambda: NOW), seconds=200)
    assert [type(failure.error) for failure in bench.heard.failures] == [TransientError]
    assert bench.processor.taken == ids_of("signed")
    assert bench.queue.messages_left == 0
