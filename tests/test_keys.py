from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.flow import LogKind
from cloudtrail_processing.keys import log_object

ACCOUNT = "218007301253"
NAME = f"{ACCOUNT}_CloudTrail_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz"
KEY = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2023/07/10/{NAME}"
SLOT = datetime(2023, 7, 10, 11, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        f"prefix/{KEY}",
        f"year=2023/a b+c/é/{KEY}",
        f"AWSLogs/backup/{KEY}",
        f"AWSLogs/999999999999/CloudTrail/{KEY}",
        NAME,
        NAME.removesuffix(".gz"),
        f"/home/user/downloads/{NAME}",
    ],
)
def test_a_log_is_known_under_any_prefix_and_by_its_bare_name(key: str) -> None:
    log = log_object("b", key)
    assert (log.kind, log.account, log.region, log.slot_time) == (LogKind.EVENTS, ACCOUNT, "us-east-1", SLOT)
    assert log.organization is None


@pytest.mark.parametrize("prefix", ["", "o-abcdefghij/", "some/prefix/"])
def test_an_organization_is_read_from_the_folders_and_not_from_the_prefix(prefix: str) -> None:
    log = log_object("b", f"{prefix}AWSLogs/o-1234567890/{ACCOUNT}/CloudTrail/us-east-1/2023/07/10/{NAME}")
    assert (log.organization, log.account, log.kind) == ("o-1234567890", ACCOUNT, LogKind.EVENTS)


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("CloudTrail-Insight", LogKind.INSIGHT),
        ("CloudTrail-NetworkActivity", LogKind.NETWORK_ACTIVITY),
        ("CloudTrail-Aggregated", LogKind.AGGREGATED),
    ],
)
def test_every_kind_of_log_is_told_by_its_name_or_its_folder(folder: str, kind: LogKind) -> None:
    name = f"{ACCOUNT}_{folder}_eu-west-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz"
    folders = f"AWSLogs/{ACCOUNT}/{folder}/eu-west-1/2023/07/10"
    for key in (name, f"{folders}/{name}", f"{folders}/renamed.json.gz"):
        log = log_object("b", key)
        assert (log.kind, log.account, log.region) == (kind, ACCOUNT, "eu-west-1")
        assert log.kind.is_log


@pytest.mark.parametrize("trail", ["trail", "my_trail.of-2023", "a_b_us-east-1_c", "_.-"])
@pytest.mark.parametrize("backfill", ["", "_backfill"])
def test_a_digest_is_read_from_both_ends_of_its_name_whatever_the_trail_is_called(trail: str, backfill: str) -> None:
    name = f"{ACCOUNT}_CloudTrail-Digest_us-west-2_{trail}_us-east-1_20230710T112923Z{backfill}.json.gz"
    for key in (name, f"p/AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-west-2/2023/07/10/{name}"):
        log = log_object("b", key)
        assert (log.kind, log.account, log.region) == (LogKind.DIGEST, ACCOUNT, "us-west-2")
        assert log.slot_time == datetime(2023, 7, 10, 11, 29, 23, tzinfo=UTC)
        assert not log.kind.is_log


@pytest.mark.parametrize("time", ["20231399T9999Z", "20230229T1145Z", "00000101T0000Z", "20230710T2460Z"])
def test_an_impossible_date_leaves_the_slot_unknown_and_the_log_known(time: str) -> None:
    log = log_object("b", KEY.replace("20230710T1145Z", time))
    assert (log.kind, log.slot_time) == (LogKind.EVENTS, None)


@pytest.mark.parametrize(
    ("key", "size"),
    [
        (f"AWSLogs/{ACCOUNT}/CloudTrail/", 0),
        (f"AWSLogs/{ACCOUNT}/CloudTrail/", None),
        (f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/", 0),
        ("some/marker_$folder$", 0),
        ("", None),
    ],
)
def test_a_folder_is_told_by_its_trailing_slash_or_its_emptiness(key: str, size: int | None) -> None:
    assert log_object("b", key, size=size).kind is LogKind.FOLDER


def test_a_log_that_was_emptied_is_still_a_log_so_that_it_fails_instead_of_passing_as_a_folder() -> None:
    assert log_object("b", KEY, size=0).kind is LogKind.EVENTS


def test_a_kind_of_log_that_is_not_known_yet_is_read_and_never_taken_for_harmless() -> None:
    assert log_object("b", KEY.replace("CloudTrail", "CloudTrail-Future")).kind.is_log


@pytest.mark.parametrize(
    "key",
    [
        "report.csv",
        f"AWSLogs/{ACCOUNT}/Config/us-east-1/2023/7/1/ConfigSnapshot/x.json.gz",
        f"AWSLogs/{ACCOUNT}/CloudTrail-Lake/Query/2023/07/10/id/result_sign.json",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2023/07/10/{NAME}.tmp",
        f"AWSLogs/{ACCOUNT}/elasticloadbalancing/us-east-1/2023/07/10/x.log.gz",
        KEY.replace(ACCOUNT, "١٢٣٤٥٦٧٨٩٠١٢"),
        KEY + "\n",
    ],
)
def test_other_objects_in_the_bucket_are_no_logs(key: str) -> None:
    assert not log_object("b", key).kind.is_log


def test_where_folder_and_name_disagree_the_folder_names_the_account() -> None:
    """Bucket policies allow writing by folder, so that only the folder says who could have written the log."""
    assert log_object("b", f"AWSLogs/111111111111/CloudTrail/us-east-1/2023/07/10/{NAME}").account == "111111111111"


def test_what_the_notification_says_of_the_object_is_carried() -> None:
    log = log_object("b", KEY, size=7, version_id="v", etag="e", sequencer="0A")
    assert (log.bucket, log.key, log.size, log.version_id, log.etag, log.sequencer) == ("b", KEY, 7, "v", "e", "0A")


@given(st.text() | st.from_regex(r"(AWSLogs/|[0-9]{12}|_|CloudTrail-Digest|20230710T1145Z|/|\.json){0,12}"))
def test_any_key_at_all_gives_an_object_with_that_key(key: str) -> None:
    log = log_object("b", key)
    assert log.key == key
    assert log.slot_time is None or log.slot_time.utcoffset() is not None


def test_every_real_file_name_is_known(corpora: Path) -> None:
    names = [path.name for path in (corpora / "invictus-aws-dataset/CloudTrail").rglob("*.json")]
    assert len(names) == 55
    for log in (log_object("", name) for name in names):
        assert (log.kind, log.account, log.region) == (LogKind.EVENTS, ACCOUNT, "us-east-1")
        assert log.slot_time is not None
        assert log.slot_time.minute % 5 == 0


@pytest.mark.parametrize(
    "key", ["exports/cloudtrail-2026-01-01.json.gz", "renamed.json", f"copies/{NAME[:20]}.json.gz"]
)
def test_a_json_file_of_unknown_name_might_be_a_renamed_log_and_is_not_thrown_away_unread(key: str) -> None:
    log = log_object("b", key)
    assert log.kind is LogKind.UNKNOWN
    assert log.kind.may_hold_events


def test_any_json_in_a_folder_of_a_future_kind_is_read_like_a_log() -> None:
    key = f"AWSLogs/{ACCOUNT}/CloudTrail-Future/us-east-1/2023/07/10/odd name.json.gz"
    assert log_object("b", key).kind is LogKind.EVENTS
