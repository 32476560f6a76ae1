"""How large a message may be, and how many objects it may name."""

import json

import pytest
from bodies import key_of, message, pointer, s3_event, s3_record, sns

from cloudtrail_processing.errors import NotificationError
from cloudtrail_processing.flow import Ignored, Notification, QueueMessage
from cloudtrail_processing.notification import MessageLimits, in_front, parse

LIMITS = MessageLimits(bytes=1000, keys=3)
TEST_EVENT = '{"Event":"s3:TestEvent"}'


def refused(body: object, limits: MessageLimits = LIMITS) -> str:
    with pytest.raises(NotificationError) as caught:
        parse(message(body), limits=limits)
    return str(caught.value)


def test_a_message_as_large_as_the_limit_is_read_and_one_byte_more_is_not() -> None:
    assert isinstance(parse(message(TEST_EVENT.ljust(1000)), limits=LIMITS), Ignored)
    assert "1001 bytes" in refused(TEST_EVENT.ljust(1001))


@pytest.mark.parametrize("character", ["\u00e4", "\u20ac", "\U0001f600", "\ud800"])
def test_bytes_count_and_not_characters(character: str) -> None:
    body = '"' + character * 998 + '"'
    assert "over the limit of 1000" in refused(body)
    assert "it is kept" in refused('"' + character * 100 + '"')


def test_a_message_over_the_limit_is_unread_and_comes_to_no_parser() -> None:
    def parser(_: QueueMessage) -> Ignored:
        raise AssertionError("nobody should be asked")

    with pytest.raises(NotificationError, match="it was not read and is kept"):
        in_front(parser, limits=LIMITS)(message("x" * 1001))


@pytest.mark.parametrize("wrapped", [lambda inner: inner, sns], ids=["bare", "in SNS"])
@pytest.mark.parametrize("number", [3, 4])
def test_more_objects_than_the_limit_are_refused_in_every_shape(wrapped: object, number: int) -> None:
    assert callable(wrapped)
    limits = MessageLimits(keys=3)
    keys = [key_of(unique=f"abcdefgh1234567{place}") for place in range(number)]
    for body in (pointer(keys), s3_event(*map(s3_record, keys))):
        if number > 3:
            assert "names 4 objects, over the limit of 3" in refused(wrapped(body), limits)
        else:
            found = parse(message(wrapped(body)), limits=limits)
            assert isinstance(found, Notification)
            assert len(found.logs) == 3


def test_the_limit_counts_what_is_harmless_and_what_is_named_twice_too() -> None:
    assert "names 4 objects" in refused(pointer([key_of()] * 4), MessageLimits(keys=3))
    assert "names 4 objects" in refused(pointer(["folder/"] * 4), MessageLimits(keys=3))


def test_by_default_a_message_may_be_as_large_as_sqs_allows_and_name_a_thousand_objects() -> None:
    keys = [f"AWSLogs/{number}.json" for number in range(1000)]
    assert isinstance(parse(message(pointer(keys))), Notification)
    assert "over the limit of 1000" in refused(pointer([*keys, "AWSLogs/x.json"]), MessageLimits())
    assert isinstance(parse(message(TEST_EVENT.ljust(2**20))), Ignored)
    assert "over the limit of 1048576" in refused(json.dumps({"x": "y" * 2**20}), MessageLimits())


def test_a_user_parser_in_front_keeps_its_say_within_the_limit() -> None:
    parse_all = in_front(lambda _: Ignored("mine"), limits=LIMITS)
    assert parse_all(message("anything")) == Ignored("mine")


def test_behind_a_user_parser_the_same_limits_hold() -> None:
    parse_all = in_front(lambda _: None, limits=MessageLimits(keys=1))
    assert isinstance(parse_all(message(json.dumps(pointer(["AWSLogs/a.json"])))), Notification)
    with pytest.raises(NotificationError, match="over the limit of 1"):
        parse_all(message(json.dumps(pointer(["AWSLogs/a.json", "AWSLogs/b.json"]))))
