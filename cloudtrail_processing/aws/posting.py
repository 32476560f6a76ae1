"""Dead letters as SQS takes them: entries of a batch call, cut so that no call is too large."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudtrail_processing.letters import attributes, description
from cloudtrail_processing.ports import Letter

_LIMITS = (262_144, 1_048_576)
"""Bytes that one message may have, attributes included: in queues as they were made until 2025, and since."""
_CALL = _LIMITS[0]
"""Bytes that one call carries at most, unless a single message is larger: enough for ten usual ones, allowed anywhere.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""


@dataclass(frozen=True, slots=True)
class Posted:
    """A letter, the parameters of its entry in SendMessageBatch (all but its id), and its size in bytes."""

    letter: Letter
    parameters: Mapping[str, Any]
    size: int


def posted(letter: Letter, *, source: str, fifo: bool) -> Posted:
    """The letter with its attributes; with fewer, or none, where they would make a message too large that was not."""
    message = letter.message
    body = len(message.body.encode())
    choices = (attributes(letter, source=source), description(letter, source=source))
    carried = next((some for some in choices if _fits(body, _size(some))), {})
    parameters: dict[str, Any] = {
        "MessageBody": message.body,
        "MessageAttributes": {name: {"DataType": "String", "StringValue": text} for name, text in carried.items()},
    }
    if fifo:
        parameters["MessageGroupId"] = message.group or message.message_id
        parameters["MessageDeduplicationId"] = message.message_id
    return Posted(letter, parameters, body + _size(carried))


def batches(letters: Sequence[Letter], *, source: str, fifo: bool) -> Iterator[list[Posted]]:
    """The letters in order, each list for one call."""
    batch: list[Posted] = []
    for letter in letters:
        entry = posted(letter, source=source, fifo=fifo)
        if batch and sum(other.size for other in batch) + entry.size > _CALL:
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


def _fits(body: int, more: int) -> bool:
    return not any(body <= limit < body + more for limit in _LIMITS)


def _size(carried: Mapping[str, str]) -> int:
    return sum(len((name + "String" + text).encode()) for name, text in carried.items())
