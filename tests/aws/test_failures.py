"""Foreign exceptions become ours by one table; nothing foreign and nothing secret escapes."""

import asyncio

import aiohttp
import botocore.exceptions as boto
import pytest

from cloudtrail_processing.aws.failures import code_of, failure, is_wrong_region, mapped, redacted
from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    CredentialsError,
    LogGone,
    TransientError,
)


def _client_error(code: str, message: str = "said AWS", *, operation: str = "GetObject") -> boto.ClientError:
    return boto.ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize(
    ("code", "expected", "advice"),
    [
        ("AccessDenied", ConfigurationError, "kms:Decrypt"),
        ("AWS.SimpleQueueService.NonExistentQueue", ConfigurationError, "check the name"),
        ("ExpiredToken", CredentialsError, "credentials"),
        ("InvalidClientTokenId", CredentialsError, "credentials"),
        ("InvalidObjectState", ConfigurationError, "archived"),
        ("KMS.DisabledException", ConfigurationError, "KMS key"),
        ("KmsThrottled", TransientError, "later"),
        ("NoSuchBucket", ConfigurationError, "check the name"),
        ("NoSuchKey", LogGone, "not there"),
        ("NoSuchVersion", LogGone, "not there"),
        ("PermanentRedirect", ConfigurationError, "region"),
        ("QueueDoesNotExist", ConfigurationError, "check the name"),
        ("RequestTimeTooSkewed", CredentialsError, "clock"),
        ("RequestThrottled", TransientError, "later"),
        ("ServiceUnavailable", TransientError, "later"),
        ("SlowDown", TransientError, "later"),
        ("a code of next year", TransientError, "later"),
    ],
)
def test_an_error_code_decides_the_class_and_the_advice(
    code: str, expected: type[CloudTrailProcessingError], advice: str
) -> None:
    ours = failure(_client_error(code), "receiving from queue Q")
    assert type(ours) is expected
    assert str(ours).startswith(f"receiving from queue Q failed: {code} (said AWS); ")
    assert advice in str(ours)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (boto.NoCredentialsError(), CredentialsError),
        (boto.CredentialRetrievalError(provider="sso", error_msg="expired"), CredentialsError),
        (boto.ProfileNotFound(profile="nobody"), CredentialsError),
        (boto.UnauthorizedSSOTokenError(), CredentialsError),
        (boto.NoRegionError(), ConfigurationError),
        (boto.ParamValidationError(report="QueueUrl"), ConfigurationError),
        (boto.EndpointConnectionError(endpoint_url="https://sqs"), TransientError),
        (boto.ReadTimeoutError(endpoint_url="https://sqs"), TransientError),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), TransientError),
        (aiohttp.ServerDisconnectedError(), TransientError),
        (TimeoutError(), TransientError),
        (ConnectionResetError(104, "reset by peer"), TransientError),
        (KeyError("surprise"), TransientError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_w5_an_error_without_a_code_is_mapped_by_its_class_and_never_escapes(
    error: Exception, expected: type[CloudTrailProcessingError]
) -> None:
    with pytest.raises(expected, match=f"asking failed: {type(error).__name__}") as caught, mapped("asking"):
        raise error
    assert type(caught.value) is expected
    assert caught.value.__cause__ is error


def test_our_own_errors_pass_unchanged() -> None:
    mine = LogGone("mine")
    with pytest.raises(LogGone) as caught, mapped("reading"):
        raise mine
    assert caught.value is mine


def test_cancellation_passes_unchanged() -> None:
    async def case() -> None:
        with mapped("receiving"):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(case())


def test_receipts_and_tokens_are_left_out_of_texts() -> None:
    receipt = "AQEB" + "x" * 300
    text = str(failure(_client_error("Odd", f"Value {receipt} for parameter\nReceiptHandle is invalid"), "deleting"))
    assert receipt not in text
    assert "Value … for parameter ReceiptHandle is invalid" in text
    assert len(redacted("word " * 500)) == 300


def test_a_wrong_region_is_told_from_other_errors() -> None:
    assert is_wrong_region(_client_error("AuthorizationHeaderMalformed"))
    assert is_wrong_region(_client_error("301"))
    assert not is_wrong_region(_client_error("AccessDenied"))
    assert code_of(ValueError("no answer at all")) == ""
