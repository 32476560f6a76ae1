"""``S3Quarantine`` where a bucket differs from a folder."""

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudtrail_processing.aws.quarantine import S3Quarantine
from cloudtrail_processing.aws.session import AwsOptions, Credentials
from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    LogGone,
    SettingsError,
    TransientError,
)
from cloudtrail_processing.flow import RejectedRecord
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.testing import EmbeddedAws

BAD = RejectedRecord(log_object("trail", "../a.json.gz"), 3, b"[]", "no object")


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as running:
        yield running


@pytest.fixture
def bucket(aws: EmbeddedAws) -> str:
    name = f"quarantine-{uuid.uuid4()}"
    aws.create_bucket(name)
    return name


@pytest.mark.parametrize("uri", ["", "bucket", "s3://", "s3:///prefix", "https://bucket/prefix"])
def test_what_names_no_bucket_is_refused_at_once(uri: str) -> None:
    with pytest.raises(SettingsError, match="names no bucket"):
        S3Quarantine(uri)


@pytest.mark.parametrize("prefix", ["", "/", "/bad", "/bad/", "/bad/records//"])
def test_any_prefix_is_a_folder_and_what_lies_beside_or_below_is_not_listed(
    aws: EmbeddedAws, bucket: str, prefix: str
) -> None:
    quarantine = S3Quarantine(f"s3://{bucket}{prefix}", aws.options)
    quarantine.keep([BAD])
    [entry] = quarantine.entries()
    assert entry.record == BAD
    key = entry.place.removeprefix(f"s3://{bucket}/")
    assert aws.s3.head_object(Bucket=bucket, Key=key)["ContentType"] == "application/x-ndjson"
    folder = key.rpartition("/")[0]
    for other in (f"{folder}-other/a.jsonl", f"{folder}/below/a.jsonl".lstrip("/"), f"{folder}/a.txt".lstrip("/")):
        aws.s3.put_object(Bucket=bucket, Key=other, Body=b"{}")
    assert len(list(quarantine.entries())) == 1
    quarantine.close()
    quarantine.remove([entry])
    quarantine.close()
    assert aws.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 3


def test_a_bucket_that_is_missing_is_a_configuration_error_and_never_a_log_that_is_gone(aws: EmbeddedAws) -> None:
    quarantine = S3Quarantine("s3://no-such-bucket/bad", aws.options)
    with pytest.raises(ConfigurationError, match="no-such-bucket"):
        quarantine.keep([BAD])
    with pytest.raises(CloudTrailProcessingError, match="no-such-bucket") as raised:
        list(quarantine.entries())
    assert not isinstance(raised.value, LogGone)
    quarantine.close()


def test_a_service_that_cannot_be_reached_is_a_transient_error() -> None:
    options = AwsOptions(
        region="us-east-1", endpoint_url="http://127.0.0.1:1", connect_timeout=1, credentials=Credentials("a", "b")
    )
    quarantine = S3Quarantine("s3://bucket/bad", options)
    with pytest.raises(TransientError, match="writing quarantine s3://bucket/bad/log-"):
        quarantine.keep([BAD])
    quarantine.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(), key=st.text())
def test_any_bytes_of_any_key_come_back(aws: EmbeddedAws, bucket: str, raw: bytes, key: str) -> None:
    quarantine = S3Quarantine(f"s3://{bucket}/any", aws.options)
    record = RejectedRecord(log_object("trail", key), 0, raw, "bad")
    quarantine.keep([record])
    entries = list(quarantine.entries())
    quarantine.remove(entries)
    quarantine.close()
    assert [entry.record for entry in entries] == [record]
