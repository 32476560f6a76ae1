"""The comparison with ``aws cloudtrail validate-logs`` works: what both said is read, set side by side, and told."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloudtrail_processing.integrity import State

pytest.importorskip("uvloop")
pytest.importorskip("httptools")
pytest.importorskip("psutil")

from benchmarks.aws.layout import Layout
from benchmarks.aws.running import Aws, running_layout
from benchmarks.validation import awscli, ours
from benchmarks.validation.agreement import agreements
from benchmarks.validation.cases import CASES
from benchmarks.validation.holes import rows
from benchmarks.validation.layouts import layout_of
from benchmarks.validation.page import agreement_part, holes_part, speed_part
from benchmarks.validation.plots import draw
from benchmarks.validation.programs import Ended, Failed
from benchmarks.validation.speed import CLI, OURS, Run, Sized, measured, read, write
from benchmarks.validation.tamperings import BUCKET, Size, long_trail, spread, times
from benchmarks.validation.verdicts import Gap, How, Verdict, What, compared

needs_cli = pytest.mark.skipif(awscli.found() is None, reason="the AWS CLI is not installed for the benchmark")
SAID = Ended(
    code=1,
    out="""Validating log files for trail arn between a and b

Digest file\ts3://first/digest 1\tvalid
Log file\ts3://first/log 1\tvalid
(backfill) Digest file\ts3://first/late\tvalid

Results requested for a to b
Results found for a to b:

1/3 digest files valid, 2/3 digest files INVALID
1/1 backfill digest files valid
1/2 log files valid, 1/2 log files INVALID
""",
    err="""Digest file\ts3://first/digest 2\tINVALID: public key not found in region r for fingerprint f

(backfill) Digest file\ts3://first/late 2\tINVALID: Non-hexadecimal digit found

Log file\ts3://first/log 2\tINVALID: hash value doesn't match

No log files were delivered by CloudTrail between 2026-01-01T01:00:00Z and 2026-01-01T04:00:00Z

""",
    wall=1,
    cpu=1,
    memory=1,
)


# ── what they say ──


def test_the_lines_of_the_cli_are_read_in_our_words() -> None:
    assert [(it.what, it.key, it.state) for it in awscli.verdicts(SAID)] == [
        (What.DIGEST, "digest 1", State.VALID),
        (What.LOG, "log 1", State.VALID),
        (What.BACKFILL, "late", State.VALID),
        (What.DIGEST, "digest 2", State.NO_KEY),
        (What.BACKFILL, "late 2", None),
        (What.LOG, "log 2", State.HASH_DIFFERS),
    ]
    assert list(awscli.gaps(SAID)) == [
        Gap(datetime(2026, 1, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 4, tzinfo=UTC)),
    ]
    assert awscli.valid(SAID) == 3


def test_a_program_of_ours_that_ended_without_a_summary_did_not_do_its_work() -> None:
    with pytest.raises(Failed, match="without a summary"):
        list(ours.verdicts(SAID))


@pytest.mark.parametrize(
    ("theirs", "mine", "how"),
    [
        (State.VALID, State.VALID, How.SAME),
        (State.NOT_FOUND, State.NOT_FOUND, How.SAME),
        (None, State.VALID, How.SAME),
        (State.BAD_FORMAT, State.HASH_DIFFERS, How.WORDS),
        (State.VALID, State.BROKEN_LINK, How.OURS),
        (None, State.UNLISTED, How.OURS),
        (None, State.UNPROVEN, How.BEHIND),
        (State.HASH_DIFFERS, State.VALID, How.CONTRARY),
        (State.HASH_DIFFERS, None, How.CONTRARY),
        (State.VALID, None, How.UNSEEN),
    ],
)
def test_two_verdicts_are_told_apart(theirs: State | None, mine: State | None, how: How) -> None:
    def said(state: State | None) -> list[Verdict]:
        return [] if state is None else [Verdict(What.LOG, "bucket", "key", state)]

    [pair] = compared(said(theirs), said(mine))
    assert pair.how is how


# ── what they are given ──


def test_a_layout_holds_all_of_a_trail() -> None:
    trail = long_trail(Size(24, 2))
    layout: Layout = layout_of(trail, bucket=BUCKET, prefix="p", denied=[(BUCKET, "any")])
    assert {(it.bucket, it.key): it.body for it in layout.objects} == {at: it.body for at, it in trail.objects.items()}
    assert [it.fingerprint for it in layout.keys] == [key.fingerprint for key in trail.public_keys["us-east-1"]]
    assert (layout.trails[0].arn, layout.trails[0].bucket, layout.trails[0].prefix) == (trail.arn, BUCKET, "p")
    assert layout.regions == {BUCKET: "us-east-1"}


def test_every_tampering_finds_its_place_in_a_long_trail_and_changes_something() -> None:
    trail = long_trail(Size(240, 2))
    acts = spread(trail)
    places = {(one.bucket, one.key) for _, act in acts for one in act}
    spoilt = trail.tampered(*(one for _, act in acts for one in act))
    assert len({name for name, _ in acts}) == len(acts) > 30
    assert all(spoilt.objects.get(place) != trail.objects[place] for place in places)


# ── the programs ──


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    layout = layout_of(long_trail(Size(24, 2)), bucket=BUCKET)
    with running_layout(layout.write(tmp_path_factory.mktemp("layout") / "layout"), s3_ms=0) as aws:
        yield aws


def test_ours_looks_at_every_object_of_the_untouched_trail_and_finds_it_valid(served: Aws) -> None:
    trail = long_trail(Size(24, 2))
    start, end = times(trail)
    ended = ours.validate(served, trail.arn, start=start, end=end)
    found = {(it.bucket, it.key): it.state for it in ours.verdicts(ended)}
    assert found == dict.fromkeys(trail.objects, State.VALID)
    assert ours.valid(ended) == len(trail.objects)
    assert [it.state for it in ours.findings(ended)] == [State.GAP]
    assert ended.requests >= len(trail.objects)
    assert ended.cpu > 0
    assert ended.memory > 0


@needs_cli
def test_the_untouched_trail_is_valid_to_the_cli(served: Aws) -> None:
    program = awscli.found()
    assert program is not None
    trail = long_trail(Size(24, 2))
    start, end = times(trail)
    ended = awscli.validate(program, served, trail.arn, start=start, end=end)
    assert {(it.bucket, it.key): it.state for it in awscli.verdicts(ended)} == dict.fromkeys(trail.objects, State.VALID)
    assert (ended.code, awscli.valid(ended), len(list(awscli.gaps(ended)))) == (0, len(trail.objects), 1)


@needs_cli
def test_both_agree_wherever_the_cli_sees_anything() -> None:
    program = awscli.found()
    assert program is not None
    untouched, tampered = agreements(program, Size(60, 2))
    assert set(untouched.counts) == {How.SAME}
    assert not untouched.changed
    assert not set(tampered.counts) & {How.OURS, How.CONTRARY, How.UNSEEN}
    assert len(tampered.acts) > 5
    text = "\n".join(agreement_part([untouched, tampered]))
    assert "tampered with" in text


def test_what_the_cli_does_not_see_is_seen_by_us() -> None:
    few = [case for case in CASES if case.name in ("a log that no digest lists", "one log forbidden")]
    told = list(rows(None, few))
    assert [row.is_seen for row in told] == [True, True]
    assert sum("| seen |" in line for line in holes_part(told)) == 2


def test_speed_is_told_only_of_what_was_proven(tmp_path: Path) -> None:
    runs = list(measured(None, Sized(logs=1, hours=3, few=3), runs=1, latencies=(0,)))
    assert [(it.program, it.objects, it.begin) for it in runs] == [(OURS, 6, 4)]
    write(runs, tmp_path / "runs")
    assert read(tmp_path / "runs") == runs


def test_figures_become_a_table_with_targets_and_a_picture(tmp_path: Path) -> None:
    def run(program: str, latency: float, wall: float) -> Run:
        return Run(
            program=program,
            latency=latency,
            objects=1010,
            wall=wall,
            cpu=wall,
            memory=2**20,
            served=0.1,
            begin=10,
            begin_wall=0.5,
            begin_cpu=0.5,
        )

    runs = [run(name, latency, wall) for name, wall in ((CLI, 100.5), (OURS, 1.5)) for latency in (0, 30)]
    lines = list(speed_part(runs))
    assert "| 30 ms | ours | 1,010 | 673 | 1,000 | 1.49 | 1.00 | 1 | 7% |" in lines
    assert "| objects/s beside the CLI at 30 ms, once started | ≥ 50 × | 100.00 × | met |" in lines
    draw(runs, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
