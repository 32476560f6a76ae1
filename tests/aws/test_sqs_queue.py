"""``SqsQueue`` where answers are such as the embedded AWS never gives: damaged, incomplete, refused."""

import asyncio
import logging
from typing import Any

import pytest

from cloudtrail_processing.aws.queue import SqsQueue
from cloudtrail_processing.aws.session import AwsOptions, Credentials
from cloudtrail_processing.errors import ConfigurationError, TransientError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.testing import EmbeddedAws

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/trail"
A, B = (QueueMessage(message_id=name, body="", receipt=f"receipt-of-{name}") for name in "ab")


class Scripted:
    """An SQS client that gives one prepared answer."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.asked: dict[str, Any] = {}

    async def _say(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return self.answer

    receive_message = delete_message_batch = change_message_visibility_batch = get_queue_attributes = _say
    send_message_batch = _say


def _queue(answer: dict[str, Any], url: str = URL) -> tuple[SqsQueue, Scripted]:
    client: Any = Scripted(answer)
    return SqsQueue(url, client=client), client


@pytest.mark.parametrize(
    ("code", "text", "gone"),
    [
        ("ReceiptHandleIsInvalid", "The input receipt handle is invalid.", True),
        ("InvalidParameterValue", "Value receipt-of-b … is invalid. Reason: The receipt handle has expired.", True),
        (
            "InvalidParameterValue",
            "Value receipt-of-b … Message does not exist or is not available for visibility timeout change.",
            True,
        ),
        ("InvalidParameterValue", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]", False),
        ("MessageNotInflight", "", True),
        ("InternalError", "receipt-of-b", False),
    ],
)
def test_a_failed_entry_tells_whether_it_is_gone_and_never_its_receipt(code: str, text: str, *, gone: bool) -> None:
    failed = {"Id": "1", "Code": code, "Message": text, "SenderFault": True}
    queue, _ = _queue({"Successful": [{"Id": "0"}], "Failed": [failed]})
    [failure] = asyncio.run(queue.change_visibility([(A, 1), (B, 1)]))
    assert (failure.message, failure.gone) == (B, gone)
    assert failure.reason.startswith(code)
    assert B.receipt not in failure.reason


def test_an_entry_that_the_answer_does_not_name_has_failed() -> None:
    queue, _ = _queue({"Successful": [{"Id": "0"}]})
    [failure] = asyncio.run(queue.delete([A, B]))
    assert (failure.message, failure.gone) == (B, False)


def test_a_damaged_message_is_left_in_the_queue_and_its_neighbours_are_not(caplog: pytest.LogCaptureFixture) -> None:
    bodies = [("1", "good", "755f85c2723bb39381c7379a604160d8"), ("2", "bad", "755f85c2723bb39381c7379a604160d8")]
    messages = [{"MessageId": i, "Body": body, "MD5OfBody": md5, "ReceiptHandle": i} for i, body, md5 in bodies]
    queue, _ = _queue({"Messages": messages})
    with caplog.at_level(logging.WARNING):
        received = asyncio.run(queue.receive(limit=10, wait=0, visibility=30))
    assert [message.body for message in received] == ["good"]
    assert "message 2" in caplog.text
    assert "bad" not in caplog.text


@pytest.mark.parametrize(("wait", "asked"), [(0, 0), (0.5, 0), (7.9, 7), (20, 20), (60, 20)])
def test_a_wait_is_cut_to_what_sqs_takes(wait: float, asked: int) -> None:
    queue, client = _queue({})
    assert asyncio.run(queue.receive(limit=10, wait=wait, visibility=30)) == []
    assert client.asked["WaitTimeSeconds"] == asked


def test_user_attributes_come_along_as_text_and_never_pose_as_system_attributes() -> None:
    message = {
        "MessageId": "1",
        "ReceiptHandle": "r",
        "Body": "",
        "Attributes": {"SenderId": "the sender", "MessageGroupId": "fair"},
        "MessageAttributes": {
            "SenderId": {"StringValue": "somebody else", "DataType": "String"},
            "source": {"StringValue": "s3", "DataType": "String"},
            "blob": {"BinaryValue": b"\x00", "DataType": "Binary"},
        },
    }
    [standard] = asyncio.run(_queue({"Messages": [message]})[0].receive(limit=1, wait=0, visibility=30))
    assert standard.attributes == {"SenderId": "the sender", "MessageGroupId": "fair", "source": "s3"}
    assert standard.group is None
    [fifo] = asyncio.run(_queue({"Messages": [message]}, URL + ".fifo")[0].receive(limit=1, wait=0, visibility=30))
    assert fifo.group == "fair"


def test_a_queue_without_redrive_policy_has_no_dead_letters() -> None:
    info = asyncio.run(
        _queue({"Attributes": {"ApproximateNumberOfMessages": "3", "VisibilityTimeout": "90"}})[0].info()
    )
    assert (info.visible, info.visibility_timeout) == (3, 90)
    assert (info.dead_letter_arn, info.max_receive_count) == (None, None)


def test_an_unknown_queue_is_a_matter_of_configuration() -> None:
    async def case(aws: EmbeddedAws) -> None:
        async with aws.queue(f"{aws.url}/123456789012/nowhere") as queue:
            with pytest.raises(ConfigurationError, match=r"receiving from queue .*/nowhere failed: .*NonExistentQueue"):
                await queue.receive(limit=1, wait=0, visibility=30)

    with EmbeddedAws() as aws:
        asyncio.run(case(aws))


def test_an_endpoint_where_nobody_listens_is_transient() -> None:
    async def case() -> None:
        options = AwsOptions(region="us-east-1", credentials=Credentials("a", "b"))
        async with SqsQueue("http://127.0.0.1:1/123456789012/trail", options) as queue:
            with pytest.raises(TransientError, match="EndpointConnectionError"):
                await queue.info()

    asyncio.run(case())


def test_a_profile_that_does_not_exist_is_a_matter_of_configuration() -> None:
    async def case() -> None:
        with pytest.raises(ConfigurationError, match="nobody"):
            await SqsQueue(URL, AwsOptions(profile="nobody")).info()

    asyncio.run(case())


def test_a_closed_queue_opens_again_at_the_next_use_on_any_event_loop() -> None:
    async def case(queue: SqsQueue) -> int:
        infos = await asyncio.gather(*(queue.info() for _ in range(3)))
        await queue.close()
        await queue.close()
        return infos[0].visible

    with EmbeddedAws() as aws:
        queue = aws.queue(aws.create_queue("trail"))
        assert asyncio.run(case(queue)) == 0
        aws.send(queue.url, "x")
        assert asyncio.run(case(queue)) == 1
