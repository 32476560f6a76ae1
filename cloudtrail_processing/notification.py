"""Message body → the logs it announces, or why there is nothing to do.

Known shapes, all of them also inside an SNS envelope: CloudTrail's own notification, S3 events, EventBridge events of
S3, the test messages of S3 and CloudTrail, AWS Config's notifications, and event records sent instead of a pointer.
Everything else is a ``NotificationError``: the message is kept. Nothing a message names is ever visited from here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import msgspec
import orjson

from cloudtrail_processing.errors import NotificationError
from cloudtrail_processing.events.values import as_text
from cloudtrail_processing.flow import Ignored, LogKind, LogObject, Notification, QueueMessage
from cloudtrail_processing.keys import log_object

Parser = Callable[[QueueMessage], Notification | Ignored | None]
"""Reads a message, or returns None to pass it on to the next parser. Raises ``NotificationError`` to keep it."""

_VALIDATION = "CloudTrail validation message."
_MAX_ENVELOPES = 4
_CONFIG_MESSAGES = ("Configuration", "OversizedConfiguration", "ComplianceChange", "ConfigRules")
_HARMLESS = {
    LogKind.DIGEST: "a digest file",
    LogKind.FOLDER: "a folder",
    LogKind.OTHER: "not a CloudTrail log by its name",
}


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """How large a message may be: ``bytes`` of its body in UTF-8, and ``keys`` of objects named in it."""

    bytes: int = 2**20
    keys: int = 1_000


DEFAULT_LIMITS = MessageLimits()


class _Message(msgspec.Struct):
    Message: msgspec.Raw


class _Detail(msgspec.Struct):
    detail: msgspec.Raw


class _Records(msgspec.Struct):
    Records: list[msgspec.Raw]


_read_message = msgspec.json.Decoder(_Message).decode
_read_detail = msgspec.json.Decoder(_Detail).decode
_read_records = msgspec.json.Decoder(_Records).decode


def parse(message: QueueMessage, *, limits: MessageLimits = DEFAULT_LIMITS) -> Notification | Ignored:
    """Read any message body: a ``Notification``, ``Ignored``, or ``NotificationError`` and nothing else.

    A message that names objects becomes a ``Notification``, its harmless objects (digests, folders, AWS Config, deleted
    objects, others in the bucket) listed in ``ignored`` even when there is no log beside them; the same object named
    twice counts once. A message that names no object and is known to be harmless becomes ``Ignored``: test events,
    CloudTrail's validation message, AWS Config's own messages.

    SNS's confirmations raise ``NotificationError`` although their shape is known: ``Ignored`` would delete the token
    that an operator needs. The error is reported and says what to do; the URLs inside are never visited.

    One malformed record of several raises, too: a notification is understood as a whole or kept. So does a body over
    ``limits``, unread when it is too large. Error texts never show the body, only its length and the names of its
    members, cut short.
    """
    _check_size(message, limits)
    return _read(message.body, depth=0, limits=limits)


def in_front(
    *parsers: Parser, limits: MessageLimits = DEFAULT_LIMITS
) -> Callable[[QueueMessage], Notification | Ignored]:
    """Put other parsers before ours: the first that does not return None decides.

    What they raise is not caught here; a message over the limit on bytes comes to none of them. The result is itself a
    ``Parser``.
    """

    def parse_message(message: QueueMessage) -> Notification | Ignored:
        _check_size(message, limits)
        for parser in parsers:
            if (result := parser(message)) is not None:
                return result
        return parse(message, limits=limits)

    return parse_message


def _check_size(message: QueueMessage, limits: MessageLimits) -> None:
    size = len(message.body)
    if size <= limits.bytes < 4 * size:  # only then its characters decide
        size = len(message.body.encode("utf-8", "surrogatepass"))
    if size > limits.bytes:
        raise NotificationError(
            f"the message has {size} bytes or more, over the limit of {limits.bytes}: it was not read and is kept"
        )


def _check_count(named: list[Any], limits: MessageLimits) -> None:
    if len(named) > limits.keys:
        raise NotificationError(
            f"the message names {len(named)} objects, over the limit of {limits.keys}: none was read and it is kept"
        )


def _read(text: str, *, depth: int, limits: MessageLimits) -> Notification | Ignored:
    if text.strip() == _VALIDATION:
        return Ignored("CloudTrail's validation message, sent when a topic is configured")
    try:
        raw = text.encode()
        body = orjson.loads(raw)
    except ValueError:
        raise NotificationError(f"the message is not JSON: {len(text)} characters; it is kept") from None
    if not isinstance(body, dict):
        raise NotificationError(f"the message is a JSON {type(body).__name__}, not an object; it is kept")
    try:
        return _recognize(body, raw, depth=depth, limits=limits)
    except (RecursionError, msgspec.DecodeError):
        raise NotificationError(f"{_outline(body, raw)}: nested too deep or malformed; it is kept") from None


def _recognize(body: dict[str, Any], raw: bytes, *, depth: int, limits: MessageLimits) -> Notification | Ignored:
    """The order separates every known shape: S3 events, logs and their records share member names."""
    match body:
        case {"Type": "Notification", "Message": _}:
            return _enveloped(body, raw, depth=depth, limits=limits)
        case {"Type": "SubscriptionConfirmation" | "UnsubscribeConfirmation" as kind}:
            raise NotificationError(_confirmation(kind, topic=body.get("TopicArn")))
        case {"s3Bucket": bucket, "s3ObjectKey": keys}:
            return _pointers(bucket, keys, limits)
        case {"Event": "s3:TestEvent"}:
            return Ignored("S3's test event, sent when bucket notifications are configured")
        case {"Records": [_, *_] as records} if all(_is_s3(record) for record in records):
            _check_count(records, limits)
            return _announce(_s3_object(record, place=place) for place, record in enumerate(records))
        case {"detail-type": str(), "source": str(), "detail": dict()}:
            return _event_bridge(body, raw)
        case {"Records": [_, *_] as records} if all(_is_event(record) for record in records):
            return Notification(inline=tuple(bytes(record) for record in _read_records(raw).Records))
        case _ if _is_event(body):
            return Notification(inline=(raw,))
        case _ if _is_config(body):
            return Ignored("a message of AWS Config")
        case _:
            raise NotificationError(f"{_outline(body, raw)}: of no known shape; it is kept")


# ── envelopes ──


def _enveloped(body: dict[str, Any], raw: bytes, *, depth: int, limits: MessageLimits) -> Notification | Ignored:
    """The message inside an SNS envelope; a ``Message`` that somebody has already parsed keeps its exact bytes."""
    if depth == _MAX_ENVELOPES:
        raise NotificationError(f"more than {_MAX_ENVELOPES} SNS envelopes inside each other; the message is kept")
    inner = body["Message"]
    text = inner if isinstance(inner, str) else bytes(_read_message(raw).Message).decode()
    return _read(text, depth=depth + 1, limits=limits)


def _confirmation(kind: str, *, topic: object) -> str:
    name = repr(topic[:256]) if isinstance(topic, str) else "an SNS topic"
    if kind == "SubscriptionConfirmation":
        return (
            f"{name} asks to confirm its subscription to the queue; nothing was visited and the message is kept: if "
            "the topic is yours, confirm it with the message's token (aws sns confirm-subscription) or subscribe the "
            "queue from the topic's own account, then delete the message"
        )
    return (
        f"the queue's subscription to {name} was cancelled: logs announced there no longer arrive; nothing was visited "
        "and the message is kept: if that was not intended, subscribe the queue again, then delete the message"
    )


def _event_bridge(body: dict[str, Any], raw: bytes) -> Notification | Ignored:
    kind, source, detail = body["detail-type"], body["source"], body["detail"]
    if kind.endswith(" via CloudTrail") and _is_event(detail):
        return Notification(inline=(bytes(_read_detail(raw).detail),))
    if source == "aws.s3" and kind == "Object Created":
        return _announce([_bridged_object(detail)])
    if source == "aws.s3" and not kind.endswith(" via CloudTrail"):
        return Ignored(f"an S3 event that creates nothing: {kind[:64]!r}")
    if source == "aws.config" and _is_config(detail):
        return Ignored("a message of AWS Config")
    raise NotificationError(f"an EventBridge event {kind[:64]!r} from {source[:64]!r} announces no log; it is kept")


# ── objects ──


def _announce(objects: Iterable[LogObject | Ignored]) -> Notification:
    logs: dict[LogObject, None] = {}
    ignored: dict[Ignored, None] = {}
    for found in objects:
        if isinstance(found, Ignored):
            ignored[found] = None
        elif found.kind.may_hold_events:
            logs[found] = None
        else:
            digest = found if found.kind is LogKind.DIGEST else None
            ignored[Ignored(f"{_what(found)}: {found.uri}", digest)] = None
    return Notification(logs=tuple(logs), ignored=tuple(ignored))


def _what(found: LogObject) -> str:
    is_config = found.kind is LogKind.OTHER and "/Config/" in found.key
    return "an AWS Config file" if is_config else _HARMLESS[found.kind]


def _pointers(bucket: object, keys: object, limits: MessageLimits) -> Notification:
    """CloudTrail's own notification; AWS Config's has the same members with a single key. Keys are plain."""
    found = [keys] if isinstance(keys, str) else keys
    if not isinstance(found, list) or not all(_is_name(name) for name in (bucket, *found)) or not found:
        raise NotificationError("a notification with s3Bucket and s3ObjectKey, but not all are names; it is kept")
    _check_count(found, limits)
    return _announce(log_object(str(bucket), key) for key in found)


def _s3_object(record: Mapping[str, Any], *, place: int) -> LogObject | Ignored:
    """One record of an S3 event. Its key is form-encoded, a space being ``+``: decoded exactly once."""
    try:
        event = record["eventName"].removeprefix("s3:")
        bucket, s3_object = record["s3"]["bucket"]["name"], record["s3"]["object"]
        key = unquote_plus(s3_object["key"], errors="strict")
    except (KeyError, TypeError, AttributeError, ValueError):
        raise NotificationError(
            f"S3 event, record {place}: no event name, bucket or readable key; it is kept"
        ) from None
    if not (_is_name(bucket) and key and event):
        raise NotificationError(f"S3 event, record {place}: an empty event name, bucket name or key; it is kept")
    if not event.startswith("ObjectCreated:"):
        return Ignored(f"{event[:64]!r} creates nothing: {log_object(bucket, key).uri}")
    return _object(bucket, key, s3_object, version="versionId", etag="eTag")


def _bridged_object(detail: Mapping[str, Any]) -> LogObject:
    """The object of an EventBridge event. Its key is plain: decoding it would break keys that hold ``+`` or ``%``."""
    match detail:
        case {"bucket": {"name": bucket}, "object": {"key": key} as s3_object} if _is_name(bucket) and _is_name(key):
            return _object(bucket, key, s3_object, version="version-id", etag="etag")
    raise NotificationError("an EventBridge event 'Object Created' without bucket name or key; it is kept")


def _object(bucket: str, key: str, said: Mapping[str, Any], *, version: str, etag: str) -> LogObject:
    """Carry what S3 said of the object; a value of an odd type says nothing."""
    size = said.get("size")
    return log_object(
        bucket,
        key,
        size=size if type(size) is int else None,
        version_id=as_text(said.get(version)),
        etag=as_text(said.get(etag)),
        sequencer=as_text(said.get("sequencer")),
    )


# ── small questions ──


def _is_name(value: object) -> bool:
    return as_text(value) is not None


def _is_s3(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:s3"


def _is_event(record: object) -> bool:
    """True for a CloudTrail record of any kind, and not for records of S3, Kinesis or DynamoDB that look alike."""
    if not isinstance(record, dict) or not isinstance(record.get("eventVersion"), str):
        return False
    if str(record.get("eventSource", "")).startswith("aws:"):
        return False
    return any(name in record for name in ("eventID", "eventId", "eventCategory", "eventType"))


def _is_config(body: Mapping[str, Any]) -> bool:
    kind = body.get("messageType")
    return isinstance(kind, str) and kind.startswith(_CONFIG_MESSAGES)


def _outline(body: Mapping[str, Any], raw: bytes) -> str:
    names = ", ".join(repr(name[:32]) for name in list(body)[:8])
    return f"a JSON object of {len(raw)} bytes with the members {names or '(none)'}{', …' if len(body) > 8 else ''}"
