"""CloudTrail is asked for trails and keys in their own regions, all pages of them, and its refusals become ours."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from cloudtrails import DENIED, CloudTrailStub, cloudtrail

from cloudtrail_processing.aws.session import AwsOptions, Credentials
from cloudtrail_processing.aws.trails import CloudTrail, Trail
from cloudtrail_processing.errors import ConfigurationError, SettingsError
from cloudtrail_processing.testing import SignedTrail

ARN = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/example"
FIRST, LAST = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
TRAIL = SignedTrail(1, hours=5, logs=0, rotate=1)


@pytest.fixture
def stub() -> Iterator[CloudTrailStub]:
    with cloudtrail() as running:
        yield running


@pytest.fixture
def service(stub: CloudTrailStub) -> CloudTrail:
    credentials = Credentials("AKIAEXAMPLE", "the secret key")
    return CloudTrail(AwsOptions(region="us-east-1", endpoint_url=stub.url, credentials=credentials))


def test_a_trail_is_asked_for_in_its_home_region(service: CloudTrail, stub: CloudTrailStub) -> None:
    stub.describe("trail-logs", S3KeyPrefix="some/where", HomeRegion="eu-west-1", IsOrganizationTrail=True)
    assert service.trail(ARN) == Trail(
        "example", "eu-west-1", "111122223333", "trail-logs", "some/where", is_organization=True
    )
    assert stub.asked == [("GetTrail", {"Name": ARN}), ("GetTrailStatus", {"Name": ARN})]
    assert stub.regions == ["eu-west-1"] * 2


def test_a_trail_of_which_little_is_told_has_defaults(service: CloudTrail, stub: CloudTrailStub) -> None:
    stub.describe("trail-logs", is_logging=False)
    assert service.trail(ARN) == Trail("example", "eu-west-1", "111122223333", "trail-logs")


@pytest.mark.parametrize("is_logging", [True, False])
def test_a_trail_tells_when_it_was_stopped_unless_it_logs_again(
    service: CloudTrail, stub: CloudTrailStub, is_logging: bool
) -> None:
    stub.describe("trail-logs", is_logging=is_logging, stopped=LAST.timestamp())
    assert service.trail(ARN).stopped == (None if is_logging else LAST)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:",
        "arn:aws:cloudtrail:eu-west-1:111122223333",
        "arn:aws:cloudtrail:eu-west-1:111122223333:example",
        "arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/example",
        "arn:aws:s3:::trail/example",
        "arn:aws:s3:eu-west-1:111122223333:trail/example",
        "arn:aws:cloudtrail:eu-west-1:111122223333:trail/",
        "arn:aws:cloudtrail::111122223333:trail/example",
        "arn:aws:cloudtrail:EU West:111122223333:trail/example",
        "arn:aws:cloudtrail:eu-west-1:1111:trail/example",
        "arn:aws:cloudtrail:eu-west-1:111122223333:trail/\x1b[2J",
    ],
)
def test_an_arn_that_no_trail_has_is_refused_before_anybody_is_asked(
    service: CloudTrail, stub: CloudTrailStub, arn: str
) -> None:
    with pytest.raises(SettingsError, match="is no trail: write arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME"):
        service.trail(arn)
    assert stub.asked == []


def test_all_pages_of_keys_are_read_and_asked_for_once(service: CloudTrail, stub: CloudTrailStub) -> None:
    published = TRAIL.public_keys["us-east-1"]
    stub.publish(published, page=2)
    for _ in range(3):
        told = service.keys(region="us-east-1", first=FIRST, last=LAST)
        assert [key.der for key in told] == [key.der for key in published]
    assert [body.get("NextToken") for _, body in stub.asked] == [None, "1", "2"]
    assert {(body["StartTime"], body["EndTime"]) for _, body in stub.asked} == {(FIRST.timestamp(), LAST.timestamp())}


def test_keys_are_asked_for_in_each_region_and_for_each_time_by_many_threads(
    service: CloudTrail, stub: CloudTrailStub
) -> None:
    stub.publish([])
    regions = ["us-east-1", "eu-west-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1"] * 4
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda region: service.keys(region=region, first=FIRST, last=LAST), regions))
    assert told == [[]] * len(regions)
    assert set(stub.regions) == set(regions)
    service.keys(region="us-east-1", first=FIRST, last=FIRST)
    assert stub.asked[-1][1]["EndTime"] == FIRST.timestamp()


@pytest.mark.parametrize("operation", ["GetTrail", "GetTrailStatus", "ListPublicKeys"])
def test_what_is_denied_is_a_matter_of_configuration_and_tells_no_secret(
    service: CloudTrail, stub: CloudTrailStub, operation: str
) -> None:
    stub.describe("trail-logs")
    stub.publish([])
    stub.answers[operation] = DENIED
    with pytest.raises(ConfigurationError, match="AccessDeniedException") as refused:
        service.trail(ARN) if operation != "ListPublicKeys" else service.keys(region="x-1", first=FIRST, last=LAST)
    assert "secret key" not in str(refused.value)
    assert str(refused.value).startswith("asking CloudTrail for ")


def test_a_refusal_on_a_later_page_is_no_half_list_of_keys(service: CloudTrail, stub: CloudTrailStub) -> None:
    stub.publish(TRAIL.public_keys["us-east-1"], page=2)
    pages = stub.answers["ListPublicKeys"]
    stub.answers["ListPublicKeys"] = [pages[0], DENIED, pages[2]]
    with pytest.raises(ConfigurationError, match="public keys in us-east-1"):
        service.keys(region="us-east-1", first=FIRST, last=LAST)
    stub.answers["ListPublicKeys"] = pages
    assert len(service.keys(region="us-east-1", first=FIRST, last=LAST)) == 5


def test_a_question_that_came_too_soon_is_asked_again(service: CloudTrail, stub: CloudTrailStub) -> None:
    slow = (400, {"__type": "ThrottlingException", "Message": "Rate exceeded"})
    empty: dict[str, list[object]] = {"PublicKeyList": []}
    stub.answers["ListPublicKeys"] = lambda: slow if len(stub.asked) < 3 else (200, empty)
    assert service.keys(region="us-east-1", first=FIRST, last=LAST) == []
    assert len(stub.asked) == 3


def test_a_trail_that_is_not_there_is_an_error_of_ours(service: CloudTrail, stub: CloudTrailStub) -> None:
    stub.answers["GetTrail"] = (400, {"__type": "TrailNotFoundException", "Message": "Unknown trail"})
    with pytest.raises(ConfigurationError, match="TrailNotFoundException"):
        service.trail(ARN)
