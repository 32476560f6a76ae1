"""Signed trails: whatever their course, the rules of integrity find nothing wrong with them."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from cloudtrail_processing.events import DigestFile
from cloudtrail_processing.flow import LogKind
from cloudtrail_processing.integrity import (
    ALGORITHM,
    GENERATED,
    SIGNATURE,
    DigestKey,
    JudgedDigest,
    PublicKeys,
    StoredDigest,
    judge_digest,
    judge_link,
    judge_log,
)
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.logfile import inflate
from cloudtrail_processing.testing import Inject, Move, Remove, SignedTrail, StoredObject, Window
from cloudtrail_processing.testing.generator import ACCOUNTS, REGIONS, START

HOUR = timedelta(hours=1)
EVENTFUL = SignedTrail(
    7,
    hours=14,
    accounts=ACCOUNTS[:2],
    regions=REGIONS[:2],
    home="eu-west-1",
    prefix="/audit/trails/",
    organization="o-exampleorg1",
    rotate=5,
    quiet=[2],
    stopped=[(6, 8)],
    backfill=[1, 3, 9],
    moves={4: "second-bucket", 10: "third-bucket"},
)
SMALL = SignedTrail(1, hours=3, backfill=[1])


def judged(trail: SignedTrail, window: Window) -> JudgedDigest:
    stored = trail.objects[window.bucket, window.key]
    told = stored.metadata
    digest = StoredDigest(
        window.bucket, window.key, stored.body, told.get(SIGNATURE), told.get(ALGORITHM), told.get(GENERATED)
    )
    return judge_digest(digest, PublicKeys(trail.public_keys[window.region]))


def digest_of(trail: SignedTrail, window: Window) -> DigestFile:
    digest = judged(trail, window).digest
    assert digest is not None
    return digest


def chains(trail: SignedTrail) -> Iterator[list[Window]]:
    """Windows of one account, region and kind, oldest first."""
    for account, region, kind in sorted({(w.account, w.region, w.is_backfill) for w in trail.windows}):
        yield [w for w in trail.windows if (w.account, w.region, w.is_backfill) == (account, region, kind)]


def previous(digest: DigestFile) -> list[str | None]:
    return [
        digest.previous_digest_s3_bucket,
        digest.previous_digest_s3_object,
        digest.previous_digest_hash_value,
        digest.previous_digest_hash_algorithm,
        digest.previous_digest_signature,
    ]


@pytest.mark.parametrize("trail", [EVENTFUL, SMALL], ids=["eventful", "small"])
def test_every_digest_is_valid_and_linked_to_the_one_before_it_unless_it_starts_a_chain(trail: SignedTrail) -> None:
    for chain in chains(trail):
        for older, newer in zip([None, *chain], chain, strict=False):
            found = judged(trail, newer)
            assert found.judgement.is_valid, found.judgement
            assert found.digest is not None
            if previous(found.digest) == [None] * 5:
                continue
            assert older is not None
            assert previous(found.digest)[:2] == [older.bucket, older.key]
            assert judge_link(found.digest, judged(trail, older)).is_valid


@pytest.mark.parametrize("trail", [EVENTFUL, SMALL], ids=["eventful", "small"])
def test_every_log_is_valid_and_listed_by_exactly_one_digest(trail: SignedTrail) -> None:
    listed = []
    for window in trail.windows:
        entries = digest_of(trail, window).log_files
        assert tuple(entry.s3_object for entry in entries) == window.logs
        for entry in entries:
            assert judge_log(entry, trail.objects[entry.s3_bucket, entry.s3_object].body).is_valid
            listed.append((entry.s3_bucket, entry.s3_object))
    digests = {(window.bucket, window.key) for window in trail.windows}
    assert sorted(listed) == sorted(trail.objects.keys() - digests)


def test_a_chain_starts_at_the_beginning_and_after_a_stop_and_nowhere_else() -> None:
    for chain in chains(EVENTFUL):
        starts = [window for window in chain if previous(digest_of(EVENTFUL, window)) == [None] * 5]
        hours = [(window.start - START) // HOUR for window in starts]
        assert hours == ([1, 9] if chain[0].is_backfill else [0, 8])


def test_windows_are_contiguous_hours_without_those_that_were_stopped() -> None:
    standard = [chain for chain in chains(EVENTFUL) if not chain[0].is_backfill]
    assert len(standard) == 4
    for chain in standard:
        assert [(w.start - START) / HOUR for w in chain] == [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]
        assert {w.end - w.start for w in chain} == {HOUR}


def test_a_digest_says_the_same_as_its_window_and_its_key() -> None:
    for window in EVENTFUL.windows:
        digest, key = digest_of(EVENTFUL, window), DigestKey.parse(window.key)
        assert (digest.start, digest.end, digest.aws_account_id) == (window.start, window.end, window.account)
        assert key == DigestKey(
            f"audit/trails/AWSLogs/o-exampleorg1/{window.account}/CloudTrail-Digest/{window.region}/",
            window.account,
            window.region,
            "example",
            "eu-west-1",
            window.end,
            window.is_backfill,
            "o-exampleorg1",
        )


def test_oldest_windows_come_first() -> None:
    ends = [window.end for window in EVENTFUL.windows]
    assert ends == sorted(ends)


def test_a_quiet_hour_has_an_empty_digest() -> None:
    quiet = [window for window in EVENTFUL.windows if window.start == START + 2 * HOUR]
    assert len(quiet) == 4
    for window in quiet:
        digest = digest_of(EVENTFUL, window)
        assert (window.logs, digest.log_files) == ((), [])
        assert (digest.newest_event_time, digest.oldest_event_time) == (None, None)


def test_a_digest_tells_the_times_of_its_newest_and_oldest_event() -> None:
    for window in EVENTFUL.windows:
        digest = digest_of(EVENTFUL, window)
        records = [
            record["eventTime"]
            for key in window.logs
            for record in orjson.loads(inflate(EVENTFUL.objects[window.bucket, key].body))["Records"]
            if "eventTime" in record
        ]
        assert digest.newest_event_time == max(records, default=None)
        assert digest.oldest_event_time == min(records, default=None)


@pytest.mark.parametrize("start", [START, datetime(2026, 9, 22, 14, 29, 23, tzinfo=UTC)], ids=["sharp", "odd"])
def test_logs_are_of_slots_and_delivered_within_their_window(start: datetime) -> None:
    trail = SignedTrail(start=start, hours=2, logs=30, records=1)
    for window in trail.windows:
        assert len(set(window.logs)) == 30
        for key in window.logs:
            slot = log_object(window.bucket, key).slot_time
            assert slot is not None
            assert window.start < slot < trail.objects[window.bucket, key].last_modified < window.end


def test_a_digest_is_delivered_half_an_hour_after_its_window_and_a_backfill_digest_hours_later() -> None:
    for window in EVENTFUL.windows:
        stored = EVENTFUL.objects[window.bucket, window.key]
        late = 3 * HOUR if window.is_backfill else 0 * HOUR
        assert timedelta(minutes=28) <= stored.last_modified - window.end - late <= timedelta(minutes=32)
        told = stored.metadata.get(GENERATED)
        assert told == (f"{window.end + late:%Y-%m-%dT%H:%M:%S}.000Z" if window.is_backfill else None)


def test_a_backfill_digest_lists_the_log_that_the_standard_digest_lacks() -> None:
    by_hour = {(w.account, w.region, w.start, w.is_backfill): w for w in EVENTFUL.windows}
    late = [window for window in EVENTFUL.windows if window.is_backfill]
    assert len(late) == 3 * 4
    for window in late:
        assert len(window.logs) == 1
        assert len(by_hour[window.account, window.region, window.start, False].logs) == 1


def test_all_is_written_to_another_bucket_from_a_move_on() -> None:
    for window in EVENTFUL.windows:
        hour = (window.start - START) // HOUR
        assert window.bucket == ("example-trail-logs" if hour < 4 else "second-bucket" if hour < 10 else "third-bucket")
        assert {bucket for bucket, key in EVENTFUL.objects if key in window.logs} <= {window.bucket}


def test_a_rotation_changes_the_key_and_regions_have_keys_of_their_own() -> None:
    for chain in chains(EVENTFUL):
        if not chain[0].is_backfill:
            used = [digest_of(EVENTFUL, window).digest_public_key_fingerprint for window in chain]
            told = [key.fingerprint for key in EVENTFUL.public_keys[chain[0].region]]
            assert used == [told[(window.start - START) // HOUR // 5] for window in chain]
    assert len({key.fingerprint for keys in EVENTFUL.public_keys.values() for key in keys}) == 2 * 3


def test_the_key_of_each_digest_was_valid_when_it_was_signed() -> None:
    for trail in (EVENTFUL, SignedTrail(hours=2, rotate=1, backfill=[0, 1], records=1)):
        for window in trail.windows:
            signed_at = trail.objects[window.bucket, window.key].last_modified
            valid = trail.keys(region=window.region, first=signed_at, last=signed_at)
            assert digest_of(trail, window).digest_public_key_fingerprint in {key.fingerprint for key in valid}


def test_only_keys_of_the_region_and_the_time_asked_for_are_told() -> None:
    published = EVENTFUL.public_keys["eu-west-1"]
    assert EVENTFUL.keys(region="eu-west-1", first=START, last=START) == [published[0]]
    assert EVENTFUL.keys(region="eu-west-1", first=START, last=START + 10 * HOUR) == list(published)
    assert EVENTFUL.keys(region="eu-north-1", first=START, last=START) == []
    assert EVENTFUL.keys(region="eu-west-1", first=START - 9 * HOUR, last=START - HOUR) == []


def test_public_keys_are_told_as_the_aws_cli_prints_them() -> None:
    document = json.loads(json.dumps(EVENTFUL.public_keys_document("eu-west-1")))
    for told, key in zip(document["PublicKeyList"], EVENTFUL.public_keys["eu-west-1"], strict=True):
        assert list(told) == ["Value", "ValidityStartTime", "ValidityEndTime", "Fingerprint"]
        assert (base64.b64decode(told["Value"]), told["Fingerprint"]) == (key.der, key.fingerprint)
        assert datetime.fromisoformat(told["ValidityStartTime"]) == key.first
        assert datetime.fromisoformat(told["ValidityEndTime"]) == key.last
        assert key.last is not None
        assert key.first is not None
        assert key.last - key.first == timedelta(days=30)
        assert len(key.der) == 270
    assert len(EVENTFUL.public_keys_document()["PublicKeyList"]) == 6


def test_the_arn_names_the_home_region_and_the_first_account() -> None:
    assert EVENTFUL.arn == f"arn:aws:cloudtrail:eu-west-1:{ACCOUNTS[0]}:trail/example"
    assert (
        SignedTrail(hours=1, trail="other", records=1).arn == f"arn:aws:cloudtrail:us-east-1:{ACCOUNTS[0]}:trail/other"
    )


def test_the_same_arguments_give_the_same_trail_and_another_seed_other_logs() -> None:
    again = SignedTrail(1, hours=3, backfill=[1])
    assert (dict(again.objects), again.windows) == (dict(SMALL.objects), SMALL.windows)
    other = SignedTrail(2, hours=3, backfill=[1])
    assert not {key for window in other.windows for key in window.logs} & {key for _, key in SMALL.objects}


def test_all_logs_differ() -> None:
    trail = SignedTrail(hours=3, logs=40, records=1)
    logs = [trail.objects[window.bucket, key].body for window in trail.windows for key in window.logs]
    assert len(set(logs)) == 120


def test_a_mirror_has_every_object_with_its_time_and_the_metadata_of_digests(tmp_path: Path) -> None:
    SMALL.write(tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {key for _, key in SMALL.objects} | {f"{window.key}.metadata.json" for window in SMALL.windows}
    for (_, key), stored in SMALL.objects.items():
        assert (tmp_path / key).read_bytes() == stored.body
        assert (tmp_path / key).stat().st_mtime == stored.last_modified.timestamp()
        if log_object("", key).kind is LogKind.DIGEST:
            told = json.loads((tmp_path / f"{key}.metadata.json").read_bytes())
            assert told == {"Metadata": dict(stored.metadata)}


def test_a_mirror_is_of_one_bucket_where_one_is_named(tmp_path: Path) -> None:
    EVENTFUL.write(tmp_path, "second-bucket")
    logs = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json.gz")}
    assert logs == {key for bucket, key in EVENTFUL.objects if bucket == "second-bucket"}


def test_one_folder_is_never_asked_to_hold_two_objects_of_one_key(tmp_path: Path) -> None:
    key = SMALL.windows[0].key
    with pytest.raises(ValueError, match="name the bucket"):
        SMALL.tampered(Inject("elsewhere", key, b"")).write(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"hours": 0}, "at least one hour"),
        ({"rotate": 0}, "at least one hour"),
        ({"backfill": [3], "quiet": [3]}, r"no log to backfill in the hours \[3\]"),
        ({"backfill": [3, 30], "stopped": [(2, 5)]}, r"no log to backfill in the hours \[3, 30\]"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(sorted(value)),
)
def test_a_course_that_cannot_be_is_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SignedTrail(**arguments)  # type: ignore[arg-type]


def test_a_digest_has_the_members_and_metadata_of_a_real_one_in_their_order(corpora: Path) -> None:
    real = json.loads((corpora / "native-digests" / "digest_starting.json").read_bytes())
    start = datetime.fromisoformat(real["document"]["digestStartTime"])
    trail = SignedTrail(start=start, hours=2, quiet=[0, 1], trail="trail-name")
    first, second = (json.loads(inflate(trail.objects[window.bucket, window.key].body)) for window in trail.windows)
    for ours, theirs in ((first, real["document"]), (second, real["successor"])):
        assert list(ours) == list(theirs)
        assert [type(value) for value in ours.values()] == [type(value) for value in theirs.values()]
        assert (ours["digestStartTime"], ours["digestEndTime"]) == (theirs["digestStartTime"], theirs["digestEndTime"])
        assert ours["logFiles"] == theirs["logFiles"] == []
    metadata = trail.objects[trail.windows[0].bucket, trail.windows[0].key].metadata
    assert list(metadata) == list(real["metadata"]["Metadata"])
    assert [len(value) for value in metadata.values()] == [len(v) for v in real["metadata"]["Metadata"].values()]


def test_a_trail_never_changes() -> None:
    window, before = SMALL.windows[0], dict(SMALL.objects)
    SMALL.tampered(Remove(window.bucket, window.key), Move(window.bucket, window.logs[0], "b", "k"))
    assert dict(SMALL.objects) == before
    with pytest.raises(TypeError):
        SMALL.objects["b", "k"] = StoredObject(b"", {}, START)  # type: ignore[index]
