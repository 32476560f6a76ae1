"""The trails that both programs prove, and one tampering of every kind for each of them to find."""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cloudtrail_processing.testing import (
    Append,
    Flip,
    FlipInside,
    Metadata,
    Move,
    Remove,
    Replace,
    SignedTrail,
    Tampering,
    Truncate,
    Window,
)

BUCKET = "example-trail-logs"
_HOUR = timedelta(hours=1)
_SPARE = 6  # hours between two tamperings
Act = tuple[str, Sequence[Tampering]]


@dataclass(frozen=True, slots=True)
class Size:
    """How large the trail of the agreement is."""

    hours: int = 400
    logs: int = 14


def long_trail(size: Size, **others: Any) -> SignedTrail:
    """A trail with everything that happens in life: new keys, quiet hours, a stop, late logs."""
    middle = size.hours // 2
    told: dict[str, Any] = {
        "hours": size.hours,
        "logs": size.logs,
        "rotate": max(6, size.hours // 5),
        "quiet": {3, 4, middle + 7},
        "stopped": [(middle, middle + 4)],
        "backfill": [5, 6, middle + 9],
        "bucket": BUCKET,
    }
    return SignedTrail(1, **{**told, **others})


def times(trail: SignedTrail) -> tuple[str, str]:
    """From its first digest's hour to the end of its last."""
    first, last = trail.windows[0].start, max(it.end for it in trail.windows)
    return f"{first:%Y-%m-%dT%H:%M:%SZ}", f"{last:%Y-%m-%dT%H:%M:%SZ}"


def spread(trail: SignedTrail) -> list[Act]:
    """Every kind of tampering that the CLI sees, by name, each some hours from the next; fewer in a short trail."""
    standard = [it for it in trail.windows if len(it.logs) > 1 and not it.is_backfill]
    backfill = [it for it in trail.windows if it.is_backfill]
    acts: list[Act] = []
    # The newest hours stay: a digest that is gone from the end is no matter of agreement, the CLI is blind to it.
    places = iter(standard[-3::-_SPARE])
    for name, act in _ACTS.items():
        if (window := next(places, None)) is None:
            break
        acts.append((name, list(act(trail, window))))
    for (name, act), window in zip(_BACKFILLED.items(), backfill, strict=False):
        acts.append((name, list(act(trail, window))))
    return acts


def log_in(window: Window) -> tuple[str, str]:
    """The place of a log that the digest lists."""
    return window.bucket, window.logs[0]


def digest_of(window: Window) -> tuple[str, str]:
    """The place of the digest."""
    return window.bucket, window.key


def _other(trail: SignedTrail, window: Window) -> Window:
    """The digest of another hour."""
    return next(it for it in trail.windows if it.end == window.end - 2 * _HOUR and not it.is_backfill)


def _swapped(trail: SignedTrail, window: Window) -> Iterator[Tampering]:
    other = _other(trail, window)
    yield Replace(*digest_of(window), trail.objects[digest_of(other)].body)
    for name, value in trail.objects[digest_of(other)].metadata.items():
        yield Metadata(*digest_of(window), name, value)


def _spelled(bucket: str, key: str, trail: SignedTrail, old: bytes, new: bytes) -> Replace:
    """The same object with a part of its text written otherwise."""
    text = gzip.decompress(trail.objects[bucket, key].body)
    assert old in text
    return Replace(bucket, key, gzip.compress(text.replace(old, new)))


_ACTS: Any = {
    "a log is gone": lambda _, it: [Remove(*log_in(it))],
    "a log has another byte inside": lambda _, it: [FlipInside(*log_in(it), 40)],
    "a log is another one": lambda trail, it: [Replace(*log_in(it), trail.objects[it.bucket, it.logs[1]].body)],
    "a log is no gzip": lambda _, it: [Replace(*log_in(it), b"{}")],
    "a log is empty": lambda _, it: [Truncate(*log_in(it), 0)],
    "a log ends early": lambda _, it: [Truncate(*log_in(it), 60)],
    "a log's compressed data has another byte": lambda _, it: [Flip(*log_in(it), 40)],
    "a log's checksum has another byte": lambda _, it: [Flip(*log_in(it), -6)],
    "a log's gzip header tells another method": lambda _, it: [Flip(*log_in(it), 2)],
    "a log's gzip header tells another time": lambda _, it: [Flip(*log_in(it), 5, 1)],
    "a second gzip member follows a log": lambda _, it: [Append(*log_in(it), gzip.compress(b"more"))],
    "a byte follows a log": lambda _, it: [Append(*log_in(it), b"\0")],
    "a log lies elsewhere": lambda _, it: [Move(*log_in(it), it.bucket, f"{it.logs[0]}.old")],
    "a digest is gone": lambda _, it: [Remove(*digest_of(it))],
    "a digest has another byte inside": lambda _, it: [FlipInside(*digest_of(it), -20, 1)],
    "a digest tells another hash of a log": lambda trail, it: [
        _spelled(*digest_of(it), trail, b'"hashValue":"', b'"hashValue":"0')
    ],
    "a digest lists one log less": lambda trail, it: [
        _spelled(*digest_of(it), trail, b'"logFiles":[', b'"logFilez":[')
    ],
    "a digest is no gzip": lambda _, it: [Replace(*digest_of(it), b"{}")],
    "a digest is no JSON": lambda _, it: [Replace(*digest_of(it), gzip.compress(b"{"))],
    "a digest is no object of JSON": lambda _, it: [Replace(*digest_of(it), gzip.compress(b"[]"))],
    "a digest ends early": lambda _, it: [Truncate(*digest_of(it), 60)],
    "a digest has no signature": lambda _, it: [Metadata(*digest_of(it), "signature", None)],
    "a digest has no algorithm": lambda _, it: [Metadata(*digest_of(it), "signature-algorithm", None)],
    "a digest's signature is another one": lambda _, it: [Metadata(*digest_of(it), "signature", "ab" * 256)],
    "a digest's signature is too short": lambda _, it: [Metadata(*digest_of(it), "signature", "ab" * 16)],
    "a digest's signature is no hex": lambda _, it: [Metadata(*digest_of(it), "signature", "zz" * 256)],
    "a digest stands in another one's place": _swapped,
    "a digest names another place": lambda trail, it: [
        _spelled(*digest_of(it), trail, b'"digestS3Bucket":"', b'"digestS3Bucket":"other-')
    ],
    "a digest names a key that nobody has": lambda trail, it: [
        _spelled(*digest_of(it), trail, b'"digestPublicKeyFingerprint":"', b'"digestPublicKeyFingerprint":"0')
    ],
    "a digest lacks a member": lambda trail, it: [_spelled(*digest_of(it), trail, b'"digestEndTime"', b'"digestEnd"')],
}
_BACKFILLED: Any = {
    "a backfill digest tells no time of its making": lambda _, it: [
        Metadata(*digest_of(it), "backfill-generation-timestamp", None)
    ],
    "a log of a backfill digest has another byte": lambda _, it: [FlipInside(*log_in(it), 40)],
}
