"""A copy of a bucket on disk is read like the bucket, and nothing outside of it is."""

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from cloudtrail_processing.errors import ConfigurationError, LogGone, LogTooLarge, NotAllowed, SettingsError
from cloudtrail_processing.flow import LogKind, LogObject
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.mirror import BESIDE, Mirror
from cloudtrail_processing.testing import SignedTrail

FOLDER = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/"
DIGEST = f"{FOLDER}2026/01/01/111122223333_CloudTrail-Digest_us-east-1_main_us-east-1_20260101T010000Z.json.gz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for key, body in {
        DIGEST: b"digest",
        f"{DIGEST}{BESIDE}": b'{"Metadata":{"signature":"ab"}}',
        "x/y.json": b"y",
    }.items():
        path = tmp_path / "copy" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (tmp_path / "secret.json").write_bytes(b"secret")
    return tmp_path / "copy"


def digest(key: str = DIGEST) -> LogObject:
    return LogObject("trail", key, kind=LogKind.DIGEST)


def test_every_object_of_a_trail_comes_back_with_its_time_and_what_proves_it(tmp_path: Path) -> None:
    trail = SignedTrail(1, hours=3, logs=1, backfill=(1,))
    trail.write(tmp_path)
    bucket = trail.windows[0].bucket
    mirror = Mirror(tmp_path, bucket=bucket)
    listed = {it.key: it for it in mirror.objects(bucket, "")}
    assert {(bucket, key) for key in listed} == set(trail.objects)
    for (name, key), stored in trail.objects.items():
        fetched = mirror.fetch(log_object(name, key), limit=10**9)
        assert (fetched.body, fetched.metadata) == (stored.body, stored.metadata)
        assert (listed[key].size, listed[key].modified) == (len(stored.body), stored.last_modified)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path / "\0", Path(__file__)):
        with pytest.raises(SettingsError, match="no such folder"):
            Mirror(path, bucket="trail")


def test_an_object_that_is_not_there_is_gone_and_a_large_one_is_too_large(folder: Path) -> None:
    mirror = Mirror(folder, bucket="trail")
    with pytest.raises(LogGone):
        mirror.fetch(digest("nothing"), limit=10)
    with pytest.raises(LogTooLarge):
        mirror.fetch(digest(), limit=5)
    assert mirror.fetch(digest(), limit=6).body == b"digest"


@pytest.mark.parametrize("key", ["../secret.json", "x/../../secret.json", "x/..", "./x", "a\0b", "..", "x/./y.json"])
def test_nothing_outside_of_the_folder_is_read_or_listed(folder: Path, key: str) -> None:
    mirror = Mirror(folder, bucket="trail")
    with pytest.raises(NotAllowed, match="leads out") as refused:
        mirror.fetch(digest(key), limit=100)
    assert str(refused.value).isprintable()
    with pytest.raises(NotAllowed):
        mirror.folders("trail", f"{key}/")
    with pytest.raises(NotAllowed):
        list(mirror.objects("trail", f"{key}/"))


def test_an_absolute_key_lies_in_the_folder_too(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(LogGone):
        Mirror(folder, bucket="trail").fetch(digest(str(tmp_path / "secret.json")), limit=100)


def test_another_bucket_is_not_here(folder: Path) -> None:
    mirror = Mirror(folder, bucket="trail")
    with pytest.raises(NotAllowed, match="s3://other is not here: this is a copy of s3://trail"):
        mirror.fetch(LogObject("other", DIGEST), limit=100)
    with pytest.raises(NotAllowed):
        mirror.folders("other", "")


@pytest.mark.parametrize("key", ["", "x", "x/"])
def test_a_folder_is_no_object(folder: Path, key: str) -> None:
    with pytest.raises(ConfigurationError):
        Mirror(folder, bucket="trail").fetch(digest(key), limit=100)


@pytest.mark.parametrize(
    ("beside", "metadata"),
    [
        (b'{"Metadata":{"signature":"ab"},"ETag":"x"}', {"signature": "ab"}),
        (b'{"signature":"ab","Signature-Algorithm":"x"}', {"signature": "ab", "signature-algorithm": "x"}),
        (b'{"Metadata":{"signature":1,"x":null,"y":"z"}}', {"y": "z"}),
        (b'{"Metadata":[]}', {}),
        (b'{"Metadata":null}', {}),
        (b"[]", {}),
        (b"null", {}),
        (b"", {}),
        (b"\xff", {}),
        (b"[" * 100_000, {}),
        (None, {}),
    ],
    ids=["head", "bare", "types", "list", "null", "array", "none", "empty", "no text", "deep", "not there"],
)
def test_whatever_lies_beside_a_digest_gives_its_metadata_or_none(
    folder: Path, beside: bytes | None, metadata: dict[str, str]
) -> None:
    path = folder / f"{DIGEST}{BESIDE}"
    path.unlink() if beside is None else path.write_bytes(beside)
    assert Mirror(folder, bucket="trail").fetch(digest(), limit=100).metadata == metadata


def test_logs_have_no_metadata(folder: Path) -> None:
    (folder / f"x/y.json{BESIDE}").write_bytes(orjson.dumps({"signature": "ab"}))
    assert Mirror(folder, bucket="trail").fetch(LogObject("trail", "x/y.json"), limit=9).metadata == {}


def test_what_lies_beside_an_object_is_not_listed_but_an_object_that_is_only_called_so_is(folder: Path) -> None:
    (folder / f"x/evil.json{BESIDE}").write_bytes(b"a log in disguise")
    keys = [it.key for it in Mirror(folder, bucket="trail").objects("trail", "")]
    assert keys == [DIGEST, f"x/evil.json{BESIDE}", "x/y.json"]


def test_what_is_no_file_or_leads_nowhere_is_not_listed(folder: Path) -> None:
    os.mkfifo(folder / "x/pipe.json")
    (folder / "x/dangling.json").symlink_to(folder / "nothing")
    assert [it.key for it in Mirror(folder, bucket="trail").objects("trail", "x/")] == ["x/y.json"]


def test_a_folder_that_may_not_be_read_does_not_count_as_empty(folder: Path) -> None:
    """As root everything may be read; a link that leads to itself may be read by nobody."""
    mirror = Mirror(folder, bucket="trail")
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(ConfigurationError, match=os.strerror(errno.ELOOP)):
        list(mirror.objects("trail", "loop/"))
    with pytest.raises(ConfigurationError, match=os.strerror(errno.ELOOP)):
        mirror.folders("trail", "loop/")
    with pytest.raises(ConfigurationError, match=os.strerror(errno.ENAMETOOLONG)):
        list(mirror.objects("trail", "e" * 5000 + "/"))


def test_nothing_there_is_an_empty_listing(folder: Path) -> None:
    mirror = Mirror(folder, bucket="trail")
    assert list(mirror.objects("trail", "nothing/")) == []
    assert mirror.folders("trail", "nothing/") == []
    assert mirror.folders("trail", "x/y.json/") == []
    assert list(mirror.objects("trail", "x/y.json/")) == []


def test_a_name_that_is_no_text_is_listed_and_read(folder: Path) -> None:
    (folder / os.fsdecode(b"x/\xff.json")).write_bytes(b"odd")
    mirror = Mirror(folder, bucket="trail")
    listed = [it.key for it in mirror.objects("trail", "x/")]
    assert listed == ["x/y.json", "x/\udcff.json"]
    assert mirror.fetch(LogObject("trail", listed[1]), limit=9).body == b"odd"


def test_the_time_of_an_object_is_that_of_its_file(folder: Path) -> None:
    os.utime(folder / "x/y.json", (1_000_000_000, 1_000_000_000))
    [listed] = Mirror(folder, bucket="trail").objects("trail", "x/")
    assert listed.modified == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
