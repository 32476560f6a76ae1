import uuid
from collections.abc import Iterator
from functools import partial

import pytest
from contracts.benches import EmbeddedBench, FakeBench, QueueBench, StoreBench, fake_store

from cloudtrail_processing.aws.keys import S3Keys
from cloudtrail_processing.ports import KeySource
from cloudtrail_processing.testing import EmbeddedAws


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as running:
        yield running


@pytest.fixture(params=["fake", "real"])
def bench(request: pytest.FixtureRequest) -> QueueBench:
    return FakeBench() if request.param == "fake" else EmbeddedBench(request.getfixturevalue("aws"))


@pytest.fixture(params=["fake", "real"])
def shelf(request: pytest.FixtureRequest) -> Iterator[StoreBench]:
    if request.param == "fake":
        yield fake_store()
        return
    aws: EmbeddedAws = request.getfixturevalue("aws")
    name = f"trail-{uuid.uuid4()}"
    aws.create_bucket(name, versioned=True)

    def listing(keys: list[str]) -> KeySource:
        for key in keys:
            aws.put_log(name, key, key.encode())
        return S3Keys(f"s3://{name}", aws.options, everything=True)

    def remove(key: str) -> None:
        aws.s3.delete_object(Bucket=name, Key=key)

    store = aws.store()
    yield StoreBench(store, partial(aws.put_log, name), remove, listing, bucket=name)
    store.close()
