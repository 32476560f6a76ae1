"""Real queues on the embedded AWS: a corrupt log's message ends in the dead-letter queue, and good ones go on."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from typing import Any

import pytest
from bench import PACE, Bench, Recorder, key_of, log_of

from cloudtrail_processing.app import SystemClock
from cloudtrail_processing.aws.queue import SqsQueue
from cloudtrail_processing.errors import ConfigurationError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.letters import ERROR, MESSAGE_ID, QUEUE, REASON, RECEIVE_COUNT
from cloudtrail_processing.testing import EmbeddedAws
from cloudtrail_processing.testing.generator import messages
from cloudtrail_processing.usercode import UserCode
from cloudtrail_processing.worker import Worker


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as running:
        yield running


async def worked_off(aws: EmbeddedAws, url: str, dead: str, processor: Recorder) -> list[QueueMessage]:
    """Drain the queue with a real worker; return what lies in the dead-letter queue then."""
    async with AsyncExitStack() as stack:
        queue = await stack.enter_async_context(aws.queue(url))
        letters = await stack.enter_async_context(SqsQueue(dead, aws.options, source=url))
        store = stack.enter_context(closing(aws.store()))
        user_code = UserCode()
        worker = Worker(
            queue=queue,
            dead_letters=letters,
            pipeline=Bench().pipeline((processor,), user_code, store=store),
            processors=(processor,),
            user_code=user_code,
            clock=SystemClock(),
            pace=replace(PACE, grace_time=5),
        )
        await asyncio.wait_for(worker.drain(), 60)
        return list(await letters.receive(limit=10, wait=0, visibility=30))


@pytest.mark.parametrize("fifo", [False, True])
def test_the_message_of_a_corrupt_log_ends_in_the_dead_letter_queue(aws: EmbeddedAws, *, fifo: bool) -> None:
    bucket = f"trail-{uuid.uuid4()}"
    aws.create_bucket(bucket)
    url = aws.create_queue(bucket, fifo=fifo)
    dead = aws.dead_letters_of(url)
    corrupt = messages.s3_event(aws.put_log(bucket, key_of("corrupt"), b"\x1f\x8bno gzip at all"))
    good = messages.s3_event(aws.put_log(bucket, key_of("good"), log_of("good", 2)))
    group: Any = {"MessageGroupId": "g", "MessageDeduplicationId": "d"} if fifo else {}
    own: Any = {"team": {"DataType": "String", "StringValue": "blue"}}
    name = aws.sqs.send_message(QueueUrl=url, MessageBody=corrupt, MessageAttributes=own, **group)["MessageId"]
    aws.send(url, good, group="g")
    processor = Recorder()
    [letter] = asyncio.run(worked_off(aws, url, dead, processor))
    assert letter.body == corrupt
    told = {key: text for key, text in letter.attributes.items() if key in (ERROR, MESSAGE_ID, QUEUE, RECEIVE_COUNT)}
    assert told == {ERROR: "CorruptLog", MESSAGE_ID: name, QUEUE: url, RECEIVE_COUNT: "1"}
    assert key_of("corrupt") in letter.attributes[REASON]
    assert letter.attributes["team"] == "blue"
    assert letter.group == ("g" if fifo else None)
    assert processor.taken == ["good/0", "good/1"]
    assert (aws.messages_left(url), aws.messages_left(dead)) == (0, 1)


def test_with_a_dead_letter_queue_that_does_not_exist_the_message_stays(aws: EmbeddedAws) -> None:
    url = aws.create_queue(f"queue-{uuid.uuid4()}")
    aws.send(url, "poison")
    missing = url.replace("queue-", "no-queue-")

    async def case() -> None:
        with pytest.raises(ConfigurationError, match=r"no-queue-.*NonExistentQueue|NonExistentQueue.*no-queue-"):
            await worked_off(aws, url, missing, Recorder())

    asyncio.run(case())
    assert aws.messages_left(url) == 1
