"""An audit that was broken off goes on where it was, and tells what one tells that was not."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from audited import HOUR, digests, logs, span

from cloudtrail_processing.audit import Finding, Journal, Scope, audit
from cloudtrail_processing.audit.day import Report
from cloudtrail_processing.audit.findings import What
from cloudtrail_processing.audit.folders import Folder
from cloudtrail_processing.errors import ConfigurationError, SettingsError
from cloudtrail_processing.integrity import State
from cloudtrail_processing.testing import FakeBuckets, SignedTrail
from cloudtrail_processing.testing.trail import FlipInside, Inject, Remove
from cloudtrail_processing.times import TimeRange

TRAIL = SignedTrail(
    1, hours=100, logs=1, records=1, bucket="b-old", moves={40: "a-new"}, backfill=(30,), stopped=((60, 64),)
)
LOG, GONE = logs(TRAIL, 10)[0], logs(TRAIL, 80)[0]
SPOILT = TRAIL.tampered(
    FlipInside(*LOG, 100),
    Remove(*GONE),
    *(Remove(*place) for place in digests(TRAIL)[20:22]),
    Inject(GONE[0], f"{GONE[1].rpartition('/')[0]}/x\n\x1b.json", b"x", {}, span(TRAIL).last - 30 * HOUR),
)
NOW = span(TRAIL).last + 9 * HOUR


class Broken(Exception):
    """What ends an audit in the middle."""


def run(
    buckets: FakeBuckets,
    journal: Journal | None,
    *,
    told: Callable[[object], object] = lambda _: None,
    scope: Scope | None = None,
    days_later: int = 0,
) -> list[Finding]:
    scope = scope or Scope("a-new", span(TRAIL))
    now = NOW + timedelta(days=days_later)
    findings = audit(scope, store=buckets, listing=buckets, keys=TRAIL, now=now, journal=journal, threads=4, told=told)
    return list(findings)


def until(count: int) -> Callable[[object], None]:
    left = iter(range(count))

    def told(_: object) -> None:
        if next(left, None) is None:
            raise Broken

    return told


WHOLE = run(FakeBuckets(SPOILT.objects), None)


def test_what_is_compared_here_holds_findings_of_many_kinds() -> None:
    assert {it.state for it in WHOLE} >= {
        *(State.VALID, State.HASH_DIFFERS, State.NOT_FOUND, State.MISSING, State.UNLISTED, State.UNPROVEN, State.GAP)
    }
    assert {it.bucket for it in WHOLE} == {"a-new", "b-old"}


@pytest.mark.parametrize("days", range(9))
def test_an_audit_that_was_broken_off_after_any_day_tells_the_same(tmp_path: Path, days: int) -> None:
    journal = Journal(tmp_path / "audit.db")
    with pytest.raises(Broken):
        run(FakeBuckets(SPOILT.objects), journal, told=until(days))
    journal.close()
    assert run(FakeBuckets(SPOILT.objects), Journal(tmp_path / "audit.db"), days_later=30) == WHOLE


def test_an_audit_that_is_broken_off_again_and_again_comes_to_its_end(tmp_path: Path) -> None:
    for _ in range(40):
        journal = Journal(tmp_path / "audit.db")
        try:
            findings = run(FakeBuckets(SPOILT.objects), journal, told=until(1))
        except Broken:
            journal.close()
        else:
            break
        findings = []
    assert run(FakeBuckets(SPOILT.objects), Journal(tmp_path / "audit.db")) == WHOLE or findings == WHOLE


def test_what_was_done_is_not_read_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "audit.db")
    assert run(FakeBuckets(SPOILT.objects), journal) == WHOLE
    again = FakeBuckets(SPOILT.objects)
    assert run(again, journal) == WHOLE
    assert again.fetched == []


def test_only_days_that_were_not_done_are_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "audit.db")
    run(FakeBuckets(SPOILT.objects), journal)
    with sqlite3.connect(tmp_path / "audit.db") as connection:
        [[place, day]] = connection.execute("SELECT place, day FROM days WHERE day LIKE '2026-%' LIMIT 1").fetchall()
        connection.execute("DELETE FROM days WHERE place = ? AND day = ?", (place, day))
    again = FakeBuckets(SPOILT.objects)
    assert run(again, journal) == WHOLE
    fetched = {key for _, key in again.fetched if "/CloudTrail/" in key}
    assert fetched
    assert all(f"/{day.replace('-', '/')}/" in key for key in fetched)


def test_the_present_is_that_of_the_beginning(tmp_path: Path) -> None:
    """Otherwise an audit that goes on a month later would miss the digests of a month."""
    journal, ever = Journal(tmp_path / "audit.db"), TimeRange(span(TRAIL).first, NOW + timedelta(days=90))
    first = run(FakeBuckets(TRAIL.objects), journal, scope=Scope("a-new", ever))
    assert run(FakeBuckets(TRAIL.objects), journal, scope=Scope("a-new", ever), days_later=30) == first
    assert [it.count for it in first if it.state is State.MISSING] == [7]


@pytest.mark.parametrize(
    "scope",
    [
        Scope("b-old", span(TRAIL)),
        Scope("a-new", span(TRAIL), "some/prefix"),
        Scope("a-new", span(TRAIL), accounts=["111122223333"]),
        Scope("a-new", span(TRAIL), regions=["us-east-1"]),
        Scope("a-new", TimeRange(span(TRAIL).first, NOW)),
        Scope("a-new", TimeRange(span(TRAIL).first + HOUR, span(TRAIL).last)),
    ],
    ids=["bucket", "prefix", "account", "region", "end", "start"],
)
def test_the_journal_of_another_audit_is_refused(tmp_path: Path, scope: Scope) -> None:
    journal = Journal(tmp_path / "audit.db")
    run(FakeBuckets(TRAIL.objects), journal)
    with pytest.raises(SettingsError, match=r"holds another audit .*: name another file, or ask the same"):
        run(FakeBuckets(TRAIL.objects), journal, scope=scope)


def test_accounts_in_another_order_are_the_same_audit(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "audit.db")
    for accounts in (["111122223333", "444455556666"], ["444455556666", "111122223333"]):
        assert run(FakeBuckets(TRAIL.objects), journal, scope=Scope("a-new", span(TRAIL), accounts=accounts))


@pytest.mark.parametrize("what", ["no database", "cut", "overwritten"])
def test_a_damaged_journal_is_one_clear_error(tmp_path: Path, what: str) -> None:
    path = tmp_path / "audit.db"
    journal = Journal(path)
    run(FakeBuckets(SPOILT.objects), journal)
    journal.close()
    whole = path.read_bytes()
    damaged = {"no database": b"no database at all" * 99, "cut": whole[: len(whole) // 3], "overwritten": b""}[what]
    path.write_bytes(damaged or whole[:4096] + b"\xaa" * (len(whole) - 4096))
    with pytest.raises(ConfigurationError, match=r"audit\.db"):
        run(FakeBuckets(SPOILT.objects), Journal(path))


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"findings":[{}],"moved":[]}',
        b'{"findings":[{"what":"x","state":"valid"}],"moved":[]}',
    ],
    ids=["empty", "no text", "list", "object", "no members", "unknown"],
)
def test_a_row_that_another_release_wrote_is_one_clear_error(tmp_path: Path, report: bytes) -> None:
    path = tmp_path / "audit.db"
    journal = Journal(path)
    run(FakeBuckets(SPOILT.objects), journal)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE days SET report = ?", (report,))
    with pytest.raises(ConfigurationError, match=r"audit\.db is damaged, or of another release: name another file"):
        run(FakeBuckets(SPOILT.objects), journal)


def test_a_report_comes_back_as_it_was(tmp_path: Path) -> None:
    journal, folder = Journal(tmp_path / "audit.db"), Folder("b", "p/", NOW)
    finding = Finding(What.LOG, State.UNLISTED, "1", "r", "b", "\udcff\x1b\n\"'é", "why", NOW, NOW + HOUR, 3)
    report = Report((finding, Finding(What.TRAIL, State.GAP, "1", "r")), (folder, Folder("c", "q/")))
    journal.record(folder, "2026-01-01", report)
    journal.record(folder, "2026-01-01", report)
    assert journal.recall(folder, "2026-01-01") == report
    assert journal.recall(folder, "2026-01-02") is None
    assert journal.recall(Folder("b", "other/"), "2026-01-01") is None


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="make its folder"):
        run(FakeBuckets(TRAIL.objects), Journal(tmp_path / "no" / "folder.db"))
    with pytest.raises(SettingsError):
        Journal("")
