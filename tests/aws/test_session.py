import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloudtrail_processing.aws.session import (
    AwsOptions,
    Credentials,
    boto3_session,
    queue_region,
    s3_client,
    sqs_client,
)
from cloudtrail_processing.ports import LONGEST_POLL

KEYS = Credentials("AKIAEXAMPLE", "very-secret", "token-secret")


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/trail", "eu-west-1"),
        ("https://sqs.us-gov-west-1.amazonaws.com/123456789012/trail.fifo", "us-gov-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/trail", "cn-north-1"),
        ("https://sqs-fips.us-east-2.amazonaws.com/123456789012/trail", "us-east-2"),
        ("https://sqs.ap-southeast-4.api.aws/123456789012/trail", "ap-southeast-4"),
        ("https://vpce-0ab-us-east-1a.sqs.us-east-1.vpce.amazonaws.com/123456789012/trail", "us-east-1"),
        ("https://eu-west-1.queue.amazonaws.com/123456789012/trail", "eu-west-1"),
        ("https://queue.amazonaws.com/123456789012/trail", "us-east-1"),
        ("http://127.0.0.1:5000/123456789012/trail", None),
        ("trail", None),
    ],
)
def test_the_region_is_read_from_the_queue_url(url: str, region: str | None) -> None:
    assert queue_region(url) == region


def _sqs(url: str, options: AwsOptions) -> tuple[str, str, float]:
    async def ask() -> tuple[str, str, float]:
        async with sqs_client(url, options) as client:
            return client.meta.endpoint_url, client.meta.region_name, client.meta.config.read_timeout  # type: ignore[attr-defined]

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("url", "options", "endpoint", "region"),
    [
        (
            "https://sqs.eu-west-1.amazonaws.com/1/q",
            AwsOptions(region="us-east-1"),
            "https://sqs.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
        (
            "https://vpce-1.sqs.us-east-1.vpce.amazonaws.com/1/q",
            AwsOptions(),
            "https://vpce-1.sqs.us-east-1.vpce.amazonaws.com",
            "us-east-1",
        ),
        ("http://127.0.0.1:5000/1/q", AwsOptions(region="eu-west-3"), "http://127.0.0.1:5000", "eu-west-3"),
        (
            "https://sqs.eu-west-1.amazonaws.com/1/q",
            AwsOptions(endpoint_url="http://127.0.0.1:9"),
            "http://127.0.0.1:9",
            "eu-west-1",
        ),
    ],
)
def test_the_queue_is_asked_where_its_url_says(url: str, options: AwsOptions, endpoint: str, region: str) -> None:
    assert _sqs(url, options)[:2] == (endpoint, region)


@pytest.mark.parametrize("read_timeout", [1, 10, 60])
def test_w4_the_read_timeout_is_above_the_longest_poll(read_timeout: float) -> None:
    options = AwsOptions(region="eu-west-1", read_timeout=read_timeout)
    assert _sqs("https://sqs.eu-west-1.amazonaws.com/1/q", options)[2] >= max(LONGEST_POLL + 10, read_timeout)


def test_an_s3_endpoint_goes_before_the_general_one() -> None:
    options = AwsOptions(
        region="eu-west-1", endpoint_url="http://127.0.0.1:1", s3_endpoint_url="http://127.0.0.1:2", credentials=KEYS
    )
    client = s3_client(boto3_session(options), options)
    assert client.meta.endpoint_url == "http://127.0.0.1:2"
    client.close()


def test_credentials_given_outright_replace_the_chain_and_never_show() -> None:
    options = AwsOptions(region="eu-west-1", credentials=KEYS)
    found = boto3_session(options).get_credentials()
    assert found is not None
    assert (found.access_key, found.secret_key, found.token) == ("AKIAEXAMPLE", "very-secret", "token-secret")
    assert "secret" not in repr(options) + repr(KEYS)


def test_credentials_come_from_boto3s_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    found = boto3_session(AwsOptions()).get_credentials()
    assert found is not None
    assert found.access_key == "from-environment"


def test_sessions_share_what_botocore_has_read_of_services(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def loader() -> Any:
        session: Any = boto3_session(AwsOptions(region="eu-west-1"))
        return session._session.get_component("data_loader")

    shared = loader()
    paths = list(shared.search_paths)
    assert loader() is shared
    assert shared.search_paths == paths, "it does not grow by a folder for each session"
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    assert str(tmp_path) in loader().search_paths
    assert str(tmp_path) not in shared.search_paths


@pytest.mark.parametrize(
    "written",
    ["2026-01-31T23:59:58.000Z", "2026-01-31T23:59:58Z", "Sat, 31 Jan 2026 23:59:58 GMT", "1769903998", 1769903998],
)
def test_times_in_answers_are_read_however_aws_writes_them(written: object) -> None:
    session: Any = boto3_session(AwsOptions(region="eu-west-1"))
    core = session.client("s3").meta.service_model
    members = core.operation_model("ListObjectsV2").output_shape
    parser = session._session.get_component("response_parser_factory").create_parser("rest-xml")
    body = f"<ListBucketResult><Contents><LastModified>{written}</LastModified></Contents></ListBucketResult>"
    answer = parser.parse({"status_code": 200, "headers": {}, "body": body.encode()}, members)
    assert answer["Contents"][0]["LastModified"] == datetime(2026, 1, 31, 23, 59, 58, tzinfo=UTC)
