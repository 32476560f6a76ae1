"""The embedded AWS does in one step what AWS does in one step."""

import json
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest

from cloudtrail_processing.testing import EmbeddedAws
from cloudtrail_processing.testing.onestep import Request, in_one_step

RECEIVE = "AmazonSQS.ReceiveMessage"


class TwoSteps:
    """A server that looks first and acts a moment later, and says what it was asked."""

    def __init__(self, *answers: bytes) -> None:
        self.asked: list[bytes] = []
        self.met = False
        self._inside = threading.Lock()
        self._answers = list(answers)

    def __call__(self, request: Request, start_response: Any) -> Iterable[bytes]:
        alone = self._inside.acquire(blocking=False)
        self.met = self.met or not alone
        time.sleep(0.01)
        self.asked.append(request["wsgi.input"].read(int(request["CONTENT_LENGTH"])))
        start_response("200 OK", [("x-amzn-requestid", "1")])
        if alone:
            self._inside.release()
        return [self._answers.pop(0) if self._answers else b'{"Messages":[]}']


def ask(application: Any, target: str, body: bytes = b'{"WaitTimeSeconds": 20}') -> tuple[Sequence[Any], bytes]:
    started: list[Any] = []
    request = {"HTTP_X_AMZ_TARGET": target, "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    parts = application(request, lambda *arguments: started.extend(arguments))
    return started, b"".join(parts)


@pytest.mark.parametrize(
    ("target", "met"), [(RECEIVE, False), ("DynamoDB_20120810.UpdateItem", False), ("AmazonSQS.DeleteMessage", True)]
)
def test_only_requests_that_look_before_they_act_take_turns(target: str, *, met: bool) -> None:
    server = TwoSteps()
    application = in_one_step(server)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ask(application, target), range(12)))
    assert len(server.asked) == 12
    assert server.met is met


def test_a_receive_that_waits_looks_until_there_is_a_message_and_tells_the_servers_answer() -> None:
    server = TwoSteps(b"{}", b"{}", b'{"Messages":["one"]}')
    answer = ask(in_one_step(server), RECEIVE, b'{"QueueUrl": "q", "WaitTimeSeconds": 20}')
    assert answer == (["200 OK", [("x-amzn-requestid", "1")]], b'{"Messages":["one"]}')
    assert [json.loads(body) for body in server.asked] == [{"QueueUrl": "q", "WaitTimeSeconds": 0}] * 3


@pytest.mark.parametrize("body", [b'{"WaitTimeSeconds": 0}', b'{"QueueUrl": "q"}'])
def test_a_receive_that_names_no_wait_is_asked_once(body: bytes) -> None:
    server = TwoSteps(b"{}", b"{}")
    assert ask(in_one_step(server), RECEIVE, body)[1] == b"{}"
    assert len(server.asked) == 1


def test_many_receivers_at_once_get_every_message_once() -> None:
    with EmbeddedAws() as aws:
        url = aws.create_queue("logs")
        sent = [aws.send(url, str(number)) for number in range(40)]

        def receive(_: int) -> list[str]:
            answer = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2, WaitTimeSeconds=0)
            return [message["MessageId"] for message in answer.get("Messages", [])]

        with ThreadPoolExecutor(8) as pool:
            got = [name for names in pool.map(receive, range(30)) for name in names]
    assert sorted(got) == sorted(sent)
