"""Dead letters: what is written on a rejected message, so that it can be understood and replayed later."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from cloudtrail_processing.flow import QueueMessage, Reject, Retry, Verdict
from cloudtrail_processing.ports import Letter, QueueInfo

ERROR = "CloudTrailProcessingError"
"""Attribute with the class name of what went wrong; the names are those of message attributes in the queue."""
REASON = "CloudTrailProcessingReason"
"""Attribute with what went wrong, on one line of at most 300 characters."""
MESSAGE_ID = "CloudTrailProcessingMessageId"
"""Attribute with the id that the message had in its own queue."""
RECEIVE_COUNT = "CloudTrailProcessingReceiveCount"
"""Attribute with how often it had been received there."""
QUEUE = "CloudTrailProcessingQueue"
"""Attribute with the URL of its own queue, where the sender knows it."""
ATTRIBUTES = 10
"""User attributes that one message may have."""

_REASON = 300  # characters
_FEW_RECEIVES = 3
_HALF_OF_LIFE, _END_OF_LIFE = 0.5, 0.8  # parts of the queue's retention
_INVALID = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in SQS; also tabs and line breaks
_SYSTEM = frozenset(
    {
        "SenderId",
        "SentTimestamp",
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
        "SequenceNumber",
        "MessageDeduplicationId",
        "MessageGroupId",
        "AWSTraceHeader",
        "DeadLetterQueueSourceArn",
    }
)


def description(letter: Letter, *, source: str = "") -> dict[str, str]:
    """The attributes that tell why the message was rejected; ``source`` is the URL of its own queue."""
    message = letter.message
    told = {
        ERROR: _one_line(letter.error),
        REASON: _one_line(letter.reason),
        MESSAGE_ID: _one_line(message.message_id),
        RECEIVE_COUNT: str(message.receive_count),
        QUEUE: _one_line(source),
    }
    return {name: text for name, text in told.items() if text}


def own_attributes(message: QueueMessage) -> Mapping[str, str]:
    """The attributes with which the message was sent: not SQS's, and not ours from an earlier time."""
    ours = {ERROR, REASON, MESSAGE_ID, RECEIVE_COUNT, QUEUE} | _SYSTEM
    return {name: text for name, text in message.attributes.items() if name not in ours and text}


def attributes(letter: Letter, *, source: str = "") -> dict[str, str]:
    """What a dead letter carries: its description, then the message's own attributes as far as there is room."""
    ours = description(letter, source=source)
    others = list(own_attributes(letter.message).items())[: ATTRIBUTES - len(ours)]
    return {**ours, **dict(others)}


def in_time(
    verdict: Verdict, message: QueueMessage, *, now: datetime, retention: float | None, copies: bool
) -> tuple[Verdict, str | None]:
    """The verdict for a message that SQS will drop before long, and a warning when it is half as old as it can get.

    ``retention`` is in seconds. What is to come back, and has less than a fifth of its time left, is rejected where
    rejected messages are copied: the copy lives on. The receive count has no say in this.
    """
    if not isinstance(verdict, Retry) or message.sent_at is None or not retention:
        return verdict, None
    age = (now - message.sent_at).total_seconds()
    if age < _HALF_OF_LIFE * retention:
        return verdict, None
    told = f"message {message.message_id} is {age / 3600:.1f} h old, and SQS drops it after {retention / 3600:.1f} h"
    if age < _END_OF_LIFE * retention or not copies:
        return verdict, f"{told}: see to what fails before, or have it sent to a dead-letter queue (dead_letter_url)"
    reject = Reject(verdict.after, f"{verdict.reason}; its retention ends soon", error=verdict.reason.partition(":")[0])
    return reject, f"{told}: it is sent to the dead-letter queue before that"


def concerns(info: QueueInfo, *, posted: bool) -> Iterator[str]:
    """What an operator should know at start of how rejected messages leave the queue.

    ``posted`` is True when they are sent to a dead-letter queue by the worker itself.
    """
    most = info.max_receive_count
    if info.dead_letter_arn is None and posted:
        yield (
            "the queue has no redrive policy: rejected messages are sent to the configured dead-letter queue, but one "
            "that fails for another reason each time comes back until its retention ends, and is lost then"
        )
    elif info.dead_letter_arn is None:
        yield (
            "the queue has no redrive policy: a message that can never be processed comes back until its retention "
            "ends, and is lost then; give the queue a dead-letter queue"
        )
    elif most is not None and most < _FEW_RECEIVES:
        yield (
            f"the queue's redrive policy makes a dead letter of every message after {most} receive(s): one failure of "
            f"the network or one restart may be enough; set maxReceiveCount to {_FEW_RECEIVES} at least, better 5"
        )


def _one_line(text: str) -> str:
    """As SQS accepts it, which refuses control characters and a few others; at most 300 characters."""
    return " ".join(_INVALID.sub(" ", text).split())[:_REASON].strip()
