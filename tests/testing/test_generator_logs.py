"""The generator's logs: authentic keys, sizes, times and damage."""

import gzip
import hashlib
import re
from datetime import UTC, datetime, timedelta
from statistics import median

import orjson
import pytest

from cloudtrail_processing.building import build
from cloudtrail_processing.errors import CorruptLog
from cloudtrail_processing.events import CloudTrailEvent, DigestFile
from cloudtrail_processing.flow import LogKind, RejectedRecord
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.logfile import inflate, split
from cloudtrail_processing.testing.generator import (
    ACCOUNTS,
    BACKDOOR_USER,
    BOMB_SIZE,
    REGIONS,
    Damage,
    GeneratedLog,
    Generator,
    damaged,
    plain,
)

LOG_KEY = re.compile(
    r"^(?:(?P<prefix>.+)/)?AWSLogs/(?:(?P<org>o-[a-z0-9]{10,32})/)?(?P<acct>\d{12})/CloudTrail"
    r"(?P<kind>|-Insight|-NetworkActivity|-Aggregated)/(?P<region>[a-z0-9-]+)/(?P<y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d)/"
    r"(?P=acct)_CloudTrail(?P=kind)_(?P=region)_(?P=y)(?P=m)(?P=d)T\d\d(?P<minute>\d\d)Z_[A-Za-z0-9]{16}\.json\.gz$"
)
DIGEST_KEY = re.compile(
    r"^(?:(?P<prefix>.+)/)?AWSLogs/(?:(?P<org>o-[a-z0-9]{10,32})/)?(?P<acct>\d{12})/CloudTrail-Digest/"
    r"(?P<region>[a-z0-9-]+)/\d{4}/\d\d/\d\d/\d{12}_CloudTrail-Digest_(?P=region)_(?P<trail>[A-Za-z0-9._-]{3,128})_"
    r"(?P<home>[a-z0-9-]+)_(?P<end>\d{8}T\d{6}Z)\.json\.gz$"
)


@pytest.fixture(scope="module")
def logs() -> list[GeneratedLog]:
    return Generator(11).logs(300, story=True)


def times(log: GeneratedLog) -> list[datetime]:
    return [datetime.fromisoformat(record["eventTime"]) for record in log.records if "eventTime" in record]


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert Generator(5).logs(25, story=True) == Generator(5).logs(25, story=True)


def test_there_are_as_many_logs_as_asked_for_with_and_without_a_story(logs: list[GeneratedLog]) -> None:
    assert len(logs) == 300
    assert len(Generator(5).logs(25)) == 25
    assert len({log.key for log in logs}) == 300


def test_logs_of_all_accounts_regions_and_kinds_come_in_order_of_their_slots(logs: list[GeneratedLog]) -> None:
    assert {(log.account, log.region) for log in logs} == {(a, r) for a in ACCOUNTS for r in REGIONS}
    assert {log.kind for log in logs} == {kind for kind in LogKind if kind.is_log}
    slots = [log.slot_time for log in logs if log.slot_time]
    assert slots == sorted(slots)


@pytest.mark.parametrize(("prefix", "organization"), [("", None), ("trails/my trail", None), ("/x/", "o-exampleorg1")])
def test_keys_are_authentic_and_say_what_the_log_says(prefix: str, organization: str | None) -> None:
    for log in Generator(2, prefix=prefix, organization=organization).logs(40):
        match = LOG_KEY.match(log.key)
        assert match
        assert int(match["minute"]) % 5 == 0
        assert (match["prefix"], match["org"]) == (prefix.strip("/") or None, organization)
        assert log_object(log.bucket, log.key, size=log.size, etag=log.etag) == log.log_object


def test_a_body_is_one_gzip_member_with_the_records_in_order(logs: list[GeneratedLog]) -> None:
    for log in logs[:40]:
        assert orjson.loads(gzip.decompress(log.body)) == {"Records": log.records}
        assert [split(inflate(log.body)).raw(0)] == [orjson.dumps(log.records[0])]


def test_every_record_belongs_to_the_account_of_its_log(logs: list[GeneratedLog]) -> None:
    for log in logs:
        assert {record.get("recipientAccountId") or record["accountId"] for record in log.records} == {log.account}


def test_events_happen_within_the_ten_minutes_before_the_end_of_their_slot(logs: list[GeneratedLog]) -> None:
    ordinary = [log for log in logs if log.kind in (LogKind.EVENTS, LogKind.NETWORK_ACTIVITY)]
    for log in ordinary:
        assert log.slot_time
        assert all(log.slot_time - timedelta(minutes=10) <= at <= log.slot_time for at in times(log))


def test_sizes_are_small_with_a_long_tail(logs: list[GeneratedLog]) -> None:
    sizes = [len(log.records) for log in logs]
    assert 4 <= median(sizes) <= 7
    assert min(sizes) >= 1
    assert 150 <= max(sizes) <= 622


def test_about_a_third_of_the_logs_are_not_sorted_by_time() -> None:
    several = [log for log in Generator(6).logs(300, records=8) if log.kind is LogKind.EVENTS]
    unsorted = sum(times(log) != sorted(times(log)) for log in several)
    assert 0.2 < unsorted / len(several) < 0.5


def test_global_services_report_from_one_region_in_the_logs_of_the_home_region(logs: list[GeneratedLog]) -> None:
    global_services = {"iam.amazonaws.com", "organizations.amazonaws.com", "billingconsole.amazonaws.com"}
    seen = [
        (log.region, r["awsRegion"]) for log in logs for r in log.records if r.get("eventSource") in global_services
    ]
    ordinary = Generator(1, regions=("eu-west-1",)).log(records=300).records
    assert {region for _, region in seen} == {"us-east-1"}
    assert {r["awsRegion"] for r in ordinary} == {"us-east-1", "eu-west-1"}


def test_the_story_is_in_the_logs_once_in_order(logs: list[GeneratedLog]) -> None:
    told = [
        record for log in logs for record in log.records if record.get("sourceIPAddress", "").startswith("203.0.113.")
    ]
    names = [record["eventName"] for record in told]
    assert names.count("StopLogging") == 1
    assert [record["eventTime"] for record in told] == sorted(record["eventTime"] for record in told)
    assert BACKDOOR_USER in {record["userIdentity"]["userName"] for record in told}


def test_a_story_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="the story takes"):
        Generator().logs(2, story=True)


@pytest.mark.parametrize("kind", [kind for kind in LogKind if kind.is_log])
def test_one_log_has_exactly_the_records_asked_for(kind: LogKind) -> None:
    log = Generator(4).log(records=37, kind=kind, account="444455556666", region="eu-west-1")
    assert len(log.records) == 37
    assert (log.kind, log.account, log.region) == (kind, "444455556666", "eu-west-1")


def test_a_log_takes_records_as_they_are_and_may_be_empty() -> None:
    made = Generator(4)
    story = made.attack_story()
    assert made.log(records=story).records == story
    assert gzip.decompress(made.log(records=[]).body) == b'{"Records":[]}'
    assert made.log(records=0).records == []


def test_a_slot_is_cut_up_to_five_minutes() -> None:
    log = Generator().log(records=1, slot=datetime(2026, 9, 14, 23, 58, 30, tzinfo=UTC))
    assert "/2026/09/15/" in log.key
    assert "_20260915T0000Z_" in log.key


def test_a_digest_names_its_logs_with_their_hashes() -> None:
    made = Generator(3, prefix="p", organization="o-exampleorg1")
    log = made.log(records=5)
    digest = made.digest([log])
    assert DIGEST_KEY.match(digest.key)
    assert digest.log_object == log_object(digest.bucket, digest.key, size=digest.size, etag=digest.etag)
    parsed = DigestFile.from_json(gzip.decompress(digest.body))
    assert parsed.digest_s3_object == digest.key
    document = orjson.loads(gzip.decompress(digest.body))
    assert document["logFiles"][0]["hashValue"] == hashlib.sha256(gzip.decompress(log.body)).hexdigest()


def test_a_folder_is_an_object_of_size_zero() -> None:
    folder = Generator().folder()
    assert (folder.body, folder.key[-1]) == (b"", "/")
    assert log_object(folder.bucket, folder.key, size=0).kind is LogKind.FOLDER


# ── damage ──


@pytest.mark.parametrize("damage", [damage for damage in Damage if damage is not Damage.BAD_ELEMENT])
def test_a_damaged_log_cannot_be_read(damage: Damage) -> None:
    log = Generator(8).log(records=6)
    spoiled = damaged(log, damage)
    assert spoiled.key == log.key
    assert spoiled.body != log.body
    assert spoiled.records == []
    with pytest.raises(CorruptLog):
        split(inflate(spoiled.body))


def test_a_bad_element_spoils_only_itself() -> None:
    log = damaged(Generator(8).log(records=6), Damage.BAD_ELEMENT)
    records = split(inflate(log.body))
    built = list(build(records, log=log.log_object, indexes=range(len(records))))
    assert [isinstance(each, RejectedRecord) for each in built] == [True] * 3 + [False] * 6
    assert [each.to_dict() for each in built if isinstance(each, CloudTrailEvent)] == log.records


def test_a_bomb_is_small_and_grows_a_thousandfold() -> None:
    bomb = damaged(Generator(8).log(records=1), Damage.BOMB)
    assert bomb.size * 500 < BOMB_SIZE
    assert len(gzip.decompress(bomb.body)) == BOMB_SIZE


def test_a_log_stored_as_plain_json_is_no_damage() -> None:
    log = Generator(8).log(records=6)
    assert len(split(inflate(plain(log).body))) == 6
