"""Dead letters on their way to SQS: what fits, what counts as confirmed, and what an answer never gives away."""

import asyncio
import hashlib
from typing import Any

import botocore.exceptions
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudtrail_processing.aws.posting import batches, posted
from cloudtrail_processing.aws.queue import SqsQueue
from cloudtrail_processing.errors import ConfigurationError, TransientError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.letters import ATTRIBUTES, ERROR, MESSAGE_ID, QUEUE, REASON
from cloudtrail_processing.ports import Letter

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/dead"
SOURCE = "https://sqs.eu-west-1.amazonaws.com/123456789012/trail"
OLD_LIMIT, NEW_LIMIT = 262_144, 1_048_576


def letter(name: str = "a", *, body: str = "{}", reason: str = "CorruptLog: bad", **attributes: str) -> Letter:
    message = QueueMessage(name, body, f"receipt-of-{name}", attributes=attributes)
    return Letter(message, "CorruptLog", reason)


def names(it: Letter, *, source: str = "") -> set[str]:
    return set(posted(it, source=source, fifo=False).parameters["MessageAttributes"])


def test_a_letter_tells_from_which_queue_it_comes_where_that_is_known() -> None:
    assert QUEUE in names(letter(), source=SOURCE)
    assert QUEUE not in names(letter())


def test_its_own_attributes_are_kept_as_far_as_ten_allow() -> None:
    it = letter(**{f"own{number}": "x" for number in range(10)})
    assert len(names(it, source=SOURCE)) == ATTRIBUTES
    assert {ERROR, REASON, MESSAGE_ID, QUEUE, "own0", "own4"} <= names(it, source=SOURCE)


def test_its_own_attributes_go_first_when_all_would_be_too_large_and_then_ours() -> None:
    for limit in (OLD_LIMIT, NEW_LIMIT):
        assert "own" in names(letter(body="x" * (limit - 2000), own="y"))
        kept = names(letter(body="x" * (limit - 500), own="y" * 600))
        assert ERROR in kept
        assert "own" not in kept
        assert names(letter(body="x" * limit, own="y")) == set()


@settings(max_examples=200)
@given(st.text(st.characters()), st.text(max_size=20))
def test_any_reason_becomes_one_line_that_sqs_accepts(reason: str, error: str) -> None:
    it = Letter(letter().message, error, reason)
    for value in posted(it, source="", fifo=False).parameters["MessageAttributes"].values():
        text = value["StringValue"]
        assert 0 < len(text) <= 300
        assert text.splitlines() == [text]
        assert all(" " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" for c in text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 100, 20_000, 130_000, OLD_LIMIT, NEW_LIMIT]), max_size=10))
def test_no_call_is_larger_than_a_queue_takes_and_none_is_forgotten(sizes: list[int]) -> None:
    letters = [letter(str(number), body="x" * size, own="y" * 50) for number, size in enumerate(sizes)]
    cut = list(batches(letters, source=SOURCE, fifo=False))
    assert [entry.letter for batch in cut for entry in batch] == letters
    for batch in cut:
        total = sum(entry.size for entry in batch)
        assert total <= OLD_LIMIT or (len(batch) == 1 and total <= NEW_LIMIT)


class Posting:
    """An SQS client that confirms what it is sent, but for what its plan says."""

    def __init__(self, *plan: Any) -> None:
        self.plan = list(plan)
        self.calls: list[list[dict[str, Any]]] = []

    async def send_message_batch(self, **asked: Any) -> dict[str, Any]:
        self.calls.append(asked["Entries"])
        planned = self.plan.pop(0) if self.plan else None
        if isinstance(planned, Exception):
            raise planned
        done = [
            {"Id": entry["Id"], "MD5OfMessageBody": hashlib.md5(entry["MessageBody"].encode()).hexdigest()}
            for entry in asked["Entries"]
        ]
        return {"Successful": done} if planned is None else planned


def post(client: Any, *letters: Letter) -> list[tuple[str, str]]:
    queue = SqsQueue(URL, client=client, source=SOURCE)
    return [(unsent.letter.message.message_id, unsent.reason) for unsent in asyncio.run(queue.post(letters))]


def denied() -> Exception:
    error: Any = {"Error": {"Code": "AccessDenied", "Message": "not authorized to perform: sqs:sendmessage"}}
    return botocore.exceptions.ClientError(error, "SendMessageBatch")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"Successful": []},
        {"Successful": [{"Id": "0", "MD5OfMessageBody": "another"}]},
        {"Successful": [{"Id": "0"}]},
        {"Successful": [{"Id": "7", "MD5OfMessageBody": None}]},
        {"Failed": [{"Id": "0", "Code": "InternalError", "Message": "x" * 1000, "SenderFault": False}]},
    ],
    ids=["silence", "none", "damaged", "unchecked", "another entry", "failed"],
)
def test_what_sqs_does_not_confirm_with_its_checksum_is_unsent(answer: dict[str, Any]) -> None:
    [(name, reason)] = post(Posting(answer), letter("a"))
    assert name == "a"
    assert 0 < len(reason) <= 300


def test_a_call_that_fails_whole_raises_our_error_and_names_the_queue() -> None:
    with pytest.raises(ConfigurationError, match=r"dead-letter queue .*/dead failed: AccessDenied"):
        post(Posting(denied()), letter("a"), letter("b"))


@pytest.mark.parametrize("failing", [0, 1])
def test_where_one_of_several_calls_fails_the_others_still_count(failing: int) -> None:
    large = [letter(name, body="x" * 200_000) for name in "ab"]
    client = Posting(*[None] * failing, denied())
    [(name, reason)] = post(client, *large)
    assert name == "ab"[failing]
    assert "AccessDenied" in reason
    assert len(client.calls) == 2


def test_where_all_calls_fail_the_first_error_is_raised() -> None:
    large = [letter(name, body="x" * 200_000) for name in "ab"]
    with pytest.raises(TransientError):
        post(Posting(ConnectionError("reset"), denied()), *large)


def test_no_letter_makes_no_call() -> None:
    client = Posting()
    assert post(client) == []
    assert client.calls == []
