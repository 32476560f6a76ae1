"""What S3 refuses while it lists is an error of ours that names the place; the rest of it is a contract."""

from collections.abc import Iterator

import pytest

from cloudtrail_processing.aws.listing import S3Listing
from cloudtrail_processing.errors import ConfigurationError, TransientError
from cloudtrail_processing.testing import EmbeddedAws


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as running:
        running.create_bucket("trail")
        running.put_log("trail", "a/b", b"c")
        yield running


def test_a_bucket_that_is_not_there_is_a_matter_of_configuration(aws: EmbeddedAws) -> None:
    listing = S3Listing(aws.options)
    with pytest.raises(ConfigurationError, match="listing s3://no-such-bucket/a/ failed: NoSuchBucket"):
        listing.folders("no-such-bucket", "a/")
    with pytest.raises(ConfigurationError, match="NoSuchBucket"):
        next(iter(listing.objects("no-such-bucket", "a/")))


@pytest.mark.parametrize("bucket", ["", "NO BUCKET", "a/b", "\x1b[2J"])
def test_a_name_that_no_bucket_has_is_an_error_of_ours(aws: EmbeddedAws, bucket: str) -> None:
    with pytest.raises((ConfigurationError, TransientError)):
        list(S3Listing(aws.options).objects(bucket, ""))


def test_a_listing_that_was_closed_opens_itself_again(aws: EmbeddedAws) -> None:
    listing = S3Listing(aws.options)
    listing.close()
    for _ in range(2):
        assert [it.key for it in listing.objects("trail", "")] == ["a/b"]
        listing.close()
        listing.close()
