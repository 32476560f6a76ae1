"""What every ``ports.LogStore`` and ``ports.KeySource`` does, on the fakes and on S3 of the embedded AWS."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from contracts.benches import StoreBench

from cloudtrail_processing.errors import ConfigurationError, LogGone, LogTooLarge
from cloudtrail_processing.flow import LogObject

BODY = gzip.compress(b'{"Records":[]}' * 100)
KEY = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/01/111122223333_CloudTrail_eu-west-1_20260101T0005Z_a.json.gz"
ODD_KEYS = [
    "prefix//AWSLogs/a",
    "/leading",
    "trailing/",
    "dots/./a",
    "dots/../a",
    "tab\there",
    "plus+space a=b&c%2Fd",
    "é日/#?*",
]


def test_the_stored_bytes_come_back_unchanged_with_their_etag(shelf: StoreBench) -> None:
    log = shelf.put(KEY, BODY)
    fetched = shelf.store.fetch(log, limit=len(BODY))
    assert fetched.body == BODY
    assert type(fetched.body) is bytes
    assert fetched.etag == log.etag
    assert '"' not in (log.etag or "")
    assert fetched.last_modified is not None


def test_an_empty_object_has_an_empty_body(shelf: StoreBench) -> None:
    assert shelf.store.fetch(shelf.put("empty", b""), limit=0).body == b""


@pytest.mark.parametrize("key", ODD_KEYS)
def test_any_key_that_s3_allows_can_be_fetched(shelf: StoreBench, key: str) -> None:
    shelf.put(key.strip("/"), b"another object that a tidied key would find")
    shelf.put(key, b"wanted")
    assert shelf.store.fetch(LogObject(shelf.bucket, key), limit=100).body == b"wanted"


@pytest.mark.parametrize("key", [KEY, "odd//key"])
def test_an_object_over_the_limit_is_refused(shelf: StoreBench, key: str) -> None:
    log = shelf.put(key, BODY)
    with pytest.raises(LogTooLarge, match=f"{len(BODY)} stored bytes, over the limit of {len(BODY) - 1}"):
        shelf.store.fetch(log, limit=len(BODY) - 1)


@pytest.mark.parametrize("key", [KEY, "odd//key"])
def test_the_version_that_was_named_is_fetched_even_after_a_newer_one(shelf: StoreBench, key: str) -> None:
    first = shelf.put(key, b"first")
    second = shelf.put(key, b"second")
    assert first.version_id != second.version_id
    fetched = shelf.store.fetch(first, limit=100)
    assert (fetched.body, fetched.version_id) == (b"first", first.version_id)
    assert shelf.store.fetch(replace(first, version_id=None), limit=100).body == b"second"


@pytest.mark.parametrize("key", [KEY, "odd//key"])
def test_a_missing_object_or_version_is_gone(shelf: StoreBench, key: str) -> None:
    with pytest.raises(LogGone, match="NoSuchKey"):
        shelf.store.fetch(LogObject(shelf.bucket, key), limit=100)
    log = shelf.put(key, b"x")
    with pytest.raises(LogGone):
        shelf.store.fetch(replace(log, version_id="no-such-version"), limit=100)


def test_a_removed_object_is_gone_but_its_versions_are_not(shelf: StoreBench) -> None:
    log = shelf.put(KEY, b"x")
    shelf.remove(KEY)
    with pytest.raises(LogGone):
        shelf.store.fetch(replace(log, version_id=None), limit=100)
    assert shelf.store.fetch(log, limit=100).body == b"x"


@pytest.mark.parametrize("key", [KEY, "odd//key"])
def test_an_unknown_bucket_is_a_matter_of_configuration(shelf: StoreBench, key: str) -> None:
    with pytest.raises(ConfigurationError, match="s3://no-such-bucket/"):
        shelf.store.fetch(LogObject("no-such-bucket", key), limit=100)


def test_many_threads_may_fetch_at_once(shelf: StoreBench) -> None:
    logs = [shelf.put(f"key-{number}", str(number).encode()) for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        bodies = list(pool.map(lambda log: shelf.store.fetch(log, limit=100).body, logs))
    assert bodies == [str(number).encode() for number in range(12)]


def test_a_listing_names_every_object_in_order(shelf: StoreBench) -> None:
    listed = list(shelf.listing([KEY, "a b+c", "Z/é"]).logs())
    assert [log.key for log in listed] == [KEY, "Z/é", "a b+c"]
    assert listed[0].account == "111122223333"
    assert listed[0].size == len(KEY.encode())
    assert '"' not in (listed[0].etag or '"')
