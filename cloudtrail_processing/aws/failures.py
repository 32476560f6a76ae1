"""Foreign exceptions become ours here, and nowhere else.

One table, by error code; what it does not know is a ``TransientError``: the message is kept and tried again.
"""

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import botocore.exceptions as boto

from cloudtrail_processing.errors import CloudTrailProcessingError, ConfigurationError, LogGone, TransientError


@dataclass(frozen=True, slots=True)
class _Rule:
    error: type[CloudTrailProcessingError]
    advice: str


_LATER = _Rule(TransientError, "it is tried again later")
_GONE = _Rule(LogGone, "the object is not there: not yet, deleted, or another version of it was meant")
_DENIED = _Rule(
    ConfigurationError,
    "allow it in the policies (s3:GetObject, kms:Decrypt on the bucket's key; sqs:ReceiveMessage, DeleteMessage, "
    "ChangeMessageVisibility, GetQueueAttributes); without s3:ListBucket a missing object looks like this too, "
    "and so does a requester-pays bucket without request_payer",
)
_CREDENTIALS = _Rule(ConfigurationError, "renew or correct the AWS credentials, profile or role in use")
_CLOCK = _Rule(ConfigurationError, "set this machine's clock")
_KMS = _Rule(ConfigurationError, "enable the KMS key, or allow kms:Decrypt on it")
_REGION = _Rule(ConfigurationError, "set the region in which the bucket or queue lies")
_NAME = _Rule(ConfigurationError, "check the name, the account and the region of the bucket or queue")
_ARCHIVED = _Rule(ConfigurationError, "the object is archived: restore it to a readable storage class")

_CODES: Mapping[_Rule, str] = {
    _LATER: "KmsThrottled KMS.ThrottlingException",
    _GONE: "NoSuchKey NoSuchVersion MethodNotAllowed 404",
    _DENIED: "AccessDenied AccessDeniedException AllAccessDisabled AccountProblem AuthorizationError 403",
    _CREDENTIALS: "ExpiredToken ExpiredTokenException TokenRefreshRequired InvalidToken InvalidAccessKeyId AuthFailure "
    "InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch InvalidSignatureException InvalidSecurity "
    "IncompleteSignature MissingAuthenticationToken NotSignedUp OptInRequired 401",
    _CLOCK: "RequestTimeTooSkewed RequestExpired",
    _KMS: "KmsAccessDenied KmsDisabled KmsInvalidKeyUsage KmsInvalidState KmsNotFound KmsOptInRequired "
    "KMS.DisabledException KMS.InvalidStateException KMS.KMSInvalidStateException KMS.NotFoundException",
    _REGION: "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException 301",
    _NAME: "NoSuchBucket InvalidBucketName QueueDoesNotExist QueueDeletedRecently InvalidAddress "
    "AWS.SimpleQueueService.NonExistentQueue AWS.SimpleQueueService.QueueDeletedRecently",
    _ARCHIVED: "InvalidObjectState",
}
_BY_CODE: Mapping[str, _Rule] = {code: rule for rule, codes in _CODES.items() for code in codes.split()}

_BY_TYPE: tuple[tuple[tuple[type[BaseException], ...], _Rule], ...] = (
    ((boto.NoRegionError, boto.InvalidRegionError), _REGION),
    ((boto.ParamValidationError, boto.EndpointProviderError, boto.InvalidEndpointConfigurationError), _NAME),
    (
        (
            boto.NoCredentialsError,
            boto.PartialCredentialsError,
            boto.CredentialRetrievalError,
            boto.NoAuthTokenError,
            boto.TokenRetrievalError,
            boto.SSOError,
            boto.ProfileNotFound,
            boto.ConfigParseError,
            boto.ConfigNotFound,
            boto.InfiniteLoopConfigError,
            boto.RefreshWithMFAUnsupportedError,
        ),
        _CREDENTIALS,
    ),
)
_WRONG_REGION = frozenset(_CODES[_REGION].split())
_OPAQUE = re.compile(r"\S{80,}")  # receipts and tokens; a key or an ARN this long loses little


def code_of(error: BaseException) -> str:
    """The service's error code, else the HTTP status as text, else ``""`` when there was no answer.

    obstore has no field for it: it quotes S3's answer (an XML document) in its text.
    """
    if isinstance(error, boto.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    text = str(error)
    if found := re.search(r"<Code>([^<]{1,100})</Code>", text) or re.search(r"status code: (\d{3})", text):
        return found[1]
    return "PermanentRedirect" if "redirect without LOCATION" in text else ""


def is_wrong_region(error: BaseException) -> bool:
    """True when S3 says that the bucket lies in another region than the one that was asked."""
    return code_of(error) in _WRONG_REGION


def failure(error: BaseException, what: str) -> CloudTrailProcessingError:
    """Our error for a foreign one: ``what`` failed, why, and what to do. Without secrets, receipts or bodies."""
    code = code_of(error)
    rule = _rule(error, code)
    why = " ".join(filter(None, (code or type(error).__name__, _said(error))))
    return rule.error(f"{what} failed: {why}; {rule.advice}")


@contextmanager
def mapped(what: str) -> Iterator[None]:
    """Inside it foreign exceptions become ours, with ``what`` in their text; ours pass. For sync and async code."""
    try:
        yield
    except CloudTrailProcessingError:
        raise
    except Exception as error:
        raise failure(error, what) from error


def redacted(text: str) -> str:
    """The text on one line, at most 300 characters, long opaque words (receipts, tokens) left out."""
    return _OPAQUE.sub("…", " ".join(text.split()))[:300]


def _rule(error: BaseException, code: str) -> _Rule:
    if code in _BY_CODE:
        return _BY_CODE[code]
    for types, rule in _BY_TYPE:
        if isinstance(error, types):
            return rule
    # obstore's classes, by name: FileNotFoundError is a builtin, and these carry no code when there was no answer.
    by_name = {"FileNotFoundError": _GONE, "PermissionDeniedError": _DENIED, "UnauthenticatedError": _CREDENTIALS}
    return by_name.get(type(error).__name__, _LATER)


def _said(error: BaseException) -> str:
    """What the service said, in brackets: AccessDenied names the missing permission there."""
    if isinstance(error, boto.ClientError):
        text = str(error.response.get("Error", {}).get("Message", ""))
    elif found := re.search(r"<Message>([^<]*)</Message>", str(error)):
        text = html.unescape(found[1])
    else:
        text = str(error).partition("\n")[0]  # obstore appends its debug form after a blank line
    return f"({redacted(text)})" if text else ""
