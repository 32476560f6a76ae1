"""An AWS inside this process: S3, SQS and SNS by moto's server, on a free port of the loopback interface."""

import json
import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from cloudtrail_processing.aws.queue import SqsQueue
from cloudtrail_processing.aws.session import AwsOptions, Credentials, boto3_session
from cloudtrail_processing.aws.store import S3Store
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.testing.onestep import in_one_step

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sqs.client import SQSClient
    from werkzeug.serving import BaseWSGIServer

Via = Literal["s3", "sns", "cloudtrail"]
"""How a queue hears of a new log: S3 events directly, S3 events through SNS, or CloudTrail's own SNS message."""

_ACCOUNT = "123456789012"


class EmbeddedAws:
    """Starts the server on entering, stops it on leaving. Needs the extra ``demo``; nothing leaves the machine.

        with EmbeddedAws() as aws:
            aws.create_bucket("trail")
            url = aws.create_queue("logs")
            aws.notify("trail", url)
            aws.put_log("trail", "AWSLogs/…/log.json.gz", body)
            queue, store = aws.queue(url), aws.store()

    Clients get their dummy keys through ``options``; the process's environment is not changed, though boto3 reads it:
    a profile or proxy that it names must work. For a command in a process of its own there is ``environment``. All
    state is moto's, and there is one of it per process: entering empties it, so use one at a time.

    Where moto (5.2) is kinder than SQS: an old receipt works as long as its message exists, also after the message was
    received again, and a message that is not in flight can be hidden; S3 events have no version and no sequencer. And
    where it is wrong: when several messages of one FIFO group become visible again at the same time, the first of them
    comes last. ``FakeQueue`` does all this as SQS does.
    """

    def __init__(self, *, region: str = "us-east-1") -> None:
        self._region = region
        self._options = AwsOptions(region=region, credentials=Credentials("embedded", "embedded"))
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._topics: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._server = _serve()
        serve = partial(self._server.serve_forever, poll_interval=0.05)  # seconds until it notices that it is to stop
        self._thread = threading.Thread(target=serve, name="embedded-aws", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for made in ("s3", "sqs", "sns"):
            if client := self.__dict__.pop(made, None):
                client.close()
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    @property
    def url(self) -> str:
        """The endpoint URL of every service."""
        if self._server is None:
            raise SettingsError("the embedded AWS is not running: use it in a with statement")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def options(self) -> AwsOptions:
        """How to reach it, for ``SqsQueue``, ``S3Store`` and ``S3Keys``."""
        return replace(self._options, endpoint_url=self.url)

    @property
    def environment(self) -> Mapping[str, str]:
        """How to reach it, as environment variables for another process."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_DEFAULT_REGION": self._region,
        }

    @cached_property
    def s3(self) -> "S3Client":
        """A boto3 client of it, for what the methods here do not do."""
        client: S3Client = self._client("s3")
        return client

    @cached_property
    def sqs(self) -> "SQSClient":
        """A boto3 client of it."""
        client: SQSClient = self._client("sqs")
        return client

    @cached_property
    def sns(self) -> "SNSClient":
        """A boto3 client of it."""
        client: SNSClient = self._client("sns")
        return client

    def queue(self, queue_url: str) -> SqsQueue:
        """Our own queue client; close it."""
        return SqsQueue(queue_url, self.options)

    def store(self) -> S3Store:
        """Our own store."""
        return S3Store(self.options)

    def create_bucket(self, name: str, *, versioned: bool = False) -> None:
        """Make an empty bucket in the region of this AWS."""
        elsewhere: Any = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        self.s3.create_bucket(Bucket=name, **({} if self._region == "us-east-1" else elsewhere))
        if versioned:
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def create_queue(
        self, name: str, *, dead_letter: bool = True, fifo: bool = False, max_receive_count: int = 5
    ) -> str:
        """Make a queue and return its URL; with ``dead_letter`` also ``<name>-dead-letters`` behind it."""
        attributes: Any = {"FifoQueue": "true"} if fifo else {}
        suffix = ".fifo" if fifo else ""
        if dead_letter:
            behind = self.sqs.create_queue(QueueName=f"{name}-dead-letters{suffix}", Attributes=dict(attributes))
            redrive = {"deadLetterTargetArn": self._arn(behind["QueueUrl"]), "maxReceiveCount": max_receive_count}
            attributes["RedrivePolicy"] = json.dumps(redrive)
        return self.sqs.create_queue(QueueName=name + suffix, Attributes=attributes)["QueueUrl"]

    def dead_letters_of(self, queue_url: str) -> str:
        """The URL of the dead-letter queue behind a queue made with ``dead_letter``."""
        stem = queue_url.removesuffix(".fifo")
        return f"{stem}-dead-letters{queue_url.removeprefix(stem)}"

    def notify(self, bucket: str, queue_url: str, *, via: Via = "s3", raw: bool = False) -> None:
        """Let the queue hear of every object put into the bucket from now on.

        ``s3`` and ``sns`` start with S3's test event in the queue. With ``cloudtrail`` it is ``put_log`` that publishes
        the message, as CloudTrail would. ``raw`` delivers SNS messages without their envelope.
        """
        if via == "s3":
            self._notify(bucket, {"QueueConfigurations": [{"QueueArn": self._arn(queue_url), **_CREATED}]})
            return
        topic = self.sns.create_topic(Name=re.sub(r"[^\w-]", "-", f"{bucket}-{via}"))["TopicArn"]
        attributes = {"RawMessageDelivery": "true"} if raw else {}
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=self._arn(queue_url), Attributes=attributes)
        if via == "sns":
            self._notify(bucket, {"TopicConfigurations": [{"TopicArn": topic, **_CREATED}]})
        else:
            self._topics[bucket] = topic

    def put_log(self, bucket: str, key: str, body: bytes) -> LogObject:
        """Store an object, as CloudTrail does it, and let its bucket's queues hear of it."""
        answer = self.s3.put_object(
            Bucket=bucket, Key=key, Body=body, ContentType="application/json", ContentEncoding="gzip"
        )
        if topic := self._topics.get(bucket):
            self.sns.publish(TopicArn=topic, Message=json.dumps({"s3Bucket": bucket, "s3ObjectKey": [key]}))
        etag = answer["ETag"].strip('"')
        return log_object(bucket, key, size=len(body), version_id=answer.get("VersionId"), etag=etag)

    def send(self, queue_url: str, body: str, *, group: str = "default", delay: int = 0) -> str:
        """Send any message and return its id; ``group`` counts on FIFO queues only, ``delay`` (seconds) on others."""
        fifo: Any = {"MessageGroupId": group, "MessageDeduplicationId": str(uuid.uuid4())}
        optional = fifo if queue_url.endswith(".fifo") else {"DelaySeconds": delay}
        return self.sqs.send_message(QueueUrl=queue_url, MessageBody=body, **optional)["MessageId"]

    def messages_left(self, queue_url: str) -> int:
        """How many messages the queue holds: visible, in flight and delayed.

        Not the sum of its attributes: a message that becomes visible while they are counted would be in none of them.
        """
        return len(self._queues()[queue_url.rpartition("/")[2]]._messages)  # noqa: SLF001 - moto tells no sum

    def elapse(self, seconds: float) -> None:
        """Let time pass for the messages of every queue, so that visibility timeouts and delays end without waiting."""
        for queue in self._queues().values():
            for message in list(queue._messages):  # noqa: SLF001 - moto has no clock of its own to advance
                message.visible_at -= seconds * 1000
                message.delayed_until -= seconds * 1000

    def _queues(self) -> Any:
        from moto.sqs.models import sqs_backends

        return sqs_backends[_ACCOUNT][self._region].queues

    def _client(self, service: str) -> Any:
        session: Any = boto3_session(self._options)
        return session.client(service, endpoint_url=self.url)

    def _arn(self, queue_url: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]

    def _notify(self, bucket: str, more: Mapping[str, list[Any]]) -> None:
        configuration: dict[str, Any] = dict(self.s3.get_bucket_notification_configuration(Bucket=bucket))
        configuration.pop("ResponseMetadata", None)
        for kind, entries in more.items():
            configuration[kind] = [*configuration.get(kind, ()), *entries]
        both: Any = configuration
        self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=both)


_CREATED: Mapping[str, Any] = {"Events": ["s3:ObjectCreated:*"]}


def _serve() -> "BaseWSGIServer":
    """A server on a free port, emptied of what an earlier one in this process left behind, and silent."""
    try:
        from moto.core.base_backend import BackendDict
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server
    except ImportError as error:
        raise SettingsError(
            "the embedded AWS needs moto: install it with pip install 'cloudtrail-processing[demo]'"
        ) from error

    class Silent(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
            """Keep requests out of the terminal: the worker's own lines are what a reader wants."""

    BackendDict.reset()
    application = in_one_step(DomainDispatcherApplication(create_backend_app))
    return make_server("127.0.0.1", 0, application, threaded=True, request_handler=Silent)
