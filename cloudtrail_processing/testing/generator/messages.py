"""Bodies of the messages that announce logs, in every shape in which they reach a queue.

All are plain functions of what they announce: the same arguments give the same text. What they announce is
anything with ``bucket``, ``key``, ``size`` and ``etag``: a ``GeneratedLog`` or a ``LogObject``. S3's own messages tell
the version, too, of what has one, as they do for a bucket with versioning.
"""

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import quote_plus

import orjson

_REGION = "us-east-1"
_ACCOUNT = "111122223333"
_TOPIC = f"arn:aws:sns:{_REGION}:{_ACCOUNT}:cloudtrail-logs"
_WHEN = "2026-09-14T08:05:12.345Z"
VALIDATION_TEXT = "CloudTrail validation message."
"""What CloudTrail sends, not as JSON, when a topic is configured."""


class Announced(Protocol):
    """What a message can announce."""

    @property
    def bucket(self) -> str: ...  # noqa: D102 - the class docstring says it
    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int | None: ...  # noqa: D102
    @property
    def etag(self) -> str | None: ...  # noqa: D102


Several = Callable[..., str]
"""Writes one message for one log or more."""

# ── CloudTrail's own ──


def cloudtrail_raw(*logs: Announced) -> str:
    """CloudTrail's own message with raw message delivery: a list of plain keys, all in one bucket."""
    return _json({"s3Bucket": logs[0].bucket, "s3ObjectKey": [log.key for log in logs]})


def cloudtrail_single_key(log: Announced) -> str:
    """As ``cloudtrail_raw``, with the one key as a string instead of a list."""
    return _json({"s3Bucket": log.bucket, "s3ObjectKey": log.key})


def cloudtrail_sns(*logs: Announced) -> str:
    """CloudTrail's own message in an SNS envelope: the usual one."""
    return sns_envelope(cloudtrail_raw(*logs))


def validation() -> str:
    """The validation message with raw message delivery: not JSON."""
    return VALIDATION_TEXT


def validation_sns() -> str:
    """The validation message in an SNS envelope."""
    return sns_envelope(VALIDATION_TEXT)


# ── S3 ──


def s3_event(*logs: Announced, event_name: str = "ObjectCreated:Put") -> str:
    """An S3 event notification straight to the queue; keys are form-encoded, one record for each log."""
    return _json({"Records": [_s3_record(log, event_name) for log in logs]})


def s3_event_sns(*logs: Announced, event_name: str = "ObjectCreated:Put") -> str:
    """An S3 event notification through SNS."""
    return sns_envelope(s3_event(*logs, event_name=event_name), subject="Amazon S3 Notification")


def s3_test_event(bucket: str = "example-trail-logs") -> str:
    """What S3 sends when notifications are configured."""
    return _json(
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": _WHEN,
            "Bucket": bucket,
            "RequestId": _id(bucket)[:16].upper(),
            "HostId": _id(bucket, "host"),
        }
    )


def s3_test_event_sns(bucket: str = "example-trail-logs") -> str:
    """S3's test event through SNS."""
    return sns_envelope(s3_test_event(bucket), subject="Amazon S3 Notification")


def eventbridge(log: Announced, *, reason: str = "PutObject") -> str:
    """S3's event through EventBridge: one log, a plain key."""
    return _json(
        {
            "version": "0",
            "id": _uuid(log.key, "eventbridge"),
            "detail-type": "Object Created",
            "source": "aws.s3",
            "account": _ACCOUNT,
            "time": _WHEN[:19] + "Z",
            "region": _REGION,
            "resources": [f"arn:aws:s3:::{log.bucket}"],
            "detail": {
                "version": "0",
                "bucket": {"name": log.bucket},
                "object": {
                    "key": log.key,
                    "size": log.size,
                    "etag": log.etag,
                    **_version(log, "version-id"),
                    "sequencer": _sequencer(log),
                },
                "request-id": _id(log.key)[:16].upper(),
                "requester": "cloudtrail.amazonaws.com",
                "source-ip-address": "192.0.2.10",
                "reason": reason,
            },
        }
    )


# ── what else reaches such queues ──


def sns_envelope(message: str, *, subject: str | None = None) -> str:
    """``message`` in the envelope of an SNS notification."""
    key = f"https://sns.{_REGION}.amazonaws.com/"
    envelope: dict[str, Any] = {"Type": "Notification", "MessageId": _uuid(message), "TopicArn": _TOPIC}
    if subject:
        envelope["Subject"] = subject
    return _json(
        {
            **envelope,
            "Message": message,
            "Timestamp": _WHEN,
            "SignatureVersion": "1",
            "Signature": "EXAMPLE" + _id(message),
            "SigningCertURL": f"{key}SimpleNotificationService-{_id('certificate')[:32]}.pem",
            "UnsubscribeURL": f"{key}?Action=Unsubscribe&SubscriptionArn={_TOPIC}:{_uuid('subscription')}",
        }
    )


def subscription_confirmation(kind: str = "SubscriptionConfirmation") -> str:
    """What SNS sends to have a subscription confirmed, or with ``UnsubscribeConfirmation`` after its end.

    An operator needs its token, so it is no harmless message; its URL must never be visited unasked.
    """
    token = _id("token") + _id("token", "2")
    url = f"https://sns.{_REGION}.amazonaws.com/?Action=ConfirmSubscription&TopicArn={_TOPIC}&Token={token}"
    return _json(
        {
            "Type": kind,
            "MessageId": _uuid(kind),
            "Token": token,
            "TopicArn": _TOPIC,
            "Message": f"You have chosen to subscribe to the topic {_TOPIC}.",
            "SubscribeURL": url,
            "Timestamp": _WHEN,
            "SignatureVersion": "1",
            "Signature": "EXAMPLE" + _id(kind),
            "SigningCertURL": f"https://sns.{_REGION}.amazonaws.com/SimpleNotificationService-{_id('certificate')[:32]}.pem",
        }
    )


def config_delivery(bucket: str = "example-trail-logs") -> str:
    """AWS Config telling of its own files: ``s3Bucket`` and ``s3ObjectKey``, and yet no CloudTrail log."""
    name = f"{_ACCOUNT}_Config_{_REGION}_ConfigHistory_AWS::EC2::Instance_20260914T080000Z_20260914T080500Z_1.json.gz"
    message = {
        "s3ObjectKey": f"AWSLogs/{_ACCOUNT}/Config/{_REGION}/2026/9/14/ConfigHistory/{name}",
        "s3Bucket": bucket,
        "notificationCreationTime": _WHEN,
        "messageType": "ConfigurationHistoryDeliveryCompleted",
        "recordVersion": "1.0",
    }
    return sns_envelope(_json(message), subject=f"[AWS Config:{_REGION}] Configuration History Delivery Completed")


def config_change() -> str:
    """AWS Config telling of a changed resource: no file at all."""
    item = {"resourceType": "AWS::EC2::Instance", "resourceId": "i-0123456789abcdef0", "awsAccountId": _ACCOUNT}
    message = {
        "configurationItemDiff": {"changedProperties": {}, "changeType": "UPDATE"},
        "configurationItem": item,
        "notificationCreationTime": _WHEN,
        "messageType": "ConfigurationItemChangeNotification",
        "recordVersion": "1.3",
    }
    return sns_envelope(_json(message), subject=f"[AWS Config:{_REGION}] AWS::EC2::Instance Updated")


LOG_SHAPES: Mapping[str, Callable[[Announced], str]] = MappingProxyType(
    {
        "cloudtrail through SNS": cloudtrail_sns,
        "cloudtrail raw": cloudtrail_raw,
        "cloudtrail single key": cloudtrail_single_key,
        "S3": s3_event,
        "S3 through SNS": s3_event_sns,
        "S3 through EventBridge": eventbridge,
    }
)
"""Every shape that announces a log, by name."""

HARMLESS_SHAPES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "validation message": validation,
        "validation message through SNS": validation_sns,
        "S3 test event": s3_test_event,
        "S3 test event through SNS": s3_test_event_sns,
        "Config delivery": config_delivery,
        "Config change": config_change,
    }
)
"""Every shape that may be forgotten at once, by name. A subscription confirmation is not among them."""


def _version(log: Announced, name: str) -> dict[str, str]:
    version = getattr(log, "version_id", None)
    return {name: version} if version else {}


def _s3_record(log: Announced, event_name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"key": quote_plus(log.key, safe="/")}
    if event_name.startswith("ObjectCreated"):
        entry |= {"size": log.size, "eTag": log.etag, **_version(log, "versionId")}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": _REGION,
        "eventTime": _WHEN,
        "eventName": event_name,
        "userIdentity": {"principalId": "AWS:AROAEXAMPLE:cloudtrail"},
        "requestParameters": {"sourceIPAddress": "192.0.2.10"},
        "responseElements": {"x-amz-request-id": _id(log.key)[:16].upper(), "x-amz-id-2": _id(log.key, "host")},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "trail-logs",
            "bucket": {
                "name": log.bucket,
                "ownerIdentity": {"principalId": "A1EXAMPLE"},
                "arn": f"arn:aws:s3:::{log.bucket}",
            },
            "object": {**entry, "sequencer": _sequencer(log)},
        },
    }


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _id(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _uuid(*parts: str) -> str:
    text = _id(*parts)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"


def _sequencer(log: Announced) -> str:
    return "00" + _id(log.key, "sequencer")[:16].upper()
