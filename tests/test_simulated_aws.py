"""The simulated AWS of the benchmarks: to those who read logs it is SQS and S3."""

import asyncio
import gzip
import hashlib
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import boto3
import pytest

from cloudtrail_processing.aws.queue import SqsQueue
from cloudtrail_processing.aws.session import AwsOptions, Credentials
from cloudtrail_processing.aws.store import S3Store
from cloudtrail_processing.errors import LogGone
from cloudtrail_processing.flow import Notification, QueueMessage
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.notification import parse
from cloudtrail_processing.ports import Letter

pytest.importorskip("uvloop")
pytest.importorskip("httptools")

from benchmarks.aws.logs import BUCKET, key_of
from benchmarks.aws.running import Aws, running

BODIES = [gzip.compress(json.dumps({"Records": [{"eventID": str(number)}]}).encode()) for number in range(3)]
HIDDEN = 600
KEYS = Credentials("benchmark", "benchmark")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    logs = tmp_path_factory.mktemp("logs")
    for number, body in enumerate(BODIES):
        (logs / f"{number:06d}.json.gz").write_bytes(body)
    with running(logs, sqs_ms=0, s3_ms=0) as aws:
        yield aws


@pytest.fixture
def aws(server: Aws) -> Aws:
    server.reset()
    return server


def client(aws: Aws, service: Any) -> Any:
    session: Any = boto3.Session(
        aws_access_key_id=KEYS.access_key, aws_secret_access_key=KEYS.secret_key, region_name="eu-west-1"
    )
    return session.client(service, endpoint_url=aws.url)


@pytest.fixture(scope="module")
def sqs(server: Aws) -> Iterator[Any]:
    with closing(client(server, "sqs")) as opened:
        yield opened


@pytest.fixture(scope="module")
def s3(server: Aws) -> Iterator[Any]:
    with closing(client(server, "s3")) as opened:
        yield opened


def receive(sqs: Any, aws: Aws, *, most: int = 10, hidden: int = HIDDEN, wait: int = 0) -> list[Any]:
    answer = sqs.receive_message(
        QueueUrl=aws.queue_url,
        MaxNumberOfMessages=most,
        VisibilityTimeout=hidden,
        WaitTimeSeconds=wait,
        AttributeNames=["All"],
    )
    return list(answer.get("Messages", ()))


def delete(sqs: Any, aws: Aws, messages: Sequence[Any]) -> Any:
    entries = [{"Id": str(number), "ReceiptHandle": it["ReceiptHandle"]} for number, it in enumerate(messages)]
    return sqs.delete_message_batch(QueueUrl=aws.queue_url, Entries=entries)


def counts(aws: Aws) -> tuple[int, int, int]:
    stats = aws.stats()
    return stats["visible"], stats["in_flight"], stats["deleted"]


# ── the queue, by boto3 ──


def test_a_message_names_the_log_that_it_is_about(aws: Aws, sqs: Any) -> None:
    aws.fill(2)
    bodies = [message["Body"] for message in receive(sqs, aws)]
    named = [json.loads(json.loads(body)["Message"]) for body in bodies]
    assert named == [{"s3Bucket": BUCKET, "s3ObjectKey": [key_of(number)]} for number in range(2)]


def test_a_fill_goes_on_after_the_last_one_or_begins_where_it_is_told(aws: Aws, sqs: Any) -> None:
    aws.fill(2)
    aws.fill(1)
    aws.fill(1, first=7000)
    keys = [json.loads(json.loads(message["Body"])["Message"])["s3ObjectKey"][0] for message in receive(sqs, aws)]
    assert keys == [key_of(number) for number in (0, 1, 2, 7000)]


def test_no_message_is_handed_out_twice_while_it_is_hidden(aws: Aws, sqs: Any) -> None:
    aws.fill(25)
    got = [message["MessageId"] for _ in range(4) for message in receive(sqs, aws)]
    assert len(got) == len(set(got)) == 25
    assert counts(aws) == (0, 25, 0)


def test_a_message_that_is_not_deleted_comes_back_and_its_count_grows(aws: Aws, sqs: Any) -> None:
    aws.fill(1)
    [first] = receive(sqs, aws, hidden=1)
    [again] = receive(sqs, aws, wait=20)
    assert (first["MessageId"], first["Body"]) == (again["MessageId"], again["Body"])
    assert [it["Attributes"]["ApproximateReceiveCount"] for it in (first, again)] == ["1", "2"]
    assert (
        first["Attributes"]["ApproximateFirstReceiveTimestamp"]
        == (again["Attributes"]["ApproximateFirstReceiveTimestamp"])
    )
    assert aws.stats()["receives_again"] == 1


def test_the_old_receipt_of_a_message_that_was_received_again_deletes_nothing(aws: Aws, sqs: Any) -> None:
    aws.fill(1)
    [first] = receive(sqs, aws)
    sqs.change_message_visibility(QueueUrl=aws.queue_url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    [again] = receive(sqs, aws)
    assert delete(sqs, aws, [first])["Successful"]
    assert counts(aws) == (0, 1, 0)
    delete(sqs, aws, [again])
    assert counts(aws) == (0, 0, 1)


def test_a_message_that_is_visible_again_can_be_deleted_by_its_last_receipt(aws: Aws, sqs: Any) -> None:
    aws.fill(1)
    [message] = receive(sqs, aws)
    sqs.change_message_visibility(QueueUrl=aws.queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    sqs.delete_message(QueueUrl=aws.queue_url, ReceiptHandle=message["ReceiptHandle"])
    assert counts(aws) == (0, 0, 1)
    assert receive(sqs, aws) == []


def test_a_hidden_message_stays_hidden_for_longer_when_it_is_asked_for(aws: Aws, sqs: Any) -> None:
    aws.fill(2)
    kept, let_go = receive(sqs, aws, hidden=1)
    sqs.change_message_visibility(QueueUrl=aws.queue_url, ReceiptHandle=kept["ReceiptHandle"], VisibilityTimeout=HIDDEN)
    assert [message["MessageId"] for message in receive(sqs, aws, wait=20)] == [let_go["MessageId"]]


def test_a_receive_that_waits_ends_when_there_is_something(aws: Aws, sqs: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(receive, sqs, aws, wait=20)
        while "ReceiveMessage" not in aws.stats()["requests"]:
            pass
        aws.fill(3)
        assert len(waiting.result()) == 3


def test_who_waits_and_goes_away_takes_no_message_along(aws: Aws, sqs: Any) -> None:
    with closing(connect(aws)) as gone:
        gone.sendall(
            request("POST", "/123456789012/bench", urlencode({"Action": "ReceiveMessage", **WAITING}).encode())
        )
        while "ReceiveMessage" not in aws.stats()["requests"]:
            pass
    aws.fill(1)
    assert len(receive(sqs, aws, wait=20)) == 1


def test_a_receive_that_finds_nothing_says_so(aws: Aws, sqs: Any) -> None:
    assert receive(sqs, aws) == []
    assert receive(sqs, aws, wait=1) == []


def test_every_entry_of_a_batch_is_answered_by_its_name(aws: Aws, sqs: Any) -> None:
    aws.fill(2)
    good, other = receive(sqs, aws)
    answer = delete(sqs, aws, [good, {"ReceiptHandle": "nobody's"}, other])
    assert [entry["Id"] for entry in answer["Successful"]] == ["0", "2"]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("1", "ReceiptHandleIsInvalid")]
    assert counts(aws) == (0, 0, 2)


def test_a_message_that_is_gone_cannot_be_hidden(aws: Aws, sqs: Any) -> None:
    aws.fill(1)
    [message] = receive(sqs, aws)
    delete(sqs, aws, [message])
    with pytest.raises(sqs.exceptions.ClientError, match="does not exist or is not available"):
        sqs.change_message_visibility(
            QueueUrl=aws.queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=1
        )


def test_a_batch_of_more_than_ten_is_refused(aws: Aws, sqs: Any) -> None:
    with pytest.raises(sqs.exceptions.TooManyEntriesInBatchRequest):
        delete(sqs, aws, [{"ReceiptHandle": "any"}] * 11)


def test_a_queue_of_another_name_does_not_exist(aws: Aws, sqs: Any) -> None:
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.receive_message(QueueUrl=f"{aws.queue_url}s")


def test_the_queue_is_found_by_its_name(aws: Aws, sqs: Any) -> None:
    assert sqs.get_queue_url(QueueName="bench")["QueueUrl"] == aws.queue_url


def test_the_queue_tells_how_full_it_is(aws: Aws, sqs: Any) -> None:
    aws.fill(25)
    receive(sqs, aws)
    attributes = sqs.get_queue_attributes(QueueUrl=aws.queue_url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "15"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "10"
    one = sqs.get_queue_attributes(QueueUrl=aws.queue_url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert one == {"VisibilityTimeout": "30"}


def test_a_dead_letter_keeps_its_body_and_attributes(aws: Aws, sqs: Any) -> None:
    dead = f"{aws.queue_url}-dead"
    attributes = {"Why": {"DataType": "String", "StringValue": "<broken> & more"}}
    sent = sqs.send_message(QueueUrl=dead, MessageBody='<{"ü"}>', MessageAttributes=attributes)
    [message] = sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"])["Messages"]
    assert (message["Body"], message["MessageAttributes"]) == ('<{"ü"}>', attributes)
    assert sent["MD5OfMessageBody"] == message["MD5OfBody"] == hashlib.md5('<{"ü"}>'.encode()).hexdigest()
    assert sent["MD5OfMessageAttributes"] == message["MD5OfMessageAttributes"]
    assert aws.stats()["dead"] == 0


# ── the queue, in the older protocol ──

WAITING = {"WaitTimeSeconds": 20, "VisibilityTimeout": HIDDEN}


def form(aws: Aws, action: str, **asked: object) -> ElementTree.Element:
    """The answer to a form; dots in names are written as ``__``. Namespaces are left out."""
    fields = {"Action": action, "Version": "2012-11-05", **{name.replace("__", "."): it for name, it in asked.items()}}
    try:
        with urllib.request.urlopen(aws.queue_url, urlencode(fields).encode(), timeout=30) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode()
    return ElementTree.fromstring(text.replace(' xmlns="http://queue.amazonaws.com/doc/2012-11-05/"', ""))


def test_forms_are_answered_in_xml(aws: Aws) -> None:
    aws.fill(2)
    answer = form(aws, "ReceiveMessage", MaxNumberOfMessages=10, VisibilityTimeout=HIDDEN, AttributeName__1="All")
    messages = answer.findall("ReceiveMessageResult/Message")
    bodies = [message.findtext("Body") or "" for message in messages]
    assert [json.loads(body)["Type"] for body in bodies] == ["Notification"] * 2
    assert [message.findtext("MD5OfBody") for message in messages] == [
        hashlib.md5(body.encode()).hexdigest() for body in bodies
    ]
    names = [name.text for name in messages[0].findall("Attribute/Name")]
    assert "ApproximateReceiveCount" in names

    receipts = [message.findtext("ReceiptHandle") for message in messages]
    answer = form(
        aws,
        "DeleteMessageBatch",
        DeleteMessageBatchRequestEntry__1__Id="a",
        DeleteMessageBatchRequestEntry__1__ReceiptHandle=receipts[0],
        DeleteMessageBatchRequestEntry__2__Id="b",
        DeleteMessageBatchRequestEntry__2__ReceiptHandle="nobody's",
    )
    assert answer.findtext("DeleteMessageBatchResult/DeleteMessageBatchResultEntry/Id") == "a"
    assert answer.findtext("DeleteMessageBatchResult/BatchResultErrorEntry/Code") == "ReceiptHandleIsInvalid"
    form(aws, "ChangeMessageVisibility", ReceiptHandle=receipts[1], VisibilityTimeout=0)
    assert counts(aws) == (1, 0, 1)


def test_forms_send_messages_with_attributes(aws: Aws) -> None:
    value = {"MessageAttribute__1__Value__DataType": "String", "MessageAttribute__1__Value__StringValue": "<b>"}
    url = f"{aws.queue_url}-dead"
    form(aws, "SendMessage", QueueUrl=url, MessageBody="<a>", MessageAttribute__1__Name="Why", **value)
    answer = form(aws, "ReceiveMessage", QueueUrl=url, MessageAttributeName__1="All", **WAITING)
    message = answer.find("ReceiveMessageResult/Message")
    assert message is not None
    assert message.findtext("Body") == "<a>"
    assert message.findtext("MessageAttribute/Name") == "Why"
    assert message.findtext("MessageAttribute/Value/StringValue") == "<b>"


def test_forms_are_told_what_is_wrong_with_them(aws: Aws) -> None:
    assert form(aws, "DeleteMessage").findtext("Error/Code") == "MissingParameter"
    assert form(aws, "Dance").findtext("Error/Code") == "InvalidAction"
    missing = form(aws, "ReceiveMessage", QueueUrl="http://other/queue")
    assert missing.findtext("Error/Code") == "AWS.SimpleQueueService.NonExistentQueue"


def test_forms_ask_for_attributes(aws: Aws) -> None:
    aws.fill(3)
    answer = form(aws, "GetQueueAttributes", AttributeName__1="ApproximateNumberOfMessages")
    assert [it.text for it in answer.findall("GetQueueAttributesResult/Attribute/*")] == [
        "ApproximateNumberOfMessages",
        "3",
    ]


# ── objects ──


def test_an_object_holds_the_body_of_its_number_counted_over_and_over(aws: Aws, s3: Any) -> None:
    for number in (0, 1, 2, 3, 100_000):
        answer = s3.get_object(Bucket=BUCKET, Key=key_of(number))
        body = answer["Body"].read()
        assert body == BODIES[number % len(BODIES)]
        assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        assert answer["ContentLength"] == len(body)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=2-5", slice(2, 6)),
        ("bytes=3-", slice(3, None)),
        ("bytes=-4", slice(-4, None)),
        ("bytes=0-9999", slice(None)),
    ],
)
def test_a_part_of_an_object_can_be_asked_for(aws: Aws, s3: Any, asked: str, part: slice) -> None:
    answer = s3.get_object(Bucket=BUCKET, Key=key_of(1), Range=asked)
    assert answer["Body"].read() == BODIES[1][part]
    assert answer["ContentRange"].endswith(f"/{len(BODIES[1])}")


def test_a_part_behind_the_end_is_refused(aws: Aws, s3: Any) -> None:
    with pytest.raises(s3.exceptions.ClientError, match="InvalidRange"):
        s3.get_object(Bucket=BUCKET, Key=key_of(1), Range="bytes=9999-")


def test_the_head_of_an_object_has_its_length_and_no_body(aws: Aws, s3: Any) -> None:
    answer = s3.head_object(Bucket=BUCKET, Key=key_of(2))
    assert answer["ContentLength"] == len(BODIES[2])


@pytest.mark.parametrize("key", ["other.json.gz", f"x{key_of(1)}", key_of(7).replace("T0001Z", "T0002Z")])
def test_another_key_does_not_exist(aws: Aws, s3: Any, key: str) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=BUCKET, Key=key)
    with pytest.raises(s3.exceptions.ClientError, match="404"):
        s3.head_object(Bucket=BUCKET, Key=key)


def test_a_listing_shows_what_was_filled_page_by_page(aws: Aws, s3: Any) -> None:
    aws.fill(25)
    listing = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="AWSLogs/", PaginationConfig={"PageSize": 10}
    )
    pages = [page["Contents"] for page in listing]
    assert [len(page) for page in pages] == [10, 10, 5]
    listed = [entry for page in pages for entry in page]
    assert [entry["Key"] for entry in listed] == sorted(map(key_of, range(25)))
    assert listed[1]["Size"] == len(BODIES[1])


def test_a_listing_begins_behind_a_key_and_keeps_to_its_prefix(aws: Aws, s3: Any) -> None:
    aws.fill(25)
    answer = s3.list_objects_v2(Bucket=BUCKET, StartAfter=key_of(19))
    assert [entry["Key"] for entry in answer["Contents"]] == sorted(map(key_of, range(20, 25)))
    minute = key_of(5).partition("Z_")[0]
    answer = s3.list_objects_v2(Bucket=BUCKET, Prefix=minute)
    assert [entry["Key"] for entry in answer["Contents"]] == sorted(map(key_of, range(5, 10)))
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="other/")["KeyCount"] == 0


def test_the_bucket_tells_where_it_is(aws: Aws, s3: Any) -> None:
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == "eu-west-1"
    assert s3.head_bucket(Bucket=BUCKET)["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "eu-west-1"


# ── by what this package reads with ──


def options(aws: Aws) -> AwsOptions:
    return AwsOptions(region="eu-west-1", endpoint_url=aws.url, credentials=KEYS)


def named(message: QueueMessage) -> str:
    notification = parse(message)
    assert isinstance(notification, Notification)
    [log] = notification.logs
    return log.key


def test_the_queue_of_this_package_receives_hides_and_deletes(aws: Aws) -> None:
    async def use() -> None:
        async with SqsQueue(aws.queue_url, options(aws)) as queue:
            messages = await queue.receive(limit=10, wait=20, visibility=HIDDEN)
            assert [named(it) for it in messages] == [key_of(number) for number in range(10)]
            assert not await queue.change_visibility([(messages[0], 0), (messages[1], HIDDEN)])
            assert not await queue.delete(messages[1:])
            info = await queue.info()
            assert (info.visible, info.in_flight, info.visibility_timeout) == (3, 0, 30)

    aws.fill(12)
    asyncio.run(use())


def test_the_dead_letters_of_this_package_arrive(aws: Aws) -> None:
    async def use() -> Sequence[QueueMessage]:
        async with SqsQueue(f"{aws.queue_url}-dead", options(aws)) as queue:
            message = QueueMessage("1", "body", "receipt", 1, None, None, {})
            assert not await queue.post([Letter(message, "Broken", "no log")])
            return await queue.receive(limit=1, wait=20, visibility=HIDDEN)

    [message] = asyncio.run(use())
    assert message.body == "body"
    assert "no log" in message.attributes.values()


def test_the_store_of_this_package_reads_logs(aws: Aws) -> None:
    with closing(S3Store(options(aws))) as store:
        fetched = store.fetch(log_object(BUCKET, key_of(4)), limit=1000)
        assert (fetched.body, fetched.etag) == (BODIES[1], hashlib.md5(BODIES[1]).hexdigest())
        assert store.identify(log_object(BUCKET, key_of(4))).size == len(BODIES[1])
        with pytest.raises(LogGone):
            store.fetch(log_object(BUCKET, "AWSLogs/none.json.gz"), limit=1000)


# ── the wire ──


def connect(aws: Aws) -> socket.socket:
    where = urlsplit(aws.url)
    return socket.create_connection((where.hostname or "", where.port or 0), timeout=30)


def request(method: str, target: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it(aws: Aws) -> None:
    headers = {"X_Amz_Target": "AmazonSQS.GetQueueUrl", "Expect": "100-Continue", "Connection": "close"}
    whole = request("POST", "/", b'{"QueueName":"bench"}', **headers)
    head, _, body = whole.partition(b"\r\n\r\n")
    with closing(connect(aws)) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(body)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'/123456789012/bench"}')


def test_a_body_may_come_in_chunks(aws: Aws) -> None:
    head = b"POST / HTTP/1.1\r\nHost: it\r\nx-amz-target: AmazonSQS.GetQueueUrl\r\nTransfer-Encoding: chunked\r\n"
    with closing(connect(aws)) as connection:
        connection.sendall(head + b'Connection: close\r\n\r\nc\r\n{"QueueName"\r\n9\r\n:"bench"}\r\n0\r\n\r\n')
        assert read_all(connection).endswith(b'{"QueueUrl":"http://it/123456789012/bench"}')


def test_requests_sent_ahead_are_answered_in_their_order(aws: Aws) -> None:
    with closing(connect(aws)) as connection:
        get = request("GET", f"/{BUCKET}/{key_of(0)}")
        last = request("GET", f"/{BUCKET}/{key_of(1)}?x-id=GetObject", Connection="close")
        connection.sendall(request("HEAD", f"/{BUCKET}/{key_of(0)}") + get + last)
        answer = read_all(connection)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert 0 < answer.index(BODIES[0]) < answer.index(BODIES[1])


def test_a_bucket_may_be_named_by_its_host(aws: Aws) -> None:
    asked = f"GET /{key_of(0)} HTTP/1.1\r\nHost: {BUCKET}.localhost\r\nConnection: close\r\n\r\n"
    with closing(connect(aws)) as connection:
        connection.sendall(asked.encode())
        assert read_all(connection).endswith(BODIES[0])


def test_what_is_not_http_is_refused(aws: Aws) -> None:
    with closing(connect(aws)) as connection:
        connection.sendall(b"hello\r\n\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 400 Bad Request\r\n")


# ── what a measurement is told ──


def test_what_clients_did_is_counted(aws: Aws, sqs: Any, s3: Any) -> None:
    before = aws.fill(12)
    assert (before["first_receive"], before["last_delete"]) == (None, None)
    messages = [message for _ in range(2) for message in receive(sqs, aws)]
    delete(sqs, aws, messages[:10])
    sqs.delete_message(QueueUrl=aws.queue_url, ReceiptHandle=messages[10]["ReceiptHandle"])
    s3.get_object(Bucket=BUCKET, Key=key_of(0))["Body"].read()
    stats = aws.stats()
    assert counts(aws) == (0, 1, 11)
    assert stats["requests"] == {"ReceiveMessage": 2, "DeleteMessageBatch": 1, "DeleteMessage": 1, "GetObject": 1}
    assert stats["bytes_out"] > len(BODIES[0])
    assert 0 < stats["first_receive"] <= stats["last_delete"] <= stats["now"]
    assert stats["cpu"] > 0


def test_the_clock_of_a_measurement_starts_again_with_each_fill(aws: Aws, sqs: Any) -> None:
    aws.fill(1)
    delete(sqs, aws, receive(sqs, aws))
    again = aws.fill(1)
    assert (again["first_receive"], again["last_delete"], again["deleted"]) == (None, None, 1)


def test_a_reset_forgets_everything(aws: Aws, sqs: Any, s3: Any) -> None:
    aws.fill(5)
    receive(sqs, aws, most=2)
    stats = aws.reset()
    assert counts(aws) == (0, 0, 0)
    assert (stats["requests"], stats["first_receive"]) == ({}, None)
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_answers_can_be_made_to_take_their_time(aws: Aws, sqs: Any, s3: Any) -> None:
    aws.latency(sqs_ms=20, s3_ms=20)
    try:
        aws.fill(1)
        assert len(receive(sqs, aws)) == 1
        assert s3.get_object(Bucket=BUCKET, Key=key_of(0))["Body"].read() == BODIES[0]
    finally:
        aws.latency(sqs_ms=0, s3_ms=0)


def test_its_ceiling_can_be_measured() -> None:
    ceiling = pytest.importorskip("benchmarks.aws.ceiling")
    rates = ceiling.measured(requests=40, connections=4)
    assert {name: rate["requests"] for name, rate in rates.items()} == {
        "receive": 40,
        "delete": 40,
        "get_tiny": 40,
        "get_large": 8,
    }
