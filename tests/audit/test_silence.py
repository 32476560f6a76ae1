"""What nobody tells any more is told: digests of whole regions, times and accounts that are not there."""

from datetime import UTC, datetime, timedelta

import pytest
from audited import HOUR, Place, audited, bad, digests, exit_of, span

from cloudtrail_processing.audit import Scope, What, audit
from cloudtrail_processing.integrity import State
from cloudtrail_processing.testing import FakeBuckets, SignedTrail
from cloudtrail_processing.testing.trail import Inject, Remove, Tampering
from cloudtrail_processing.times import TimeRange

REGIONS = SignedTrail(2, hours=60, logs=1, regions=("us-east-1", "eu-west-1"))
START = span(REGIONS).first


def without(trail: SignedTrail, *parts: str, after: int = 0, logs: bool = False) -> list[Tampering]:
    """The removal of digests, or of logs too, that have all of these in their keys, from an hour on."""
    end = span(trail).first + after * HOUR
    gone: list[Place] = []
    for window in trail.windows:
        if window.end > end and all(part in window.key for part in parts):
            gone.append((window.bucket, window.key))
            gone += [(window.bucket, key) for key in window.logs if logs]
    return [Remove(*place) for place in gone]


def test_a_region_all_of_whose_digests_are_gone_is_told_because_its_logs_are_there() -> None:
    findings = audited(REGIONS.tampered(*without(REGIONS, "eu-west-1")))
    assert bad(findings) == [(What.TRAIL, State.MISSING, "")]
    missing = next(it for it in findings if it.what is What.TRAIL)
    assert (missing.region, missing.first) == ("eu-west-1", START)
    assert exit_of(findings) == "INCOMPLETE"


def test_a_region_whose_digests_and_logs_of_the_range_are_gone_is_told_because_older_digests_are_there() -> None:
    times = TimeRange(START + 40 * HOUR, span(REGIONS).last)
    findings = audited(REGIONS.tampered(*without(REGIONS, "eu-west-1", after=2, logs=True)), times)
    assert bad(findings) == [(What.TRAIL, State.MISSING, "")]
    assert next(it for it in findings if it.what is What.TRAIL).count == 20


def test_a_region_that_was_stopped_before_the_range_is_a_gap() -> None:
    times = TimeRange(START + 40 * HOUR, span(REGIONS).last)
    ended = REGIONS.tampered(*without(REGIONS, "eu-west-1", after=2, logs=True))
    eastern = ended.tampered(*without(REGIONS, "/us-east-1/", after=2, logs=True))
    findings = audited(eastern, times, stopped={"example": START + 2 * HOUR})
    assert [(what, state) for what, state, _ in bad(findings)] == [(What.TRAIL, State.GAP)] * 2
    assert exit_of(findings) == "GAPS"


def test_a_trail_that_was_stopped_long_before_the_range_and_started_in_it_has_a_gap() -> None:
    trail = SignedTrail(4, hours=80, logs=0, stopped=((1, 70),))
    times = TimeRange(span(trail).first + 50 * HOUR, span(trail).last)
    findings = audited(trail, times)
    gap = next(it for it in findings if it.what is What.TRAIL)
    assert (gap.state, gap.first, gap.last) == (State.GAP, times.first, span(trail).first + 70 * HOUR)
    assert exit_of(findings) == "GAPS"


def test_logs_from_before_the_first_digest_are_not_passed_over() -> None:
    trail = SignedTrail(5, hours=60, logs=1)
    starting = SignedTrail(5, hours=60, logs=1, stopped=((0, 30),))
    early = [Inject(bucket, key, it.body, {}, it.last_modified) for (bucket, key), it in trail.objects.items()]
    early = [it for it in early if "Digest" not in it.key and it.last_modified < span(trail).first + 20 * HOUR]
    findings = audited(starting.tampered(*early), span(trail))
    missing = next(it for it in findings if it.what is What.TRAIL)
    assert (missing.state, missing.first, missing.count) == (State.MISSING, span(trail).first, 30)
    assert exit_of(findings) == "INCOMPLETE"


def test_a_trail_that_began_in_the_range_lacks_nothing() -> None:
    trail = SignedTrail(5, hours=10, logs=1)
    findings = audited(trail, TimeRange(span(trail).first - timedelta(days=200), span(trail).last))
    assert bad(findings) == []
    assert exit_of(findings) == "VALID"


def test_times_that_no_calendar_goes_beyond_are_audited_like_any_others() -> None:
    trail = SignedTrail(6, hours=5, logs=1)
    ever = TimeRange(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    findings = audited(trail, ever, now=span(trail).last + HOUR)
    assert {(it.bucket, it.key) for it in findings} == set(trail.objects)
    assert exit_of(findings) == "VALID"
    assert audited(trail, TimeRange(ever.last, ever.last)) == []
    assert audited(trail, TimeRange(ever.first, ever.first)) == []


@pytest.mark.parametrize(
    ("scope", "lost"),
    [
        ({"accounts": ["111122223333", "999988887777"]}, [("999988887777", "")]),
        ({"regions": ["eu-west-1", "eu-west-9", "eu-west-8"]}, [("", "eu-west-8"), ("", "eu-west-9")]),
        ({"accounts": ["111122223333"], "regions": ["eu-west-1"]}, []),
        ({"accounts": ["999988887777"]}, []),
    ],
    ids=["an account", "regions", "none", "all"],
)
def test_an_account_or_region_that_was_named_and_is_nowhere_is_told(
    scope: dict[str, list[str]], lost: list[tuple[str, str]]
) -> None:
    findings = audited(REGIONS, scope=scope)
    told = [it for it in findings if it.state is not State.VALID]
    assert [(it.account, it.region) for it in told] == lost
    assert {(it.what, it.state) for it in told} <= {(What.TRAIL, State.NOT_FOUND)}
    assert exit_of(findings) == ("INCOMPLETE" if lost else "NOTHING" if not findings else "VALID")


OTHERS = {
    "AWSLogs/111122223333/elasticloadbalancing/us-east-1/2026/09/14/x.log": b"x",
    "AWSLogs/111122223333/vpcflowlogs/us-east-1/2026/09/14/x.log.gz": b"x",
    "AWSLogs/o-exampleorg1/111122223333/Config/us-east-1/2026/9/14/x.json.gz": b"x",
    "AWSLogs/": b"",
    "AWSLogs/aws-account-id=1/x": b"x",
    "AWSLogs/11112222333३/CloudTrail-Digest/us-east-1/x": b"x",
    "other/AWSLogs": b"x",
}


@pytest.mark.parametrize("count", [0, len(OTHERS)], ids=["empty", "other services' files"])
def test_a_bucket_without_anything_of_cloudtrail_has_nothing_to_validate(count: int) -> None:
    empty = REGIONS.tampered(*(Remove(*place) for place in REGIONS.objects))
    bucket = digests(REGIONS)[0][0]
    others = [Inject(bucket, key, body) for key, body in list(OTHERS.items())[:count]]
    buckets = FakeBuckets(empty.tampered(*others).objects)
    scope = Scope(bucket, span(REGIONS))
    told = audit(scope, store=buckets, listing=buckets, keys=REGIONS, now=span(REGIONS).last, threads=2)
    assert list(told) == []
    assert buckets.fetched == []


def test_a_long_range_with_a_handful_of_digests_lists_no_day_before_them_or_in_the_future() -> None:
    trail = SignedTrail(6, hours=5, logs=1)
    buckets = FakeBuckets(trail.objects)
    first, last = span(trail).first, span(trail).last
    scope = Scope(digests(trail)[0][0], TimeRange(first - timedelta(days=365), last + timedelta(days=365)))
    findings = list(audit(scope, store=buckets, listing=buckets, keys=trail, now=last + HOUR, threads=2))
    assert bad(findings) == []
    days = [prefix for _, prefix in buckets.listed if prefix.count("/") > 4]
    assert len(days) == (last.date() - first.date()).days + 1
    assert len(buckets.listed) < 15
