"""What the CLI does not see, or stumbles over: one small trail for each."""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from benchmarks.validation.tamperings import BUCKET, digest_of, log_in
from cloudtrail_processing.integrity import State
from cloudtrail_processing.testing import Append, FlipInside, Inject, Remove, Resign, SignedTrail, Tampering, Truncate

_HOUR: Final = timedelta(hours=1)
_ORGANIZATION: Final = "o-a1b2c3d4e5"
_REGIONS: Final = ("us-east-1", "eu-west-1")
Options = tuple[str, ...]
Tamper = Callable[[SignedTrail], Sequence[Tampering]]


@dataclass(frozen=True, slots=True)
class Case:
    """One of them. ``truth`` are the states that a program must find, none of them where all is well.

    ``trail`` has the arguments of the signed trail; ``layout`` those of what is served of it. ``whole`` asks for the
    times of the trail otherwise than as they are: the start, written so.
    """

    name: str
    truth: frozenset[State]
    tamper: Tamper = lambda _: ()
    trail: Mapping[str, Any] = field(default_factory=dict)
    layout: Mapping[str, Any] = field(default_factory=dict)
    denied: Callable[[SignedTrail], Sequence[tuple[str, str]]] = lambda _: ()
    start: Callable[[SignedTrail], str] | None = None
    theirs: Options = ()
    ours: Options = ()


def _hour(trail: SignedTrail, number: int, *, region: str | None = None) -> Any:
    """The standard digest of an hour."""
    end = trail.windows[0].start + (number + 1) * _HOUR
    return next(it for it in trail.windows if it.end == end and not it.is_backfill and region in (it.region, None))


def _document(trail: SignedTrail, number: int) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(gzip.decompress(trail.objects[digest_of(_hour(trail, number))].body))
    return told


def _removed(*numbers: int) -> Tamper:
    return lambda trail: [Remove(*digest_of(_hour(trail, number))) for number in numbers]


def _injected(trail: SignedTrail) -> Sequence[Tampering]:
    window = _hour(trail, 5)
    bucket, key = log_in(window)
    name = f"{key.removesuffix('.json.gz')[:-16]}{'injected' * 2}.json.gz"
    stored = trail.objects[bucket, key]
    return [Inject(bucket, name, gzip.compress(b'{"Records":[]}'), last_modified=stored.last_modified)]


def _resigned(number: int, **changes: object) -> Tamper:
    return lambda trail: [Resign(*digest_of(_hour(trail, number)), changes)]


def _otherwise_signed(trail: SignedTrail) -> Sequence[Tampering]:
    return [Resign(*digest_of(_hour(trail, 11)), {"digestSignatureAlgorithm": "none"})]


def _otherwise_hashed(trail: SignedTrail) -> Sequence[Tampering]:
    logs = [{**it, "hashAlgorithm": "MD5"} for it in _document(trail, 11)["logFiles"]]
    return [Resign(*digest_of(_hour(trail, 11)), {"logFiles": logs})]


def _appended_to_digest(trail: SignedTrail) -> Sequence[Tampering]:
    return [Append(*digest_of(_hour(trail, 6)), gzip.compress(b"more"))]


def _short_of_a_byte(trail: SignedTrail) -> Sequence[Tampering]:
    place = log_in(_hour(trail, 6))
    return [Truncate(*place, len(trail.objects[place].body) - 1)]


def _hidden(trail: SignedTrail) -> Sequence[Tampering]:
    window = _hour(trail, 6)
    return [
        FlipInside(*digest_of(window), -20, 1),
        FlipInside(*log_in(window), 40),
        Remove(window.bucket, window.logs[1]),
    ]


def _newest_backfill(trail: SignedTrail) -> Sequence[Tampering]:
    return [Remove(*digest_of([it for it in trail.windows if it.is_backfill][-1]))]


def _backfilled_before_the_move(trail: SignedTrail) -> Sequence[Tampering]:
    return [FlipInside(*log_in(next(it for it in trail.windows if it.is_backfill)), 40)]


def _in_the_other_region(trail: SignedTrail) -> Sequence[Tampering]:
    return [FlipInside(*log_in(_hour(trail, 6, region=_REGIONS[1])), 40)]


def _everything(trail: SignedTrail) -> Sequence[Tampering]:
    return [Remove(*place) for place in trail.objects if "-Digest/" in place[1]]


def _nine_hours_ahead(trail: SignedTrail) -> str:
    """The trail's start as a clock in Tokyo shows it."""
    return f"{trail.windows[0].start + 9 * _HOUR:%Y-%m-%dT%H:%M:%S}+09:00"


def _first_log(trail: SignedTrail) -> Sequence[tuple[str, str]]:
    return [log_in(_hour(trail, 6))]


def _one_digest(trail: SignedTrail) -> Sequence[tuple[str, str]]:
    return [digest_of(_hour(trail, 6))]


def _altered(trail: SignedTrail) -> Sequence[Tampering]:
    return [FlipInside(*log_in(_hour(trail, 6)), 40)]


def _truth(*states: State) -> frozenset[State]:
    return frozenset(states)


_LINK: Final = _truth(State.BROKEN_LINK)
_ORGANIZED: Final = {"organization": _ORGANIZATION}
_BAD_LOG: Final = _truth(State.HASH_DIFFERS)
_HIDDEN: Final = _truth(State.UNPROVEN, State.NOT_FOUND)
_GONE: Final = _truth(State.MISSING, State.NOT_FOUND)

CASES: Final = (
    Case("the newest three digests deleted", _truth(State.MISSING), _removed(9, 10, 11)),
    Case("two digests side by side deleted", _GONE, _removed(6, 7)),
    Case("every digest deleted", _truth(State.MISSING, State.UNLISTED), _everything),
    Case("the newest backfill digest deleted", _truth(State.UNLISTED), _newest_backfill, {"backfill": [3, 6]}),
    Case("a log that no digest lists", _truth(State.UNLISTED), _injected),
    Case("a wrong previousDigestHashValue, signed", _LINK, _resigned(11, previousDigestHashValue="0" * 64)),
    Case("a wrong previousDigestSignature, signed", _LINK, _resigned(11, previousDigestSignature="0" * 512)),
    Case("digestSignatureAlgorithm is another, signed", _truth(State.BAD_FORMAT), _otherwise_signed),
    Case("hashAlgorithm of a log is another, signed", _truth(State.BAD_FORMAT), _otherwise_hashed),
    Case("a gzip member behind a digest", _truth(State.TRAILING_DATA), _appended_to_digest),
    Case("the last byte of a log cut off", _truth(State.BAD_FORMAT), _short_of_a_byte),
    Case("logs altered and deleted, and their digest spoilt", _HIDDEN, _hidden),
    Case("logging stopped for three hours", _truth(State.GAP), trail={"stopped": [(5, 8)]}),
    Case("one log forbidden", _truth(State.FORBIDDEN), denied=_first_log),
    Case("one digest forbidden", _truth(State.FORBIDDEN), denied=_one_digest),
    Case(
        "organization trail, without a bucket given, a log altered",
        _BAD_LOG,
        _altered,
        trail=_ORGANIZED,
        layout=_ORGANIZED,
        theirs=("--account-id", "111122223333"),
    ),
    Case(
        "organization trail, with its bucket given, a log altered",
        _BAD_LOG,
        _altered,
        trail=_ORGANIZED,
        layout=_ORGANIZED,
        theirs=("--account-id", "111122223333", "--s3-bucket", BUCKET),
        ours=("--account", "111122223333"),
    ),
    Case("start given as a time in Tokyo, a log altered", _BAD_LOG, _altered, start=_nine_hours_ahead),
    Case("a log altered in another region of the trail", _BAD_LOG, _in_the_other_region, {"regions": _REGIONS}),
    Case("more public keys than one page tells, all well", frozenset(), trail={"rotate": 3}, layout={"page": 1}),
    Case(
        "a backfilled log altered, in the bucket before a move",
        _BAD_LOG,
        _backfilled_before_the_move,
        trail={"backfill": [3], "moves": {6: "other-bucket"}},
        layout={"bucket": "other-bucket"},
    ),
)
"""Of every hole one: those of the rules, and those that turned up while both programs were compared."""
