"""The operations of SQS; what they are asked and answer is as in its JSON protocol."""

import asyncio
import hashlib
import struct
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.aws.http import Connection
from benchmarks.aws.logs import ACCOUNT, REGION
from benchmarks.aws.queue import Message, Queue

MAIN, DEAD = "bench", "bench-dead"
_ATTRIBUTES = {
    "VisibilityTimeout": "30",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "MaximumMessageSize": "262144",
}
_MOST = 10
_TICK = 0.1

Asked = Mapping[str, Any]
Told = dict[str, Any]
Respond = Callable[[Told], None]


class Refused(Exception):
    """SQS does not do what it was asked; ``code`` is the error's name, ``old`` its name in the query protocol."""

    def __init__(self, code: str, message: str, *, old: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.old = old or code


@dataclass(slots=True, eq=False)
class _Waiting:
    """A receive that waits for messages."""

    queue: Queue
    asked: Asked
    respond: Respond
    connection: Connection
    timer: asyncio.TimerHandle | None = None


class Sqs:
    """Two queues: ``bench``, and ``bench-dead`` for its dead letters. A receive that waits is answered at once then."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.queues: dict[str, Queue] = {}
        self.first_receive: float | None = None
        self.last_delete: float | None = None
        self._waiting: deque[_Waiting] = deque()
        self.reset()

    def reset(self) -> None:
        """Empty queues; who waits goes on waiting, for the new ones."""
        old = self.queues
        self.queues = {MAIN: Queue(), DEAD: Queue()}
        for waiting in self._waiting:
            waiting.queue = next(self.queues[name] for name, queue in old.items() if queue is waiting.queue)
        self.requests.clear()
        self.first_receive = self.last_delete = None

    async def keep_time(self) -> None:
        """Let messages come back when their time is over; runs for ever."""
        while True:
            await asyncio.sleep(_TICK)
            for queue in self.queues.values():
                queue.come_back()
            self.wake()

    def fill(self, logs: range) -> None:
        """Messages about these logs; the clock of the measurement starts with the next receive."""
        self.queues[MAIN].fill(logs)
        self.first_receive = self.last_delete = None
        self.wake()

    def perform(self, operation: str, asked: Asked, *, respond: Respond, connection: Connection) -> None:
        """Do one operation and respond, now or later. Raises ``Refused``."""
        self.requests[operation] += 1
        name = str(asked.get("QueueUrl") or asked.get("QueueName", "")).rpartition("/")[2]
        queue = self.queues.get(name)
        if queue is None:
            text = "The specified queue does not exist."
            raise Refused("QueueDoesNotExist", text, old="AWS.SimpleQueueService.NonExistentQueue")
        if operation == "ReceiveMessage":
            self._receive(_Waiting(queue, asked, respond, connection))
        else:
            respond(_OPERATIONS[operation](self, queue, asked))

    # ── receiving ──

    def _receive(self, waiting: _Waiting) -> None:
        if not 1 <= int(waiting.asked.get("MaxNumberOfMessages") or 1) <= _MOST:
            raise Refused("InvalidParameterValue", f"MaxNumberOfMessages must be between 1 and {_MOST}.")
        waiting.queue.come_back()
        seconds = float(waiting.asked.get("WaitTimeSeconds") or 0)
        if waiting.queue.visible or not seconds:
            self._hand_out(waiting)
        else:
            waiting.timer = asyncio.get_running_loop().call_later(seconds, self._give_up, waiting)
            self._waiting.append(waiting)

    def wake(self) -> None:
        """Hand out what there is to those who wait, who came first first."""
        if not any(queue.visible for queue in self.queues.values()):
            return
        for _ in range(len(self._waiting)):
            waiting = self._waiting.popleft()
            if waiting.queue.visible or waiting.connection.gone:
                self._end(waiting)
            else:
                self._waiting.append(waiting)

    def _end(self, waiting: _Waiting) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
        if not waiting.connection.gone:
            self._hand_out(waiting)

    def _give_up(self, waiting: _Waiting) -> None:
        self._waiting.remove(waiting)
        waiting.respond({})

    def _hand_out(self, waiting: _Waiting) -> None:
        asked, queue = waiting.asked, waiting.queue
        most, seconds = int(asked.get("MaxNumberOfMessages") or 1), asked.get("VisibilityTimeout")
        messages = queue.receive(most, seconds=float(_ATTRIBUTES["VisibilityTimeout"] if seconds is None else seconds))
        if messages and queue is self.queues[MAIN] and self.first_receive is None:
            self.first_receive = time.time()
        system, own = _system_names(asked), asked.get("MessageAttributeNames") or ()
        waiting.respond({"Messages": [_told(message, system, own) for message in messages]} if messages else {})

    # ── the rest ──

    def delete(self, queue: Queue, asked: Asked) -> Told:
        """DeleteMessage: what is deleted may be deleted again."""
        if queue.delete(_receipt(asked)) and queue is self.queues[MAIN]:
            self.last_delete = time.time()
        return {}

    def change(self, queue: Queue, asked: Asked) -> Told:
        """ChangeMessageVisibility."""
        if not queue.hide(_receipt(asked), seconds=float(asked["VisibilityTimeout"])):
            text = f"Value {asked['ReceiptHandle']} for parameter ReceiptHandle is invalid. Reason: Message does not "
            raise Refused("InvalidParameterValue", f"{text}exist or is not available for visibility timeout change.")
        self.wake()
        return {}

    def send(self, queue: Queue, asked: Asked) -> Told:
        """SendMessage, without delay."""
        attributes = asked.get("MessageAttributes") or {}
        message = queue.send(str(asked["MessageBody"]), attributes)
        self.wake()
        told = {"MessageId": message.name, "MD5OfMessageBody": _digest(message.body.encode())}
        return told | ({"MD5OfMessageAttributes": _digest_of_attributes(attributes)} if attributes else {})

    def attributes(self, queue: Queue, asked: Asked) -> Told:
        """GetQueueAttributes; the counts are exact."""
        name = MAIN if queue is self.queues[MAIN] else DEAD
        everything = {
            "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
            "ApproximateNumberOfMessages": str(queue.visible),
            "ApproximateNumberOfMessagesNotVisible": str(queue.in_flight),
            "ApproximateNumberOfMessagesDelayed": "0",
            **_ATTRIBUTES,
        }
        names = asked.get("AttributeNames") or ()
        return {"Attributes": {name: it for name, it in everything.items() if name in names or "All" in names}}

    def url(self, queue: Queue, asked: Asked) -> Told:
        """GetQueueUrl."""
        return {"QueueUrl": f"http://{asked['Host']}/{ACCOUNT}/{asked['QueueName']}"}


One = Callable[[Sqs, Queue, Asked], Told]


def _each(one: One) -> One:
    """The same for up to ten entries, of which each fails alone."""

    def batch(sqs: Sqs, queue: Queue, asked: Asked) -> Told:
        entries = asked.get("Entries") or ()
        if not 1 <= len(entries) <= _MOST:
            name = "TooManyEntriesInBatchRequest" if entries else "EmptyBatchRequest"
            text = f"A batch has 1 to {_MOST} entries, not {len(entries)}."
            raise Refused(name, text, old=f"AWS.SimpleQueueService.{name}")
        told: Told = {"Successful": [], "Failed": []}
        for entry in entries:
            try:
                told["Successful"].append({"Id": entry["Id"], **one(sqs, queue, entry)})
            except Refused as error:
                failed = {"Id": entry["Id"], "SenderFault": True, "Code": error.old, "Message": str(error)}
                told["Failed"].append(failed)
        return told

    return batch


_OPERATIONS: Mapping[str, One] = {
    "DeleteMessage": Sqs.delete,
    "DeleteMessageBatch": _each(Sqs.delete),
    "ChangeMessageVisibility": Sqs.change,
    "ChangeMessageVisibilityBatch": _each(Sqs.change),
    "SendMessage": Sqs.send,
    "SendMessageBatch": _each(Sqs.send),
    "GetQueueAttributes": Sqs.attributes,
    "GetQueueUrl": Sqs.url,
}
OPERATIONS = frozenset(_OPERATIONS) | {"ReceiveMessage"}


def _receipt(asked: Asked) -> str:
    receipt = str(asked["ReceiptHandle"])
    try:
        int(receipt[4:28], 16)
    except ValueError:
        raise Refused("ReceiptHandleIsInvalid", "The input receipt handle is not valid.") from None
    return receipt


def _system_names(asked: Asked) -> Iterable[str]:
    return [*(asked.get("MessageSystemAttributeNames") or ()), *(asked.get("AttributeNames") or ())]


def _told(message: Message, system: Iterable[str], own: Iterable[str]) -> Told:
    body = message.body
    told: Told = {
        "MessageId": message.name,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": _digest(body.encode()),
        "Body": body,
    }
    if system:
        told["Attributes"] = _system(message, system)
    if message.attributes and (attributes := _wanted(message.attributes, own)):
        told["MessageAttributes"] = attributes
        told["MD5OfMessageAttributes"] = _digest_of_attributes(attributes)
    return told


def _system(message: Message, names: Iterable[str]) -> Told:
    everything = {
        "SenderId": "AIDAEXAMPLE",
        "SentTimestamp": str(message.sent),
        "ApproximateReceiveCount": str(message.count),
        "ApproximateFirstReceiveTimestamp": str(message.first),
    }
    return everything if "All" in names else {name: it for name, it in everything.items() if name in names}


def _wanted(attributes: Mapping[str, Any], names: Iterable[str]) -> Told:
    """The attributes of these names; a name may end with ``.*``, and ``All`` is every name."""
    starts = tuple(name.removesuffix("*") for name in names if name.endswith(".*") and name != ".*")
    every = any(name in ("All", ".*") for name in names)
    return {name: it for name, it in attributes.items() if every or name in names or name.startswith(starts or "\0")}


def _digest(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _digest_of_attributes(attributes: Mapping[str, Any]) -> str:
    """SQS's checksum of message attributes: by name, each part behind its length."""
    parts: list[bytes] = []
    for name, value in sorted(attributes.items()):
        text = value.get("StringValue")
        content = str(value.get("BinaryValue")).encode() if text is None else str(text).encode()
        parts += [*map(_sized, (name.encode(), value["DataType"].encode())), b"\1", _sized(content)]
    return _digest(b"".join(parts))


def _sized(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
