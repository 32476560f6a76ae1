"""The logs: what the object of each number is called and holds, and how a queue hears of it."""

import re
from collections.abc import Sequence

import orjson

BUCKET = "bench-trail"
REGION = "eu-west-1"
ACCOUNT = "123456789012"
_FOLDER = f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2024/01/01/{ACCOUNT}_CloudTrail_{REGION}_20240101T"
_NUMBER = re.compile(r"_(\d{16,})\.json\.gz$")
_MINUTES = 1440
_LOGS_A_MINUTE = 5
_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:bench-trail"
_SIGNATURE = "ZXhhbXBsZS1zaWduYXR1cmUt" * 14 + "ZXhhbXA="
_CERTIFICATE = f"https://sns.{REGION}.amazonaws.com/SimpleNotificationService-{'0' * 32}.pem"
_UNSUBSCRIBE = f"https://sns.{REGION}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={_TOPIC}:{'0' * 8}"


def key_of(number: int) -> str:
    """The key of object ``number``: five logs a minute, and the day starts again when it is over."""
    hour, minute = divmod(number // _LOGS_A_MINUTE % _MINUTES, 60)
    return f"{_FOLDER}{hour:02d}{minute:02d}Z_{number:016d}.json.gz"


def number_of(key: str) -> int | None:
    """The object's number; None for a key that no object has."""
    found = _NUMBER.search(key)
    number = int(found[1]) if found else None
    return number if number is not None and key == key_of(number) else None


def _split() -> tuple[str, str, str]:
    """A notification, taken apart where its id and the key of its log belong."""
    told = orjson.dumps({"s3Bucket": BUCKET, "s3ObjectKey": ["<key>"]}).decode()
    notification = {
        "Type": "Notification",
        "MessageId": "<id>",
        "TopicArn": _TOPIC,
        "Message": told,
        "Timestamp": "2024-01-01T00:10:00.000Z",
        "SignatureVersion": "1",
        "Signature": _SIGNATURE,
        "SigningCertURL": _CERTIFICATE,
        "UnsubscribeURL": _UNSUBSCRIBE,
    }
    start, rest = orjson.dumps(notification).decode().split("<id>")
    middle, end = rest.split("<key>")
    return start, middle, end


_START, _MIDDLE, _END = _split()


def announcement(number: int) -> str:
    """CloudTrail's notification of object ``number``, as SNS puts it into a queue."""
    return f"{_START}00000000-0000-4000-9000-{number:012d}{_MIDDLE}{key_of(number)}{_END}"


class Listing:
    """The keys of the first objects, in order; made when it is asked for."""

    def __init__(self) -> None:
        self._keys: list[str] = []

    def keys(self, count: int) -> Sequence[str]:
        """Those of the first ``count`` objects."""
        if len(self._keys) != count:
            self._keys = sorted(map(key_of, range(count)))
        return self._keys
