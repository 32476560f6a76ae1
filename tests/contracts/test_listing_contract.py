"""What every ``ports.Listing`` does: on the fake buckets, on a copy of a bucket, and on S3 of the embedded AWS."""

import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloudtrail_processing.aws.listing import S3Listing
from cloudtrail_processing.mirror import Mirror
from cloudtrail_processing.ports import Listing
from cloudtrail_processing.testing import EmbeddedAws, FakeBuckets
from cloudtrail_processing.testing.trail import StoredObject

NOW = datetime(2026, 1, 2, tzinfo=UTC)
Made = tuple[Listing, str]
Make = Callable[[Mapping[str, bytes]], Made]
KEYS = {
    "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/01/b.json.gz": b"bb",
    "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/01/a.json.gz": b"a",
    "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/02/a.json.gz": b"",
    "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/01/01/d.json.gz": b"d",
    "AWSLogs/444455556666/CloudTrail/eu-west-1/2026/01/01/a b+c%2F&é日\N{PILE OF POO}.json": b"odd",
    "top": b"t",
}


@pytest.fixture(params=["fake", "mirror", "real"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def fake(objects: Mapping[str, bytes]) -> Made:
        return FakeBuckets({("trail", key): StoredObject(body, {}, NOW) for key, body in objects.items()}), "trail"

    def mirror(objects: Mapping[str, bytes]) -> Made:
        for key, body in objects.items():
            (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / key).write_bytes(body)
        return Mirror(tmp_path, bucket="trail"), "trail"

    def real(objects: Mapping[str, bytes]) -> Made:
        aws: EmbeddedAws = request.getfixturevalue("aws")
        name = f"trail-{uuid.uuid4()}"
        aws.create_bucket(name)
        for key, body in objects.items():
            aws.s3.put_object(Bucket=name, Key=key, Body=body)
        listing = S3Listing(aws.options)
        request.addfinalizer(listing.close)
        return listing, name

    return {"fake": fake, "mirror": mirror, "real": real}[request.param]


def test_every_object_is_listed_with_its_size_and_time_in_the_order_of_keys(make: Make) -> None:
    listing, bucket = make(KEYS)
    found = list(listing.objects(bucket, ""))
    assert [it.key for it in found] == sorted(KEYS)
    assert {it.key: it.size for it in found} == {key: len(body) for key, body in KEYS.items()}
    assert {it.modified.utcoffset() for it in found} == {UTC.utcoffset(None)}


def test_only_what_is_below_a_folder_and_behind_a_key_is_listed(make: Make) -> None:
    listing, bucket = make(KEYS)
    folder = "AWSLogs/111122223333/CloudTrail/us-east-1/"
    first, second, third = (key for key in sorted(KEYS) if key.startswith(folder))
    for after, expected in (
        ("", [first, second, third]),
        (first, [second, third]),
        (f"{folder}2026/01/01/", [first, second, third]),
        (f"{folder}2026/01/01/aa", [second, third]),
        (f"{folder}2026/01/02/", [third]),
        (third, []),
        ("AWSLogs/", [first, second, third]),
        ("zzz", []),
    ):
        assert [it.key for it in listing.objects(bucket, folder, after=after)] == expected, after
    assert [it.key for it in listing.objects(bucket, f"{folder}2026/01/02/")] == [third]


def test_folders_are_those_directly_below_and_in_order(make: Make) -> None:
    listing, bucket = make(KEYS)
    assert list(listing.folders(bucket, "")) == ["AWSLogs/"]
    assert list(listing.folders(bucket, "AWSLogs/")) == ["AWSLogs/111122223333/", "AWSLogs/444455556666/"]
    assert list(listing.folders(bucket, "AWSLogs/111122223333/")) == [
        "AWSLogs/111122223333/CloudTrail-Digest/",
        "AWSLogs/111122223333/CloudTrail/",
    ]
    assert list(listing.folders(bucket, "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/01/")) == []


@pytest.mark.parametrize("prefix", ["nothing/", "AWSLogs/1111/", "AWSLogs/111122223333/CloudTrail/us-east-1/2027/"])
def test_where_nothing_is_nothing_is_listed(make: Make, prefix: str) -> None:
    listing, bucket = make(KEYS)
    assert list(listing.objects(bucket, prefix)) == []
    assert list(listing.folders(bucket, prefix)) == []


def test_an_empty_bucket_holds_nothing(make: Make) -> None:
    listing, bucket = make({})
    assert list(listing.objects(bucket, "")) == []
    assert list(listing.folders(bucket, "")) == []


def test_more_than_a_page_is_listed_lazily_and_by_many_threads(make: Make) -> None:
    names = {f"a/{number:04}/x": b"" for number in range(1005)}
    listing, bucket = make(names)
    assert next(iter(listing.objects(bucket, "a/"))).key == "a/0000/x"
    with ThreadPoolExecutor(4) as pool:
        listed = list(pool.map(lambda _: [it.key for it in listing.objects(bucket, "a/")], range(4)))
        found = list(pool.map(lambda _: list(listing.folders(bucket, "a/")), range(4)))
    assert listed == [sorted(names)] * 4
    assert found == [[f"a/{number:04}/" for number in range(1005)]] * 4
