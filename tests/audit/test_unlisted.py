"""Whoever puts something among the logs is found, whatever it is called and whenever it was written."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from audited import HOUR, audited, bad, digests, exit_of, logs, span

from cloudtrail_processing.audit import Scope, What, audit
from cloudtrail_processing.audit.unlisted import Covered
from cloudtrail_processing.integrity import State
from cloudtrail_processing.testing import FakeBuckets, SignedTrail
from cloudtrail_processing.testing.trail import FlipInside, Inject, Remove, Resign
from cloudtrail_processing.times import TimeRange

TRAIL = SignedTrail(1, hours=30, logs=2)
BUCKET, KEY = logs(TRAIL, 8)[0]
DAY, _, NAME = KEY.rpartition("/")
STORED = TRAIL.objects[BUCKET, KEY]
NOW = span(TRAIL).last + timedelta(days=5)
INSIGHT = KEY.replace("/CloudTrail/", "/CloudTrail-Insight/").replace("_CloudTrail_", "_CloudTrail-Insight_")


@pytest.mark.parametrize(
    "key",
    [
        NAME.replace("_202609", "_199901"),
        NAME.replace("_202609", "_209901"),
        "evil.json",
        "evil.gz",
        "evil",
        "deeper/" + NAME,
        "folder/",
        NAME.replace("_CloudTrail_", "_CloudTrail-Digest_"),
        "\x1b[2J.json.gz",
        "\N{PILE OF POO}.json",
        "e" * 900,
    ],
    ids=["old", "future", "json", "gz", "bare", "deeper", "folder", "digest", "control", "emoji", "long"],
)
def test_nothing_in_the_folder_of_a_day_hides_behind_its_name(key: str) -> None:
    injected = Inject(BUCKET, f"{DAY}/{key}", STORED.body, {}, STORED.last_modified)
    findings = audited(TRAIL.tampered(injected), now=NOW)
    assert bad(findings) == [(What.LOG, State.UNLISTED, injected.key)]
    assert exit_of(findings) == "INVALID"


@pytest.mark.parametrize("hour", [0, 7, 23, 24, 29])
@pytest.mark.parametrize("size", [0, 1])
def test_an_emptied_or_tiny_log_is_found_as_well(hour: int, size: int) -> None:
    bucket, key = logs(TRAIL, hour)[0]
    name = key.replace(".json.gz", "x.json.gz")
    modified = TRAIL.objects[bucket, key].last_modified
    findings = audited(TRAIL.tampered(Inject(bucket, name, b"x" * size, {}, modified)), now=NOW)
    assert bad(findings) == [(What.LOG, State.UNLISTED, name)]


@pytest.mark.parametrize("is_listed", [False, True], ids=["its digests list none", "they list others"])
def test_a_log_of_a_kind_that_digests_may_not_list_is_found_and_called_added_only_when_they_do(is_listed: bool) -> None:
    entry = json.loads(gzip.decompress(TRAIL.objects[digests(TRAIL)[8]].body))["logFiles"][0]
    other = INSIGHT.replace(".json.gz", "x.json.gz")
    entries = [entry, {**entry, "s3Object": other}] if is_listed else [entry]
    injected = [Inject(BUCKET, key, STORED.body, {}, STORED.last_modified) for key in (INSIGHT, other)[: 1 + is_listed]]
    trail = TRAIL.tampered(Resign(*digests(TRAIL)[8], {"logFiles": entries}), Remove(*logs(TRAIL, 8)[1]), *injected)
    told = [(it.state, it.key) for it in audited(trail, now=NOW) if it.what is What.LOG and "Insight" in it.key]
    wanted = [(State.UNLISTED if is_listed else State.UNPROVEN, INSIGHT), (State.VALID, other)]
    assert sorted(told) == sorted(wanted[: 1 + is_listed])


def test_an_old_log_that_was_written_just_now_is_not_kept_out_of_sight() -> None:
    injected = Inject(BUCKET, KEY.replace(".json.gz", "x.json.gz"), STORED.body, {}, NOW - timedelta(minutes=1))
    findings = audited(TRAIL.tampered(injected), now=NOW)
    assert bad(findings) == [(What.LOG, State.UNPROVEN, injected.key)]
    assert exit_of(findings) == "INCOMPLETE"


def test_a_clock_that_is_wrong_by_years_hides_nothing() -> None:
    injected = Inject(BUCKET, KEY.replace(".json.gz", "x.json.gz"), STORED.body, {}, NOW)
    for now in (NOW - timedelta(days=4), NOW + timedelta(days=4000)):
        late = replace(injected, last_modified=datetime(2100, 1, 1, tzinfo=UTC))
        assert exit_of(audited(TRAIL.tampered(late), now=now)) == "INCOMPLETE"


def test_an_empty_folder_marker_is_no_log() -> None:
    findings = audited(TRAIL.tampered(Inject(BUCKET, f"{DAY}/", b""), Inject(BUCKET, f"{DAY}/x/", b"")), now=NOW)
    assert bad(findings) == []


def test_a_log_outside_the_range_is_not_told_but_for_one_that_tells_no_time() -> None:
    first = span(TRAIL).first
    times = TimeRange(first + 12 * HOUR, first + 14 * HOUR)
    named = Inject(BUCKET, KEY.replace(".json.gz", "x.json.gz"), STORED.body, {}, STORED.last_modified)
    findings = audited(TRAIL.tampered(named, replace(named, key=f"{DAY}/x.json")), times, now=NOW)
    assert [key for what, _, key in bad(findings) if what is What.LOG] == [f"{DAY}/x.json"]


def test_a_log_whose_digest_was_deleted_is_unproven_and_nobody_is_accused() -> None:
    """Also one that was delivered in the first minutes of its hour, close to a digest that is there."""
    bucket, key = logs(TRAIL, 9)[0]
    early = Inject(bucket, key.replace(".json.gz", "x.json.gz"), STORED.body, {}, span(TRAIL).first + 9 * HOUR)
    early = replace(early, last_modified=early.last_modified + timedelta(minutes=5))
    findings = audited(TRAIL.tampered(Remove(*digests(TRAIL)[9]), early), now=NOW)
    assert {state for what, state, _ in bad(findings) if what is What.LOG} == {State.UNPROVEN}


@pytest.mark.parametrize("is_in_range", [True, False])
def test_a_log_that_was_delivered_a_day_late_is_told_once_by_the_digest_that_lists_it(is_in_range: bool) -> None:
    trail = SignedTrail(6, hours=50, logs=1)
    bucket, key = logs(trail, 10)[0]
    entries = [json.loads(gzip.decompress(trail.objects[digests(trail)[hour]].body))["logFiles"] for hour in (10, 40)]
    late = span(trail).first + 40 * HOUR + timedelta(minutes=30)
    changed = trail.tampered(
        Resign(*digests(trail)[10], {"logFiles": []}),
        Resign(*digests(trail)[40], {"logFiles": [*entries[0], *entries[1]]}),
        Remove(bucket, key),
        Inject(bucket, key, trail.objects[bucket, key].body, {}, late),
    )
    times = TimeRange(span(trail).first, span(trail).first + (50 if is_in_range else 12) * HOUR)
    findings = audited(changed, times, now=span(trail).last + 9 * HOUR)
    assert [it.state for it in findings if it.key == key] == [State.VALID]


def test_a_log_of_the_range_that_only_a_digest_behind_it_lists_is_proven_as_well() -> None:
    bucket, key = logs(TRAIL, 10)[0]
    entries = [json.loads(gzip.decompress(TRAIL.objects[digests(TRAIL)[hour]].body))["logFiles"] for hour in (10, 12)]
    late = [
        Resign(*digests(TRAIL)[10], {"logFiles": entries[0][1:]}),
        Resign(*digests(TRAIL)[12], {"logFiles": [*entries[0][:1], *entries[1]]}),
    ]
    times = TimeRange(span(TRAIL).first, span(TRAIL).first + 11 * HOUR)
    for more, state in (([], State.VALID), ([FlipInside(bucket, key, 99)], State.HASH_DIFFERS)):
        findings = audited(TRAIL.tampered(*late, *more), times, now=NOW)
        assert [it.state for it in findings if it.key == key] == [state]


def test_many_logs_that_nobody_lists_do_not_let_digests_be_read_again_and_again() -> None:
    many = [Inject(BUCKET, f"{DAY}/{number}.json", b"x", {}, STORED.last_modified) for number in range(200)]
    buckets = FakeBuckets(TRAIL.tampered(*many).objects)
    scope = Scope(BUCKET, span(TRAIL))
    findings = list(audit(scope, store=buckets, listing=buckets, keys=TRAIL, now=NOW, threads=2))
    assert sum(it.state is State.UNLISTED for it in findings) == 200
    assert len(buckets.fetched) < len(TRAIL.objects) + 30
    assert len(buckets.listed) < 20


@pytest.mark.parametrize(
    ("windows", "span", "covered"),
    [
        ([], (1, 2), False),
        ([(0, 1)], (0, 1), True),
        ([(0, 1)], (1, 1), True),
        ([(0, 1)], (5, 5), False),
        ([(0, 1), (1, 2), (2, 3)], (0, 3), True),
        ([(0, 1), (2, 3)], (0, 3), False),
        ([(0, 1), (2, 3)], (2, 3), True),
        ([(0, 5), (1, 2), (2, 3)], (0, 5), True),
        ([(2, 3)], (1, 3), False),
    ],
)
def test_windows_cover_a_time_when_every_moment_of_it_lies_in_one(
    windows: list[tuple[int, int]], span: tuple[int, int], covered: bool
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    held = Covered({}, [(start + a * HOUR, start + b * HOUR) for a, b in windows], [])
    assert held.all_of(start + span[0] * HOUR, start + span[1] * HOUR) is covered


def test_logs_that_were_written_right_after_the_window_before_a_deleted_digest_are_unproven_and_not_called_added() -> (
    None
):
    trail = SignedTrail(hours=8, logs=14)
    findings = bad(audited(trail.tampered(Remove(*digests(trail)[4]))))
    assert sorted(findings) == sorted(
        [
            (What.DIGEST, State.NOT_FOUND, digests(trail)[4][1]),
            *((What.LOG, State.UNPROVEN, key) for _, key in logs(trail, 4)),
        ]
    )
