from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cloudtrail_processing.aws.keys import S3Keys
from cloudtrail_processing.aws.session import boto3_session
from cloudtrail_processing.errors import ConfigurationError, SettingsError
from cloudtrail_processing.flow import LogKind
from cloudtrail_processing.testing import EmbeddedAws
from cloudtrail_processing.times import TimeRange


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as running:
        running.create_bucket("trail")
        for key in ("a/AWSLogs/1", "a/AWSLogs/111122223333/x", "a/AWSLogs/2/x", "b//#?é", "b/folder/"):
            running.put_log("trail", key, b"")
        yield running


@pytest.mark.parametrize(
    ("uri", "keys"),
    [
        ("s3://trail", ["a/AWSLogs/1", "a/AWSLogs/111122223333/x", "a/AWSLogs/2/x", "b//#?é", "b/folder/"]),
        ("s3://trail/a/AWSLogs/1", ["a/AWSLogs/1", "a/AWSLogs/111122223333/x"]),
        ("s3://trail/b//#?", ["b//#?é"]),
        ("s3://trail/nothing/", []),
    ],
)
def test_a_prefix_is_a_plain_string(aws: EmbeddedAws, uri: str, keys: list[str]) -> None:
    assert [log.key for log in S3Keys(uri, aws.options, everything=True).logs()] == keys


def test_a_listing_can_be_repeated_and_abandoned(aws: EmbeddedAws) -> None:
    listing = S3Keys("s3://trail/", aws.options, everything=True)
    assert next(listing.logs()) == next(listing.logs())


def test_a_folder_object_is_known_as_one(aws: EmbeddedAws) -> None:
    [folder] = S3Keys("s3://trail/b/folder", aws.options, everything=True).logs()
    assert folder.kind is LogKind.FOLDER


def test_long_listings_come_page_by_page(aws: EmbeddedAws) -> None:
    aws.create_bucket("many")
    for number in range(5):
        aws.put_log("many", f"{number}", b"")
    assert [log.key for log in S3Keys("s3://many", aws.options, page_size=2, everything=True).logs()] == [
        "0",
        "1",
        "2",
        "3",
        "4",
    ]


def test_a_bucket_that_does_not_exist_is_a_matter_of_configuration(aws: EmbeddedAws) -> None:
    with pytest.raises(ConfigurationError, match="listing s3://nowhere/logs failed: NoSuchBucket"):
        next(S3Keys("s3://nowhere/logs", aws.options).logs())


@pytest.mark.parametrize("uri", ["", "trail/logs", "s3:///logs", "https://trail/logs", "s3:/trail"])
def test_anything_but_an_s3_uri_is_refused(uri: str) -> None:
    with pytest.raises(SettingsError, match="names no bucket"):
        S3Keys(uri)


def _of_day(account: int, day: int) -> str:
    folder = f"AWSLogs/o-abcdefghij/{account:012}/CloudTrail/eu-west-1/2026/01/{day:02}"
    return f"{folder}/{account:012}_CloudTrail_eu-west-1_202601{day:02}T0005Z_a.json.gz"


ODD = ["AWSLogs/notes.json", "AWSLogs/o-abcdefghij/copies/old.json"]


@pytest.fixture(scope="module")
def long_trail(aws: EmbeddedAws) -> EmbeddedAws:
    """With a bucket in which two accounts have logs of four weeks, beside objects of no time."""
    aws.create_bucket("long-trail")
    for key in [*(_of_day(account, day) for account in (1, 2) for day in range(1, 29)), *ODD]:
        aws.put_log("long-trail", key, b"{}")
    return aws


def test_with_times_only_the_folders_of_days_near_them_are_listed_and_whatever_follows_no_layout(
    long_trail: EmbeddedAws,
) -> None:
    asked: list[str] = []
    session = boto3_session(long_trail.options)
    session.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: asked.append(params["Prefix"])
    )
    noon = datetime(2026, 1, 15, 12, tzinfo=UTC)
    listing = S3Keys("s3://long-trail/AWSLogs/", long_trail.options, session=session, times=TimeRange(noon, noon))
    near = [_of_day(account, day) for account in (1, 2) for day in (14, 15, 16)]
    assert sorted(log.key for log in listing.logs()) == sorted([*near, *ODD])
    assert len([prefix for prefix in asked if "/2026/01/" in prefix and prefix[-3:] != "01/"]) == len(near)


@pytest.mark.parametrize("uri", ["s3://long-trail", "s3://long-trail/AWSLogs/o-abcdefghij/000000000001/Clou"])
def test_with_times_every_prefix_finds_the_logs_of_these_times(long_trail: EmbeddedAws, uri: str) -> None:
    noon = datetime(2026, 1, 15, 12, tzinfo=UTC)
    found = {log.key for log in S3Keys(uri, long_trail.options, times=TimeRange(noon, noon)).logs()}
    assert _of_day(1, 15) in found
