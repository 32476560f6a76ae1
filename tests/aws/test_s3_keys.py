from collections.abc import Iterator

import pytest

from cloudtrail_processing.aws.keys import S3Keys
from cloudtrail_processing.errors import ConfigurationError, SettingsError
from cloudtrail_processing.flow import LogKind
from cloudtrail_processing.testing import EmbeddedAws


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
