"""Message bodies of every known shape, for the tests of notifications."""

import json
from typing import Any
from urllib.parse import quote_plus

import pytest

from cloudtrail_processing.errors import Disposition, NotificationError
from cloudtrail_processing.flow import Notification, QueueMessage
from cloudtrail_processing.notification import parse

ACCOUNT = "123456789012"
SECRET = "hunter2-in-the-body"


def key_of(kind: str = "CloudTrail", *, prefix: str = "", unique: str = "abcdefgh12345678") -> str:
    name = f"{ACCOUNT}_{kind}_us-east-2_20140527T1325Z_{unique}.json.gz"
    return f"{prefix}AWSLogs/{ACCOUNT}/{kind}/us-east-2/2014/05/27/{name}"


KEY = key_of()
DIGEST = (
    f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-2/2014/05/27/"
    f"{ACCOUNT}_CloudTrail-Digest_us-east-2_my_trail_us-east-1_20140527T132500Z.json.gz"
)
FOLDER = f"AWSLogs/{ACCOUNT}/CloudTrail/"
CONFIG = f"AWSLogs/{ACCOUNT}/Config/us-east-2/2014/5/27/ConfigSnapshot/{ACCOUNT}_Config_us-east-2_x.json.gz"


def message(body: object) -> QueueMessage:
    return QueueMessage("id", body if isinstance(body, str) else json.dumps(body), "receipt")


def sns(inner: object, *, subject: str | None = None) -> dict[str, Any]:
    text = inner if isinstance(inner, str) else json.dumps(inner)
    envelope = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic",
        "Message": text,
        "Timestamp": "2014-05-27T13:30:42.123Z",
        "SignatureVersion": "1",
        "SigningCertURL": "https://sns.example/cert.pem",
    }
    return envelope if subject is None else {**envelope, "Subject": subject}


def pointer(keys: object) -> dict[str, Any]:
    return {"s3Bucket": "b", "s3ObjectKey": keys}


def s3_record(key: str, *, event: str = "ObjectCreated:Put", **said: Any) -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-west-2",
        "eventName": event,
        "userIdentity": {"principalId": "AWS:X"},
        "s3": {"bucket": {"name": "b"}, "object": {"key": quote_plus(key, safe="/"), **said}},
    }


def s3_event(*records: object) -> dict[str, Any]:
    return {"Records": list(records)}


def bridge(key: str = KEY, *, kind: str = "Object Created", **said: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "detail-type": kind,
        "source": "aws.s3",
        "resources": ["arn:aws:s3:::b"],
        "detail": {"version": "0", "bucket": {"name": "b"}, "object": {"key": key, **said}, "reason": "PutObject"},
    }


def logs_of(body: object) -> list[str]:
    result = parse(message(body))
    assert isinstance(result, Notification)
    assert not result.inline
    return [log.key for log in result.logs]


def refused(body: object) -> str:
    with pytest.raises(NotificationError) as caught:
        parse(message(body))
    assert caught.value.disposition is Disposition.REJECT
    assert SECRET not in str(caught.value)
    return str(caught.value)


OTHER = key_of(unique="ABCDEFGH12345678")
SHAPES: dict[str, tuple[object, list[str]]] = {
    "CloudTrail, raw delivery": (pointer([KEY]), [KEY]),
    "CloudTrail, several keys": (pointer([KEY, OTHER]), [KEY, OTHER]),
    "CloudTrail, a single string": (pointer(KEY), [KEY]),
    "CloudTrail, a key twice": (pointer([KEY, KEY]), [KEY]),
    "CloudTrail, unknown members": ({**pointer([KEY]), "new": {"member": 1}}, [KEY]),
    "CloudTrail through SNS": (sns(pointer([KEY, OTHER])), [KEY, OTHER]),
    "CloudTrail through SNS, Message already parsed": ({**sns(""), "Message": pointer([KEY])}, [KEY]),
    "CloudTrail through SNS through SNS": (sns(sns(pointer([KEY]))), [KEY]),
    "S3": (s3_event(s3_record(KEY, size=1)), [KEY]),
    "S3, several records": (s3_event(s3_record(KEY), s3_record(OTHER)), [KEY, OTHER]),
    "S3, a newer minor version": (s3_event({**s3_record(KEY), "eventVersion": "2.10"}), [KEY]),
    "S3, a copy": (s3_event(s3_record(KEY, event="ObjectCreated:Copy")), [KEY]),
    "S3 through SNS": (sns(s3_event(s3_record(KEY)), subject="Amazon S3 Notification"), [KEY]),
    "EventBridge": (bridge(), [KEY]),
    "EventBridge through SNS": (sns(bridge()), [KEY]),
}
