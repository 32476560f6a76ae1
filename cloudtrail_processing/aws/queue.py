"""The queue: SQS by aiobotocore, in batches."""

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from cloudtrail_processing.aws.failures import mapped, redacted
from cloudtrail_processing.aws.posting import Posted, batches
from cloudtrail_processing.aws.session import AwsOptions, sqs_client
from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.ports import BATCH, LONGEST_POLL, EntryFailure, Letter, QueueInfo, Unsent

if TYPE_CHECKING:
    from types_aiobotocore_sqs.client import SQSClient

_log = logging.getLogger(__name__)

_GONE_CODES = frozenset(
    {"ReceiptHandleIsInvalid", "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"},
)
_GONE_TEXT = re.compile(r"expired|not available|does not exist|not in flight", re.IGNORECASE)


class SqsQueue:
    """One SQS queue, standard or FIFO, as ``ports.Queue`` and ``ports.DeadLetters``.

    ``url`` is the queue's URL; its region is read from it. The client is opened at first use, on the event loop then
    running, and closed by ``close()`` or by leaving ``async with``; afterwards the next use opens it again. A
    ``client`` of yours (aiobotocore) is used instead and left open; give it a read time-out above 20 s. ``source`` is
    the URL of the queue whose rejected messages are posted here; each letter tells it.

    Raises only our errors, and ``ValueError`` for more entries than a call may have.
    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
    """

    def __init__(
        self,
        url: str,
        options: AwsOptions | None = None,
        *,
        client: "SQSClient | None" = None,
        source: str = "",
    ) -> None:
        self.url = url
        self._source = source
        self._options = options or AwsOptions()
        self._given = client
        self._opened: SQSClient | None = None
        self._opening = asyncio.Lock()
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        with mapped(f"opening queue {self.url}"):
            await self._client()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the client that was opened here; may be repeated."""
        self._opened = None
        self._opening = asyncio.Lock()  # a lock that was contended stays bound to its event loop
        await self._exit.aclose()

    async def receive(self, *, limit: int, wait: float, visibility: int) -> Sequence[QueueMessage]:
        """Up to ``limit`` messages; ``wait`` is cut to whole seconds and to SQS's 20.

        A message whose body does not have the checksum that SQS sent along is left in the queue with a warning.
        """
        _check_size(limit)
        with mapped(f"receiving from queue {self.url}"):
            client = await self._client()
            answer = await client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=limit,
                WaitTimeSeconds=max(0, min(LONGEST_POLL, int(wait))),
                VisibilityTimeout=visibility,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            return [self._message(message) for message in answer.get("Messages", ()) if self._is_intact(message)]

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[EntryFailure]:
        """Delete at most 10; deleting again what is deleted succeeds."""
        if not _check_size(len(messages), least=0):
            return ()
        with mapped(f"deleting from queue {self.url}"):
            client = await self._client()
            answer = await client.delete_message_batch(
                QueueUrl=self.url,
                Entries=[{"Id": str(n), "ReceiptHandle": m.receipt} for n, m in enumerate(messages)],
            )
            return _failures(answer, messages)

    async def change_visibility(self, changes: Sequence[tuple[QueueMessage, int]]) -> Sequence[EntryFailure]:
        """Set the time until each is visible again, 0 to 43200 whole seconds from now; SQS's sum is 12 hours."""
        if not _check_size(len(changes), least=0):
            return ()
        with mapped(f"changing visibility in queue {self.url}"):
            client = await self._client()
            answer = await client.change_message_visibility_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": message.receipt, "VisibilityTimeout": seconds}
                    for n, (message, seconds) in enumerate(changes)
                ],
            )
            return _failures(answer, [message for message, _ in changes])

    async def post(self, letters: Sequence[Letter]) -> Sequence[Unsent]:
        """Send at most 10, each with its body unchanged and, as message attributes, why it was rejected.

        The names of the attributes are in ``cloudtrail_processing.letters``; the message's own follow as far as there
        is room. On a FIFO queue its group is kept, and the same message sent again within 5 minutes is stored once.
        Raises only when nothing was sent.
        """
        _check_size(len(letters), least=0)
        unsent: list[Unsent] = []
        errors: list[CloudTrailProcessingError] = []
        for batch in batches(letters, source=self._source, fifo=self._is_fifo):
            try:
                unsent += await self._send(batch)
            except CloudTrailProcessingError as error:
                errors.append(error)
                unsent += [Unsent(posted.letter, str(error)) for posted in batch]
        if errors and len(unsent) == len(letters):
            raise errors[0]
        return unsent

    async def _send(self, batch: Sequence[Posted]) -> Sequence[Unsent]:
        with mapped(f"sending to dead-letter queue {self.url}"):
            client = await self._client()
            entries: Any = [{"Id": str(n), **posted.parameters} for n, posted in enumerate(batch)]
            answer = await client.send_message_batch(QueueUrl=self.url, Entries=entries)
            return _unsent(answer, batch)

    async def info(self) -> QueueInfo:
        """The queue's attributes; counts are SQS's approximations and may lag by a minute."""
        with mapped(f"asking queue {self.url} for its attributes"):
            client = await self._client()
            answer = await client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
            return _info(answer.get("Attributes", {}))

    @property
    def _is_fifo(self) -> bool:
        return self.url.endswith(".fifo")

    async def _client(self) -> "SQSClient":
        if self._given is not None:
            return self._given
        async with self._opening:
            if self._opened is None:
                self._opened = await self._exit.enter_async_context(sqs_client(self.url, self._options))
            return self._opened

    def _message(self, message: Mapping[str, Any]) -> QueueMessage:
        system: Mapping[str, str] = message.get("Attributes", {})
        sent = system.get("SentTimestamp")
        return QueueMessage(
            message_id=message["MessageId"],
            body=message.get("Body", ""),
            receipt=message["ReceiptHandle"],
            receive_count=int(system.get("ApproximateReceiveCount", 1)),
            sent_at=datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
            # Standard queues carry group ids as well ("fair queues"), but do not order by them.
            group=system.get("MessageGroupId") if self._is_fifo else None,
            attributes={**_user_texts(message.get("MessageAttributes", {})), **system},
        )

    def _is_intact(self, message: Mapping[str, Any]) -> bool:
        digest = _digest(message.get("Body", ""))
        if message.get("MD5OfBody", digest) == digest:
            return True
        _log.warning("message %s in queue %s arrived damaged; left for redelivery", message["MessageId"], self.url)
        return False


def _digest(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def _check_size(entries: int, *, least: int = 1) -> int:
    if not least <= entries <= BATCH:
        raise ValueError(f"one call takes {least} to {BATCH} messages, not {entries}")
    return entries


def _user_texts(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The text of user attributes; binary ones have none."""
    return {name: value["StringValue"] for name, value in attributes.items() if "StringValue" in value}


def _failures(answer: Mapping[str, Any], messages: Sequence[QueueMessage]) -> Sequence[EntryFailure]:
    return [_failure(messages[n], entry) for n, entry in _unconfirmed(answer, len(messages))]


def _unsent(answer: Mapping[str, Any], batch: Sequence[Posted]) -> Sequence[Unsent]:
    """Also a letter that SQS received with another checksum than it was sent with: its original must stay."""
    digests = {str(n): _digest(posted.letter.message.body) for n, posted in enumerate(batch)}
    failed = list(answer.get("Failed", ()))
    sent = []
    for entry in answer.get("Successful", ()):
        if entry.get("MD5OfMessageBody") == digests.get(entry["Id"]):
            sent.append(entry)
        else:
            failed.append({"Id": entry["Id"], "Code": "Damaged", "Message": "it arrived with another checksum"})
    return [
        Unsent(batch[n].letter, redacted(f"{entry.get('Code', '')}: {entry.get('Message', '')}"))
        for n, entry in _unconfirmed({"Successful": sent, "Failed": failed}, len(batch))
    ]


def _unconfirmed(answer: Mapping[str, Any], count: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Every entry that the answer does not name as successful, by its place: silence is no success."""
    done = {entry["Id"] for entry in answer.get("Successful", ())}
    failed = {entry["Id"]: entry for entry in answer.get("Failed", ())}
    silence = {"Code": "NoAnswer", "Message": "the answer does not name this entry"}
    yield from ((n, failed.get(str(n), silence)) for n in range(count) if str(n) not in done)


def _failure(message: QueueMessage, entry: Mapping[str, Any]) -> EntryFailure:
    code, text = str(entry.get("Code", "")), str(entry.get("Message", ""))
    gone = code in _GONE_CODES or (code == "InvalidParameterValue" and _GONE_TEXT.search(text) is not None)
    # SQS quotes the receipt in its text.
    reason = redacted(f"{code}: {text.replace(message.receipt, '…')}")
    return EntryFailure(message, reason, gone=gone)


def _info(attributes: Mapping[Any, str]) -> QueueInfo:
    redrive: Mapping[str, Any] = json.loads(attributes.get("RedrivePolicy") or "{}")
    most = redrive.get("maxReceiveCount")
    return QueueInfo(
        visible=int(attributes.get("ApproximateNumberOfMessages", 0)),
        in_flight=int(attributes.get("ApproximateNumberOfMessagesNotVisible", 0)),
        delayed=int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
        visibility_timeout=int(attributes.get("VisibilityTimeout", 30)),
        dead_letter_arn=redrive.get("deadLetterTargetArn"),
        max_receive_count=int(most) if most is not None else None,
        fifo=attributes.get("FifoQueue") == "true",
        retention=int(attributes["MessageRetentionPeriod"]) if "MessageRetentionPeriod" in attributes else None,
    )
