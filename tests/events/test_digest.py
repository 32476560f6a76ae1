import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloudtrail_processing.events import DigestFile

DIGEST: dict[str, Any] = {
    "awsAccountId": "111122223333",
    "digestStartTime": "2026-09-22T14:29:23Z",
    "digestEndTime": "2026-09-22T15:29:23Z",
    "digestS3Bucket": "bucket",
    "digestS3Object": "AWSLogs/111122223333/CloudTrail-Digest/d.json.gz",
    "digestPublicKeyFingerprint": "28f6b7a258b62ece75008b18eaffc92b",
    "digestSignatureAlgorithm": "SHA256withRSA",
    "newestEventTime": "2026-09-22T15:00:00Z",
    "oldestEventTime": "2026-09-22T14:00:00Z",
    "previousDigestS3Bucket": None,
    "previousDigestS3Object": None,
    "previousDigestHashValue": None,
    "previousDigestHashAlgorithm": None,
    "previousDigestSignature": None,
    "logFiles": [
        {
            "s3Bucket": "bucket",
            "s3Object": "AWSLogs/111122223333/CloudTrail/l.json.gz",
            "hashValue": "ab" * 32,
            "hashAlgorithm": "SHA-256",
            "newestEventTime": "2026-09-22T15:00:00Z",
            "oldestEventTime": "2026-09-22T14:00:00Z",
        }
    ],
    "brandNew": 1,
}


def read(**changes: Any) -> DigestFile:
    return DigestFile.from_json(json.dumps({**DIGEST, **changes}))


def test_a_digest_has_every_documented_member_and_keeps_unknown_ones() -> None:
    digest = read()
    assert digest.model_dump(by_alias=True) == DIGEST
    assert digest.model_extra == {"brandNew": 1}


def test_times_are_parsed_beside_the_text_that_is_signed() -> None:
    digest = read()
    assert digest.digest_end_time == "2026-09-22T15:29:23Z"
    assert digest.start == datetime(2026, 9, 22, 14, 29, 23, tzinfo=UTC)
    assert digest.end == datetime(2026, 9, 22, 15, 29, 23, tzinfo=UTC)
    assert digest.oldest_event == digest.log_files[0].oldest_event == datetime(2026, 9, 22, 14, tzinfo=UTC)
    assert digest.newest_event == digest.log_files[0].newest_event == datetime(2026, 9, 22, 15, tzinfo=UTC)


def test_an_hour_without_logs_has_none() -> None:
    digest = read(logFiles=[], newestEventTime=None, oldestEventTime=None)
    assert (digest.log_files, digest.newest_event, digest.oldest_event) == ([], None, None)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"digestEndTime": None}, "digestEndTime"),
        ({"digestS3Bucket": 7}, "digestS3Bucket"),
        ({"previousDigestSignature": ["s3cr3t"]}, "previousDigestSignature"),
        ({"logFiles": [{"s3Bucket": "s3cr3t", "s3Object": "b"}]}, r"logFiles\.0\.hashValue"),
    ],
)
def test_a_digest_with_a_member_of_another_type_is_refused(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(ValueError, match=place) as caught:
        read(**changes)
    assert "s3cr3t" not in repr(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", ["digestEndTime", "digestS3Object", "previousDigestSignature"])
def test_a_digest_that_lacks_a_member_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        DigestFile.from_json(json.dumps({key: value for key, value in DIGEST.items() if key != name}))


@pytest.mark.parametrize("data", [b"[]", b"", b"{"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="JSON object"):
        DigestFile.from_json(data)


def test_real_and_documented_digests_load(corpora: Path) -> None:
    native = json.loads((corpora / "native-digests" / "digest_starting.json").read_bytes())["document"]
    documented = json.loads((corpora / "aws-docs-examples" / "digests-2023.json").read_bytes())
    for document in (native, *documented):
        digest = DigestFile.from_json(json.dumps(document))
        assert digest.model_dump(by_alias=True) == document
