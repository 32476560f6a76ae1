"""An embedded AWS in a process of its own, so that its work and its state are apart from what is measured.

As a program it serves until its standard input ends, and so never outlives who started it. It answers one request at a
time: in several threads moto's SQS loses messages that are sent while others are deleted, and revives deleted ones.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs.models import sqs_backends
from werkzeug.serving import WSGIRequestHandler, make_server

from cloudtrail_processing.aws.session import AwsOptions, Credentials, boto3_session
from cloudtrail_processing.testing import GeneratedLog

_NEVER = 1000
"""Receives until the redrive policy acts: the most that SQS takes, so that dead letters are our own."""
_AT_ONCE = 10


class Aws:
    """S3 and SQS at ``url``, asked directly, without any faults in between."""

    def __init__(self, url: str, control: IO[str]) -> None:
        self.url = url
        self._control = control
        session: Any = boto3_session(AwsOptions(region="us-east-1", credentials=Credentials("embedded", "embedded")))
        self._s3 = session.client("s3", endpoint_url=url)
        self._sqs = session.client("sqs", endpoint_url=url)

    def create(self, *, buckets: Iterable[str], queue: str) -> tuple[str, str]:
        """The buckets, and a queue with its dead-letter queue; returns the names of both queues."""
        for bucket in buckets:
            self._s3.create_bucket(Bucket=bucket)
        dead = f"{queue}-dead-letters"
        arn = self._sqs.get_queue_attributes(
            QueueUrl=self._sqs.create_queue(QueueName=dead)["QueueUrl"], AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": _NEVER})
        self._sqs.create_queue(QueueName=queue, Attributes={"RedrivePolicy": redrive})
        return queue, dead

    def put(self, logs: Sequence[GeneratedLog]) -> Iterator[int]:
        """Store the logs; tells after each how many there are by now."""
        with ThreadPoolExecutor(4) as pool:
            yield from (number for number, _ in enumerate(pool.map(self._put, logs), start=1))

    def send(self, queue: str, bodies: Sequence[str]) -> list[str]:
        """Send messages in tens; returns their ids, in order."""
        tens = [bodies[start : start + _AT_ONCE] for start in range(0, len(bodies), _AT_ONCE)]
        return [name for ten in tens for name in self._send(queue, ten)]

    def left(self, queue: str) -> int:
        """How many messages the queue holds: visible, in flight and delayed."""
        return self._count(queue, *(f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")))

    def visible(self, queue: str) -> int:
        """How many messages could be received now."""
        return self._count(queue, "ApproximateNumberOfMessages")

    def elapse(self, seconds: float) -> None:
        """Let time pass for all messages: what is hidden for less is visible again."""
        self._control.write(f"{seconds}\n")
        self._control.flush()

    def take_all(self, queue: str) -> Iterator[Mapping[str, Any]]:
        """Every message of the queue, deleted."""
        url = self.queue_url(queue)
        while got := self._sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=_AT_ONCE, MessageAttributeNames=["All"]
        ).get("Messages"):
            yield from got
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(got)]
            self._sqs.delete_message_batch(QueueUrl=url, Entries=entries)

    def queue_url(self, queue: str, *, at: str | None = None) -> str:
        """The queue's URL, here or at another endpoint in front of this one."""
        return f"{at or self.url}/123456789012/{queue}"

    def close(self) -> None:
        """Close the connections."""
        self._s3.close()
        self._sqs.close()

    def _put(self, log: GeneratedLog) -> None:
        self._s3.put_object(Bucket=log.bucket, Key=log.key, Body=log.body, ContentEncoding="gzip")

    def _count(self, queue: str, *names: Any) -> int:
        answer = self._sqs.get_queue_attributes(QueueUrl=self.queue_url(queue), AttributeNames=names)
        return sum(int(number) for number in answer["Attributes"].values())

    def _send(self, queue: str, bodies: Sequence[str]) -> list[str]:
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        answer = self._sqs.send_message_batch(QueueUrl=self.queue_url(queue), Entries=entries)
        ids = {int(entry["Id"]): entry["MessageId"] for entry in answer["Successful"]}
        return [ids[number] for number in range(len(bodies))]


@contextlib.contextmanager
def aws_process() -> Iterator[Aws]:
    """An AWS that runs in a process of its own while inside."""
    with subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdin is not None
        assert it.stdout is not None
        with contextlib.closing(Aws(it.stdout.readline().strip(), it.stdin)) as aws:
            yield aws
        it.stdin.close()
        it.wait(10)


def main() -> None:
    """Serve until standard input ends; the first line of output is the endpoint URL, each of input lets time pass."""
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, request_handler=_Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    for line in sys.stdin:
        _let_pass(float(line))


def _let_pass(seconds: float) -> None:
    for queue in sqs_backends["123456789012"]["us-east-1"].queues.values():
        for message in list(queue._messages):  # noqa: SLF001 - moto has no clock of its own to advance
            message.visible_at -= seconds * 1000


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Requests are told by nobody."""


if __name__ == "__main__":
    main()
