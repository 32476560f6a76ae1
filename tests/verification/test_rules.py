"""The rules alone: what is known of a log and of a chain, and what follows from it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.findings import Found
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.verification.chains import MARGIN, Chain, folder_of
from cloudtrail_processing.verification.logs import LONGEST, UNREADABLE, LogNotes

GRACE, HOUR = 7_200, 3_600
NEW = LogNotes("s3://trail/AWSLogs/1/CloudTrail/x", "s3://trail/digests/", slot=1_000_000)
AT = 1_000_300.0
OWN = "AWSLogs/111122223333/CloudTrail"
NAME = "2026/01/01/111122223333_CloudTrail_eu-west-1_20260101T0000Z_a.json.gz"
SEEN = NEW.noting("a" * 64, at=AT, now=AT)
LISTED = NEW.listing("a" * 64, "s3://trail/digest", now=AT + HOUR, is_wanted=True)
COVERED = Chain("s3://trail/digests/", covered=((AT - MARGIN, AT + MARGIN),))


def found(notes: LogNotes, *, now: float, chain: Chain = COVERED) -> tuple[LogNotes, list[Found]]:
    settled, findings = notes.settled(chain, now=now, grace=GRACE)
    return settled, [finding.state for finding in findings]


@pytest.mark.parametrize(
    ("key", "folder"),
    [
        (f"{OWN}/eu-west-1/{NAME}", "s3://trail/AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/"),
        (f"a/b/AWSLogs/o-exampleorg1/111122223333/CloudTrail-Insight/eu-west-1/{NAME}",
         "s3://trail/a/b/AWSLogs/o-exampleorg1/111122223333/CloudTrail-Digest/eu-west-1/"),
        (f"{OWN}-Digest/eu-west-1/{NAME}", "s3://trail/AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/"),
        (NAME, ""),
        ("AWSLogs/111122223333/Config/eu-west-1/2026/1/1/x.json.gz", ""),
    ],
)  # fmt: skip
def test_logs_and_their_digests_have_one_folder(key: str, folder: str) -> None:
    assert folder_of(log_object("trail", key)) == folder
    assert folder_of(log_object("", key)) == ""


@given(st.lists(st.integers(0, 40), min_size=1, max_size=20, unique=True), st.integers(0, 40))
def test_a_time_is_covered_when_digests_cover_all_that_lies_near_it(hours: list[int], at: int) -> None:
    chain = Chain("f")
    for hour in hours:
        chain = chain.covering(hour * HOUR, (hour + 1) * HOUR)
    assert list(chain.covered) == sorted(chain.covered)
    assert all(one[1] < other[0] for one, other in zip(chain.covered, chain.covered[1:], strict=False))
    assert chain.covers(at * HOUR + MARGIN) is (at in hours)
    assert chain.covers(at * HOUR) is ({at - 1, at} <= set(hours))
    assert Chain.read(chain.text) == chain


def test_a_time_whose_listings_are_forgotten_is_not_covered_any_more() -> None:
    chain = Chain("f").covering(0, 20 * 86_400)
    assert not chain.covers(6 * 86_400)
    assert chain.covers(10 * 86_400)


def test_a_log_that_is_as_listed_is_verified_and_done() -> None:
    for notes in (SEEN.listing("a" * 64, "d", now=AT, is_wanted=True), LISTED.noting("a" * 64, at=AT, now=AT)):
        assert notes.is_open
        settled, states = found(notes, now=AT)
        assert states == [Found.VERIFIED]
        assert not settled.is_open
        assert found(settled, now=AT + 30 * LONGEST) == (settled, [])
        assert LogNotes.read(settled.text) == settled


@pytest.mark.parametrize("sha256", ["b" * 64, UNREADABLE])
def test_any_other_hash_is_a_mismatch_and_each_one_is_told_once(sha256: str) -> None:
    notes = LISTED.noting("a" * 64, at=AT, now=AT).noting(sha256, at=AT, now=AT)
    settled, states = found(notes, now=AT)
    assert states == [Found.VERIFIED, Found.MISMATCH]
    again, states = found(settled.noting("c" * 64, at=AT, now=AT).noting("a" * 64, at=AT, now=AT), now=AT)
    assert states == [Found.MISMATCH]
    assert not again.is_open


def test_a_log_of_whose_hash_two_valid_digests_differ_may_have_either() -> None:
    notes = LISTED.listing("b" * 64, "other", now=AT, is_wanted=True)
    assert found(notes.noting("a" * 64, at=AT, now=AT).noting("b" * 64, at=AT, now=AT), now=AT)[1] == [
        Found.VERIFIED,
        Found.VERIFIED,
    ]


@pytest.mark.parametrize(
    ("notes", "open_", "state"),
    [
        (LISTED, True, Found.MISSING),
        (replace(LISTED, is_wanted=False), False, None),
        (LISTED.noting(None, at=AT, now=AT), False, None),
    ],
)
def test_only_what_should_have_come_and_did_not_is_missing(notes: LogNotes, open_: bool, state: Found | None) -> None:
    assert notes.is_open is open_
    assert found(notes, now=notes.listed_at + GRACE - 1) == (notes, [])
    settled, states = found(notes, now=notes.listed_at + GRACE)
    assert states == ([state] if state else [])
    assert not settled.is_open


def test_what_no_digest_lists_is_unlisted_only_well_after_all_that_lies_near_is_covered() -> None:
    assert found(SEEN, now=AT + MARGIN + GRACE - 1) == (SEEN, [])
    settled, states = found(SEEN, now=AT + MARGIN + GRACE)
    assert states == [Found.UNLISTED]
    assert not settled.is_open
    narrow = Chain("f", covered=((AT - MARGIN + 1, AT + HOUR),))
    assert found(SEEN, now=AT + MARGIN + GRACE, chain=narrow) == (SEEN, [])


def test_a_log_of_a_kind_that_digests_may_not_list_is_never_called_added_but_unproven_after_a_day() -> None:
    insight = replace(SEEN, log="s3://trail/AWSLogs/1/CloudTrail-Insight/x")
    assert found(insight, now=AT + LONGEST - 1) == (insight, [])
    settled, states = found(insight, now=AT + LONGEST)
    assert states == [Found.UNPROVEN]
    assert found(settled, now=AT + 3 * LONGEST) == (settled, [])


def test_what_nothing_covers_is_unproven_once_and_then_only_looked_for_while_it_waits() -> None:
    for notes, is_open in ((SEEN, False), (NEW.noting(None, at=AT, now=AT), True)):
        settled, states = found(notes, now=AT + LONGEST, chain=Chain("f"))
        assert states == [Found.UNPROVEN]
        assert settled.is_open is is_open
        assert found(settled, now=AT + 3 * LONGEST, chain=Chain("f")) == (settled, [])
        assert found(settled, now=AT + 3 * LONGEST)[1] == [Found.UNLISTED]


@pytest.mark.parametrize("counted", [Found.UNLISTED, Found.UNPROVEN, Found.MISSING])
def test_what_had_counted_otherwise_is_late_once(counted: Found) -> None:
    notes = replace(SEEN.listing("a" * 64, "d", now=AT, is_wanted=True), counted=counted)
    settled, states = found(notes, now=AT)
    assert states == [Found.LATE]
    assert (settled.counted, settled.is_open) == ("", False)


def test_what_was_noted_while_something_was_told_is_kept() -> None:
    told, _ = found(LISTED.noting("a" * 64, at=AT, now=AT), now=AT)
    meanwhile = LISTED.noting("a" * 64, at=AT, now=AT).noting("b" * 64, at=AT, now=AT)
    assert meanwhile.telling(told).seen == {"a" * 64: Found.VERIFIED, "b" * 64: ""}


def test_a_log_is_expected_to_be_listed_some_time_after_the_end_of_its_hour() -> None:
    chain = Chain("f").covering(0, HOUR)
    assert chain.wait(HOUR + 100, now=HOUR + 200) == 2 * HOUR + 2_700 - (HOUR + 200)
    assert chain.wait(3 * HOUR + 1, now=3 * HOUR + 1) == HOUR + 2_700 - 1
    assert chain.wait(HOUR + 100, now=5 * HOUR) == 0
    assert Chain("f").wait(100, now=100) == HOUR + 2_700
