import json

import pytest
from bodies import (
    KEY,
    OTHER,
    SECRET,
    SHAPES,
    bridge,
    key_of,
    logs_of,
    message,
    pointer,
    refused,
    s3_event,
    s3_record,
    sns,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudtrail_processing.errors import NotificationError
from cloudtrail_processing.flow import Ignored
from cloudtrail_processing.notification import parse

# ── unknown: kept ──


@pytest.mark.parametrize(
    "body",
    [
        "",
        f"{SECRET} is not JSON",
        "null",
        "true",
        "42",
        f'"{SECRET}"',
        "[]",
        json.dumps([pointer([KEY])]),
        "{}",
        {"password": SECRET},
        {"Records": []},
        {"Records": [None]},
        {"Records": SECRET},
        {"Records": [{"eventSource": "aws:sqs", "body": SECRET}]},
        {"Records": [{"eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": "x", "data": SECRET}]},
        {"Records": [s3_record(KEY), {"eventSource": "aws:sqs"}]},
        pointer([]),
        pointer([KEY, None]),
        pointer([KEY, ""]),
        pointer({"key": KEY}),
        {"s3Bucket": None, "s3ObjectKey": [KEY]},
        {"s3Bucket": "", "s3ObjectKey": [KEY]},
        {"s3Bucket": "b"},
        bridge() | {"detail": {}},
        bridge() | {"source": "aws.ec2"},
        bridge("") | {},
        {"source": "aws.iam", "detail-type": "AWS API Call via CloudTrail", "detail": {"x": SECRET}},
        {"Type": "Notification"},
        {"Type": "Notification", "Message": SECRET},
        {"Type": "Notification", "Message": 5},
        {"messageType": "DATA_MESSAGE", "logEvents": []},
        "﻿" + json.dumps(pointer([KEY])),
        '{"Message":"\ud800"}',
        '{"s3Bucket":"\\ud800","s3ObjectKey":["x"]}',
        '{"a":"\x00"}',
        "[" * 100_000,
        '{"Type":"Notification","Message":' + '{"a":' * 900 + "1" + "}" * 901,
    ],
)
def test_a_body_of_no_known_shape_keeps_the_message_and_is_not_shown(body: object) -> None:
    assert len(refused(body)) < 600


EIGHT = "'n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'"
NO_NAMES = "a notification with s3Bucket and s3ObjectKey, but not all are names; it is kept"
NO_OBJECT = "an EventBridge event 'Object Created' without bucket name or key; it is kept"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("no JSON", "the message is not JSON: 7 characters; it is kept"),
        ("[1]", "the message is a JSON list, not an object; it is kept"),
        ("5", "the message is a JSON int, not an object; it is kept"),
        ("{}", "a JSON object of 2 bytes with the members (none): of no known shape; it is kept"),
        ('{"a":1,"b":2}', "a JSON object of 13 bytes with the members 'a', 'b': of no known shape; it is kept"),
        (
            {f"n{number}": 1 for number in range(8)},
            f"a JSON object of 72 bytes with the members {EIGHT}: of no known shape; it is kept",
        ),
        (
            {f"n{number}": 1 for number in range(9)},
            f"a JSON object of 81 bytes with the members {EIGHT}, …: of no known shape; it is kept",
        ),
        (
            '{"Type":"Notification","Message":' + '{"a":' * 1015 + "1" + "}" * 1016,
            "a JSON object of 6125 bytes with the members 'Type', 'Message': nested too deep or malformed; it is kept",
        ),
        (pointer([]), NO_NAMES),
        (bridge(""), NO_OBJECT),
        (
            {"source": "s" * 65, "detail-type": "d" * 65, "detail": {}},
            f"an EventBridge event {'d' * 64!r} from {'s' * 64!r} announces no log; it is kept",
        ),
        (
            {"source": "aws.s3", "detail-type": "X via CloudTrail", "detail": {}},
            "an EventBridge event 'X via CloudTrail' from 'aws.s3' announces no log; it is kept",
        ),
        (
            {"source": "mine", "detail-type": "X", "detail": {"messageType": "ComplianceChangeNotification"}},
            "an EventBridge event 'X' from 'mine' announces no log; it is kept",
        ),
        (s3_event(s3_record("")), "S3 event, record 0: an empty event name, bucket name or key; it is kept"),
        (
            s3_event({"eventSource": "aws:s3"}),
            "S3 event, record 0: no event name, bucket or readable key; it is kept",
        ),
    ],
)
def test_the_error_of_a_message_that_is_kept_says_what_it_is(body: object, why: str) -> None:
    assert refused(body) == why


@pytest.mark.parametrize(
    "broken",
    [
        {"eventSource": "aws:s3"},
        {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": None},
        {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": [], "object": "x"}},
        {"eventSource": "aws:s3", "eventName": 5, "s3": s3_record(KEY)["s3"]},
        s3_record(KEY, event=""),
        s3_record(""),
    ],
)
def test_one_malformed_s3_record_keeps_the_whole_message_and_says_which(broken: object) -> None:
    """Reading only the good ones, or only the first, would delete the message and lose the other log."""
    assert "record 1" in refused(s3_event(s3_record(KEY), broken, s3_record(OTHER)))


def test_sns_in_sns_is_followed_to_a_bounded_depth() -> None:
    body: object = pointer([KEY])
    for _ in range(4):
        body = sns(body)
    assert logs_of(body) == [KEY]
    assert "envelopes" in refused(sns(body))


def test_an_error_names_the_members_cut_short_and_never_their_values() -> None:
    error = refused({"m" * 1000: SECRET} | {f"n{i}": SECRET for i in range(1000)})
    assert "m" * 32 in error
    assert "m" * 33 not in error
    assert len(error) < 300


# ── any body at all ──

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_WORDS = [
    "Type",
    "Message",
    "s3Bucket",
    "s3ObjectKey",
    "Event",
    "Records",
    "detail-type",
    "source",
    "detail",
    "messageType",
    "eventSource",
    "eventName",
    "eventVersion",
    "eventID",
    "s3",
    "bucket",
    "object",
    "name",
    "key",
    "TopicArn",
    "Notification",
    "SubscriptionConfirmation",
    "aws:s3",
    "aws.s3",
    "ObjectCreated:Put",
    "%",
    "b",
    "ConfigurationItem",
    "s3:TestEvent",
    "1.08",
]
_names = st.sampled_from(_WORDS)
_values = st.sampled_from([*_WORDS, "Object Created", "X via CloudTrail", KEY, json.dumps(pointer([KEY]))])
_known = st.recursive(
    _values | _json,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=6),
    max_leaves=25,
)
_surrogates = st.text(st.characters(categories=["Cs", "Cc", "Lu"]))


@example('{"Records":[{"eventVersion":"1","eventID":"x","a":' + "[" * 900 + "]" * 900 + "}]}")
@example('{"detail-type":"X via CloudTrail","source":"","detail":{"eventVersion":"1","eventID":' + "[" * 2**20)
@settings(max_examples=400, deadline=None)
@given(st.text() | _surrogates | _json.map(json.dumps) | _known.map(json.dumps))
def test_any_body_gives_a_notification_or_ignored_or_a_notification_error_and_nothing_else(body: str) -> None:
    try:
        result = parse(message(body))
    except NotificationError:
        return
    assert isinstance(result, Ignored) or result.logs or result.ignored or result.inline


@settings(max_examples=200, deadline=None)
@given(data=st.data(), shape=st.sampled_from(sorted(SHAPES)))
def test_a_body_cut_anywhere_is_kept(data: st.DataObject, shape: str) -> None:
    body = json.dumps(SHAPES[shape][0])
    cut = data.draw(st.integers(0, len(body) - 1))
    assert refused(body[:cut])


@given(st.text(min_size=1).map(lambda prefix: key_of(prefix=f"{prefix}/")))
def test_any_prefix_survives_the_encoding_of_s3_events(key: str) -> None:
    assert logs_of(s3_event(s3_record(key))) == [key]
