"""Random tampering with trails, and what an audit says of it: ``python -m benchmarks.tampering --seeds 10000``.

Each seed takes one of some trails, alters up to four of its objects, forbids up to one, and audits all of it. Two
things must hold. *Nothing altered is called valid*: whatever has another content, other metadata or another place than
CloudTrail gave it. *Nothing untouched is called invalid*: objects may at most be unproven, when what proves them was
tampered with; a log whose only digest was deleted is, rightly, unlisted. And the audit as a whole is only VALID, or has
only gaps, when nothing was done, or nothing that leaves a trace: the last backfill digest of a chain and all its logs
can be deleted, and nothing tells that they ever were.
"""

import gzip
import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Annotated, Final

import typer
from rich.progress import track

from cloudtrail_processing.audit import Exit, Scope, Summary, audit
from cloudtrail_processing.events.values import parse_time
from cloudtrail_processing.integrity import GENERATED, State
from cloudtrail_processing.testing import FakeBuckets, SignedTrail
from cloudtrail_processing.testing.trail import (
    Append,
    Flip,
    FlipInside,
    Inject,
    Metadata,
    Remove,
    Replace,
    StoredObject,
    Tampering,
    Truncate,
)
from cloudtrail_processing.times import TimeRange

Place = tuple[str, str]
_MOST: Final = 4
_UNKNOWN: Final = (State.UNPROVEN, State.FORBIDDEN)
_HARMLESS: Final = (Exit.VALID, Exit.GAPS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to which trail."""

    trail: SignedTrail
    tamperings: tuple[Tampering, ...]
    forbidden: tuple[Place, ...]


@cache
def _trails() -> Sequence[SignedTrail]:
    return (
        SignedTrail(1, hours=10, logs=2, records=1, rotate=5, quiet=(4,)),
        SignedTrail(2, hours=9, logs=1, records=2, backfill=(2, 6), stopped=((4, 6),)),
        SignedTrail(3, hours=8, logs=1, records=1, bucket="trail-b", moves={5: "trail-a"}),
    )


def plan(seed: int) -> Plan:
    """The plan of this seed."""
    draw = random.Random(seed)
    trail = draw.choice(_trails())
    places = draw.sample(sorted(trail.objects), draw.randint(0, _MOST))
    tamperings = tuple(draw.choice(_WAYS)(trail, place, draw) for place in places)
    forbidden = tuple(draw.sample(sorted(trail.objects), draw.choice((0, 0, 0, 1))))
    return Plan(trail, tamperings, forbidden)


def _flip(trail: SignedTrail, place: Place, draw: random.Random) -> Tampering:
    return Flip(*place, draw.randrange(len(trail.objects[place].body)), draw.randint(1, 255))


def _flip_inside(trail: SignedTrail, place: Place, draw: random.Random) -> Tampering:
    return FlipInside(*place, draw.randrange(len(gzip.decompress(trail.objects[place].body))), draw.randint(1, 255))


def _cut(trail: SignedTrail, place: Place, draw: random.Random) -> Tampering:
    return Truncate(*place, draw.randrange(len(trail.objects[place].body)))


def _append(_: SignedTrail, place: Place, draw: random.Random) -> Tampering:
    return Append(*place, draw.choice((b"\0", b"\n", gzip.compress(b"{}"), gzip.compress(b"", mtime=0))))


def _swap(trail: SignedTrail, place: Place, draw: random.Random) -> Tampering:
    others = sorted(it for it in trail.objects if it != place)
    return Replace(*place, trail.objects[draw.choice(others)].body)


def _metadata(trail: SignedTrail, place: Place, draw: random.Random) -> Tampering:
    """Of a digest; a log has none, so it is deleted."""
    known = trail.objects[place].metadata
    if not known:
        return Remove(*place)
    name = draw.choice(sorted(known))
    return Metadata(*place, name, draw.choice((None, "", "00", "zz", known[name][::-1], known[name][:-2])))


def _remove(_: SignedTrail, place: Place, _draw: random.Random) -> Tampering:
    return Remove(*place)


def _inject(trail: SignedTrail, place: Place, draw: random.Random) -> Tampering:
    """A copy of a log under a name of its own, written at any time since. What has no digest's name proves nothing."""
    if "CloudTrail-Digest" in place[1]:
        return Remove(*place)
    found = trail.objects[place]
    since = timedelta(minutes=draw.choice((0, 1, 30, 600, 3000)))
    name = place[1].replace(".json.gz", f"{draw.randrange(10)}.json.gz")
    return Inject(place[0], name, found.body, found.metadata, found.last_modified + since)


_WAYS: Sequence[Callable[[SignedTrail, Place, random.Random], Tampering]] = (
    *(_flip, _flip, _flip_inside, _flip_inside, _cut, _append, _swap, _metadata, _remove, _inject),
)


def judged(plan: Plan) -> list[str]:
    """What the audit says of it that must not be said; nothing when all is well."""
    before = plan.trail.objects
    after = plan.trail.tampered(*plan.tamperings).objects
    altered = {place for place in {*before, *after} if not _same(before.get(place), after.get(place))}
    findings = _audited(plan, FakeBuckets(after, forbidden=plan.forbidden))
    orphans = {log for it in plan.trail.windows if (it.bucket, it.key) not in after for log in it.logs}
    wrong = []
    for it in findings:
        place = (it.bucket, it.key)
        if it.state is State.VALID and place in altered:
            wrong.append(f"altered, called valid: {it}")
        is_untouched = it.key and place not in altered and not (it.state is State.UNLISTED and it.key in orphans)
        if it.state is not State.VALID and is_untouched and it.state not in _UNKNOWN:
            wrong.append(f"untouched, called {it.state}: {it}")
    summary = Summary(findings)
    is_touched = bool(altered - _traceless(plan.trail, after) or plan.forbidden)
    if (summary.exit in _HARMLESS) is is_touched:
        wrong.append(f"comes to {summary.exit.name}, and altered were {sorted(altered)}")
    return wrong


def _traceless(trail: SignedTrail, after: Mapping[Place, StoredObject]) -> set[Place]:
    """What can be deleted and nobody is left to tell: a backfill digest that no other one names, with its logs.

    Backfills have no cadence. Where only one of both is deleted, the other one tells.
    """
    gone = [it for it in trail.windows if it.is_backfill and (it.bucket, it.key) not in after]
    told = b"".join(_content(it.body) or b"" for (_, key), it in after.items() if "CloudTrail-Digest" in key)
    lost = [it for it in gone if b'"previousDigestS3Object":"%s"' % it.key.encode() not in told]
    logs = {(it.bucket, log) for it in lost for log in it.logs}
    return {(it.bucket, it.key) for it in lost} | logs if not logs & after.keys() else set()


def _audited(plan: Plan, buckets: FakeBuckets) -> list[object]:
    windows = plan.trail.windows
    times = TimeRange(windows[0].start, max(it.end for it in windows))
    scope = Scope(windows[-1].bucket, times)
    now = times.last + timedelta(days=3)
    return list(audit(scope, store=buckets, listing=buckets, keys=plan.trail, now=now, threads=2))


def _same(before: StoredObject | None, after: StoredObject | None) -> bool:
    """Whether an object is what CloudTrail delivered.

    What gzip says beside its content is not signed by anything, nor is the time of a backfill: any time will do.
    """
    if before is None or after is None:
        return before is after
    told = [{k: bool(parse_time(v)) if k == GENERATED else v for k, v in it.metadata.items()} for it in (before, after)]
    return told[0] == told[1] and _content(before.body) == _content(after.body)


def _content(body: bytes) -> bytes | None:
    """The content of exactly one gzip member; None for anything else."""
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(body)
    except zlib.error:
        return None
    return data if stream.eof and not stream.unused_data else None


def main(seeds: Annotated[int, typer.Option(min=1)] = 10_000, first: int = 0) -> None:
    """Run so many seeds; ends with 1 when one of them shows something wrong."""
    wrong = 0
    for seed in track(range(first, first + seeds), "seeds"):
        for told in judged(plan(seed)):
            wrong += 1
            print(f"seed {seed}: {told}")
    print(f"{seeds} seeds, {wrong} wrong")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    typer.run(main)
