"""The simulated AWS of the benchmarks, to those who prove a trail: its buckets, and what CloudTrail tells of it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

pytest.importorskip("uvloop")
pytest.importorskip("httptools")

from benchmarks.aws.layout import Key, Layout, Object, Trail
from benchmarks.aws.running import Aws, running_layout

ACCOUNT = "111122223333"
ARN = f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/audit"
START = datetime(2026, 1, 1, tzinfo=UTC)
MODIFIED = datetime(2026, 1, 1, 5, 4, 3, tzinfo=UTC)
NAMES = [f"logs/{day:02d}/{number:02d} ü&.json.gz" for day in range(1, 5) for number in range(3)]
KEYS = [
    Key(f"{number:032x}", bytes([number]), START + timedelta(days=number), START + timedelta(days=number + 30), region)
    for region in ("eu-west-1", "us-east-1")
    for number in range(5)
]
LAYOUT = Layout(
    account=ACCOUNT,
    objects=[
        *(Object("first", name, name.encode()) for name in NAMES),
        Object("first", "signed", b"body", {"signature": "00ff", "signature-algorithm": "SHA256withRSA"}, MODIFIED),
        Object("second", "forbidden", b"body"),
    ],
    trails=[Trail(ARN, "first", "logs", is_organization=True)],
    keys=KEYS,
    regions={"second": "us-east-1", "third": "eu-central-1"},
    denied=[("second", "forbidden")],
    organization="o-abcdefghij",
    page=2,
)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with running_layout(LAYOUT.write(tmp_path_factory.mktemp("layout") / "layout"), s3_ms=0) as aws:
        yield aws


def client(aws: Aws, service: Any, region: str = "eu-west-1") -> Any:
    session: Any = boto3.Session(aws_access_key_id="any", aws_secret_access_key="any", region_name=region)
    return session.client(service, endpoint_url=aws.url)


@pytest.fixture(scope="module")
def s3(aws: Aws) -> Iterator[Any]:
    with closing(client(aws, "s3")) as opened:
        yield opened


@pytest.fixture(scope="module")
def cloudtrail(aws: Aws) -> Iterator[Any]:
    with closing(client(aws, "cloudtrail")) as opened:
        yield opened


def test_a_layout_survives_its_file(tmp_path: Path) -> None:
    assert Layout.read(LAYOUT.write(tmp_path / "layout")) == LAYOUT


# ── buckets ──


def test_an_object_is_told_with_its_metadata_and_when_it_was_written(s3: Any) -> None:
    for answer in (s3.get_object(Bucket="first", Key="signed"), s3.head_object(Bucket="first", Key="signed")):
        assert answer["Metadata"] == {"signature": "00ff", "signature-algorithm": "SHA256withRSA"}
        assert answer["LastModified"] == MODIFIED
    assert s3.get_object(Bucket="first", Key="signed", Range="bytes=1-2")["Body"].read() == b"od"
    assert s3.get_object(Bucket="first", Key=NAMES[0])["Body"].read() == NAMES[0].encode()


def test_what_is_not_there_and_what_is_forbidden_are_told_apart(s3: Any) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="first", Key="missing")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.get_object(Bucket="fourth", Key="missing")
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.get_object(Bucket="second", Key="forbidden")
    with pytest.raises(s3.exceptions.ClientError, match="403"):
        s3.head_object(Bucket="second", Key="forbidden")


@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_both_versions_of_a_listing_show_every_key_once_page_by_page(s3: Any, version: str, size: int) -> None:
    pages = s3.get_paginator(version).paginate(Bucket="first", Prefix="logs/", PaginationConfig={"PageSize": size})
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == sorted(NAMES)


@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_both_versions_of_a_listing_show_folders_once(s3: Any, version: str, size: int) -> None:
    asked = {"Bucket": "first", "Delimiter": "/", "PaginationConfig": {"PageSize": size}}
    pages = list(s3.get_paginator(version).paginate(Prefix="logs/", **asked))
    assert [it["Prefix"] for page in pages for it in page["CommonPrefixes"]] == [
        f"logs/{day:02d}/" for day in (1, 2, 3, 4)
    ]
    assert not any(page.get("Contents") for page in pages)
    top = list(s3.get_paginator(version).paginate(**asked))
    assert [it["Prefix"] for page in top for it in page.get("CommonPrefixes", ())] == ["logs/"]
    assert [it["Key"] for page in top for it in page.get("Contents", ())] == ["signed"]


def test_a_listing_begins_behind_a_key_that_need_not_exist(s3: Any) -> None:
    behind = sorted(NAMES)[6:]
    first = s3.list_objects(Bucket="first", Prefix="logs/", Marker="logs/02/9")
    second = s3.list_objects_v2(Bucket="first", Prefix="logs/", StartAfter="logs/02/9")
    assert [[it["Key"] for it in answer["Contents"]] for answer in (first, second)] == [behind, behind]


def test_a_listing_of_an_empty_bucket_is_empty(s3: Any) -> None:
    assert "Contents" not in s3.list_objects(Bucket="third")


def test_every_bucket_tells_where_it_is(s3: Any) -> None:
    places = [s3.get_bucket_location(Bucket=name)["LocationConstraint"] for name in ("first", "second", "third")]
    assert places == ["eu-west-1", None, "eu-central-1"]
    told = s3.head_bucket(Bucket="third")["ResponseMetadata"]["HTTPHeaders"]
    assert told["x-amz-bucket-region"] == "eu-central-1"


# ── CloudTrail, Organizations, STS ──


def test_a_trail_is_told_by_arn_and_by_name(cloudtrail: Any) -> None:
    [trail] = cloudtrail.describe_trails()["trailList"]
    assert (trail["TrailARN"], trail["S3BucketName"], trail["S3KeyPrefix"]) == (ARN, "first", "logs")
    assert trail["IsOrganizationTrail"]
    assert cloudtrail.describe_trails(trailNameList=["other"])["trailList"] == []
    assert cloudtrail.get_trail(Name="audit")["Trail"] == trail
    assert cloudtrail.get_trail_status(Name=ARN)["IsLogging"]
    with pytest.raises(cloudtrail.exceptions.TrailNotFoundException):
        cloudtrail.get_trail(Name="other")


def test_public_keys_are_told_page_by_page_for_one_region_and_the_time_asked_for(aws: Aws, cloudtrail: Any) -> None:
    asked = {"StartTime": START + timedelta(days=1), "EndTime": START + timedelta(days=3)}
    pages = list(cloudtrail.get_paginator("list_public_keys").paginate(**asked))
    assert [len(page["PublicKeyList"]) for page in pages] == [2, 2]
    keys = [key for page in pages for key in page["PublicKeyList"]]
    assert [(key["Fingerprint"], key["Value"]) for key in keys] == [(f"{it:032x}", bytes([it])) for it in range(4)]
    assert keys[1]["ValidityStartTime"] == START + timedelta(days=1)
    with closing(client(aws, "cloudtrail", "eu-central-1")) as elsewhere:
        assert elsewhere.list_public_keys(**asked)["PublicKeyList"] == []


def test_the_caller_and_its_organization_are_told(aws: Aws) -> None:
    with closing(client(aws, "organizations")) as organizations, closing(client(aws, "sts")) as sts:
        assert organizations.describe_organization()["Organization"]["Id"] == "o-abcdefghij"
        assert sts.get_caller_identity()["Account"] == ACCOUNT


def test_what_was_asked_is_counted(aws: Aws, s3: Any, cloudtrail: Any) -> None:
    aws.reset()
    s3.list_objects(Bucket="third")
    s3.get_object(Bucket="first", Key="signed")
    cloudtrail.describe_trails()
    assert aws.stats()["requests"] == {"ListObjects": 1, "GetObject": 1, "DescribeTrails": 1}
