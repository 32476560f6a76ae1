"""A real worker on an embedded AWS proves logs: S3 announces them and their digests, DynamoDB remembers the hashes."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from proven import Listening

from cloudtrail_processing.app import build
from cloudtrail_processing.checkpoint.dynamodb_ledger import DynamoLedger
from cloudtrail_processing.findings import Found
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.testing import EmbeddedAws, Generator, Replace, SignedTrail

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
TRAIL = SignedTrail(6, hours=2, logs=2, start=NOW - timedelta(hours=6))
FIRST, SECOND = TRAIL.windows
ALTERED = FIRST.logs[0]
SPOILT = TRAIL.tampered(Replace(FIRST.bucket, ALTERED, Generator(seed=8).log(records=3).body))
LOGS = {*FIRST.logs, *SECOND.logs}


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as embedded:
        ledger = DynamoLedger("proofs", embedded.options)
        ledger.create_table()
        ledger.close()
        yield embedded


def lay(aws: EmbeddedAws, trail: SignedTrail, *keys: str) -> None:
    for key in keys:
        stored = trail.objects[FIRST.bucket, key]
        aws.s3.put_object(Bucket=FIRST.bucket, Key=key, Body=stored.body, Metadata=dict(stored.metadata))


def work(aws: EmbeddedAws, listener: Listening, queue_url: str, **values: Any) -> None:
    async def drain() -> None:
        settings = Settings.load(queue_url=queue_url, wait_time=0, pollers=1, checkpoint="dynamodb:proofs", **values)
        parts = Parts(aws=aws.options, public_keys=TRAIL)
        async with build(listener, settings=settings, parts=parts) as worker:
            await worker.drain()

    asyncio.run(drain())


@pytest.mark.parametrize("verify", ["report", "require"])
def test_what_s3_announces_is_proven_and_what_it_does_not_announce_is_found(aws: EmbeddedAws, verify: str) -> None:
    aws.create_bucket(FIRST.bucket)
    queue_url = aws.create_queue(f"trail-{verify}", dead_letter=False)
    dead_letters = aws.create_queue(f"dead-{verify}", dead_letter=False)
    lay(aws, SPOILT, SECOND.key)  # nobody is told of this one
    aws.notify(FIRST.bucket, queue_url)
    lay(aws, SPOILT, FIRST.key)
    listener = Listening()
    namespace: dict[str, Any] = {"verify": verify, "checkpoint_namespace": verify, "dead_letter_url": dead_letters}
    work(aws, listener, queue_url, **namespace)
    lay(aws, SPOILT, *FIRST.logs, SECOND.logs[0])
    work(aws, listener, queue_url, **namespace)
    work(aws, listener, queue_url, **namespace)
    proven = dict.fromkeys((FIRST.logs[1], SECOND.logs[0]), Found.VERIFIED) | {ALTERED: Found.MISMATCH}
    if verify == "require":  # the one whose digest was found by the look waits for its next receive
        del proven[SECOND.logs[0]]
    found = {it.log.partition(f"{FIRST.bucket}/")[2]: it.state for it in listener.findings}
    assert found == proven
    assert listener.delivered == {key for key in proven if verify == "report" or key != ALTERED}
    assert aws.messages_left(dead_letters) == (verify == "require")
