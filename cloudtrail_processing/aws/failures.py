"""Foreign exceptions become ours here, and nowhere else.

One table, by name; what it does not know is a ``TransientError``: the message is kept and tried again.
"""

import errno
import html
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    CredentialsError,
    LogGone,
    TransientError,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError


@dataclass(frozen=True, slots=True)
class _Rule:
    error: type[CloudTrailProcessingError]
    advice: str


_LATER = _Rule(TransientError, "it is tried again later")
_ODD = _Rule(
    TransientError,
    "it is tried again later; if that never helps, look at the request: the key, version or value it names",
)
_GONE = _Rule(LogGone, "the object is not there: not yet, deleted, or another version of it was meant")
_DENIED = _Rule(
    ConfigurationError,
    "allow it in the policies (s3:GetObject, kms:Decrypt on the bucket's key; sqs:ReceiveMessage, DeleteMessage, "
    "ChangeMessageVisibility, GetQueueAttributes; what a checkpoint, a quarantine or a dead-letter queue needs; to "
    "validate s3:ListBucket, cloudtrail:GetTrail, GetTrailStatus, ListPublicKeys); "
    "without s3:ListBucket a missing object looks like this too, and a requester-pays bucket without request_payer",
)
_CREDENTIALS = _Rule(CredentialsError, "renew or correct the AWS credentials, profile or role in use")
_CLOCK = _Rule(CredentialsError, "set this machine's clock")
_KMS = _Rule(ConfigurationError, "enable the KMS key, or allow kms:Decrypt on it")
_REGION = _Rule(ConfigurationError, "set the region in which the bucket, queue or table lies")
_NAME = _Rule(ConfigurationError, "check the name, the account and the region of the bucket, queue, table or trail")
_TABLE = _Rule(
    ConfigurationError, "check that the table has the keys that a checkpoint needs, or let it be created anew"
)
_ARCHIVED = _Rule(ConfigurationError, "the object is archived: restore it to a readable storage class")
_SETUP = _Rule(
    ConfigurationError, "correct the AWS settings (arguments, environment, ~/.aws/config) or the installation"
)
_TLS = _Rule(ConfigurationError, "check the CA bundle (AWS_CA_BUNDLE), the proxy, and this machine's clock")
_DISK = _Rule(ConfigurationError, "make room on the disk, or make it writable")
_HANDLES = _Rule(ConfigurationError, "raise the limit of open files (ulimit -n), or use fewer threads")
_LOCAL = _Rule(ConfigurationError, "check that the local file or address exists and may be used by this process")

_RULES: Mapping[_Rule, str] = {
    _LATER: """
        500 502 503 504 507 509 429 408 409 412 421 423 425 InternalError InternalFailure InternalServerError
        InternalServiceError ServiceUnavailable ServiceUnavailableException ServiceFailure Unavailable SlowDown Busy
        BandwidthLimitExceeded RequestTimeout RequestTimeoutException OperationAborted ConditionalRequestConflict
        PreconditionFailed IncompleteBody BadDigest XAmzContentSHA256Mismatch Throttling ThrottlingException
        ThrottledException TooManyRequests TooManyRequestsException RequestThrottled RequestThrottledException
        RequestLimitExceeded ProvisionedThroughputExceededException ProvisionedThroughputExceeded
        LimitExceededException PriorRequestNotComplete TransactionInProgressException OverLimit KmsThrottled
        PurgeQueueInProgress QueueDeletedRecently ConditionalCheckFailedException TransactionConflictException
        TransactionCanceledException TransactionConflict ReplicatedWriteConflictException ResourceInUseException
        TableInUseException ConflictException KMSInternalException DependencyTimeoutException KeyUnavailableException
        XksProxyUriUnreachableException XksProxyInvalidResponseException IDPCommunicationError
        IDPCommunicationErrorException ConnectionError HTTPClientError IncompleteReadError ChecksumError
        FlexibleChecksumError AwsChunkedWrapperError UnseekableStreamError EndpointDiscoveryException PaginationError
        WaiterError CapacityNotAvailableError StubResponseError EventStreamError BotoCoreError Boto3Error ClientError
        AlreadyExistsError NotModifiedError PreconditionError JoinError GenericError BaseError HTTPError HTTPException
        TimeoutError OSError EOFError ValueError LookupError Exception ECONNRESET ECONNREFUSED ECONNABORTED ETIMEDOUT
        EPIPE ENETUNREACH ENETDOWN EHOSTUNREACH EHOSTDOWN EADDRNOTAVAIL EAGAIN EINTR EIO ENOMEM ENOBUFS
    """,
    _ODD: """
        400 411 413 414 416 InvalidArgument InvalidRequest InvalidURI InvalidRange InvalidPart InvalidPrefix
        InvalidDigest MalformedXML MissingContentLength InvalidParameterValue InvalidParameterCombination
        InvalidParameter MissingParameter MalformedQueryString MissingAction InvalidQueryParameter
        ReceiptHandleIsInvalid MessageNotInflight InvalidIdFormat InvalidMessageContents InvalidBatchEntryId
        BatchEntryIdsNotDistinct BatchRequestTooLong EmptyBatchRequest TooManyEntriesInBatchRequest
        InvalidAttributeName InvalidAttributeValue EntityTooLarge EntityTooSmall IdempotentParameterMismatchException
        IdempotencyParameterMismatch DuplicateItemException SerializationException InvalidPathError TooManyParts
        InvalidWriteOffset UnsupportedMediaType
    """,
    _GONE: "NoSuchKey NoSuchVersion MethodNotAllowed KeyTooLongError 404 405 NotFoundError FileNotFoundError",
    _DENIED: """
        403 AccessDenied AccessDeniedException AllAccessDisabled AccountProblem AuthorizationError
        AuthorizationErrorException UnauthorizedAccess UnauthorizedOperation InvalidPayer NotDeviceOwnerError
        PermissionDeniedError PermissionError
    """,
    _CREDENTIALS: """
        401 ExpiredToken ExpiredTokenException TokenRefreshRequired InvalidToken InvalidAccessKeyId AuthFailure
        InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch InvalidSignatureException
        InvalidSecurity IncompleteSignature IncompleteSignatureException MissingAuthenticationToken
        MissingAuthenticationTokenException MissingSecurityHeader MissingSecurityElement NotSignedUp OptInRequired
        CredentialsNotSupported ExpiredTradeInTokenException IDPRejectedClaim IDPRejectedClaimException
        InvalidIdentityToken InvalidIdentityTokenException UnauthorizedException InvalidGrantException
        NoCredentialsError PartialCredentialsError CredentialRetrievalError UnknownCredentialError NoAuthTokenError
        TokenRetrievalError UnknownTokenProviderError SSOError LoginError MetadataRetrievalError
        RefreshWithMFAUnsupportedError ProfileNotFound ConfigParseError ConfigNotFound InvalidConfigError
        UnauthenticatedError
    """,
    _CLOCK: "RequestTimeTooSkewed RequestExpired RequestInTheFuture",
    _KMS: """
        Disabled NotFound InvalidArn InvalidCiphertext KmsAccessDenied KmsDisabled KmsInvalidKeyUsage KmsInvalidState
        KmsNotFound KmsOptInRequired DisabledException InvalidStateException KMSInvalidStateException
        NotFoundException InvalidKeyUsageException InvalidArnException InvalidCiphertextException
        IncorrectKeyException InvalidGrantTokenException UnsupportedOperationException
        CloudHsmClusterNotActiveException CloudHsmClusterInvalidConfigurationException
        CloudHsmClusterNotFoundException CustomKeyStoreInvalidStateException CustomKeyStoreNotFoundException
        XksKeyInvalidConfigurationException XksKeyNotFoundException XksProxyIncorrectAuthenticationCredentialException
        XksProxyInvalidConfigurationException XksProxyVpcEndpointServiceInvalidConfigurationException
        XksProxyVpcEndpointServiceNotFoundException KMSInvalidMacException KMSInvalidSignatureException
    """,
    _REGION: """
        301 302 307 308 PermanentRedirect TemporaryRedirect Redirect AuthorizationHeaderMalformed
        IllegalLocationConstraintException InvalidRegionName RegionDisabledException BaseEndpointResolverError
        NoRegionError InvalidRegionError UnknownRegionError ServiceNotInRegionError EndpointProviderError
    """,
    _NAME: """
        NoSuchBucket InvalidBucketName InvalidBucketOwnerAWSAccountID QueueDoesNotExist NonExistentQueue
        InvalidAddress ResourceNotFoundException TableNotFoundException IndexNotFoundException ParamValidationError
        ValidationError InvalidHostLabelError InvalidDNSNameError UnsupportedS3ArnError UnsupportedS3ControlArnError
        UnsupportedOutpostResourceError InvalidEndpointConfigurationError InvalidURL LocationValueError
        TrailNotFoundException InvalidTrailNameException CloudTrailARNInvalidException
    """,
    _TABLE: "ValidationException ItemCollectionSizeLimitExceededException",
    _ARCHIVED: "InvalidObjectState ObjectNotInActiveTierError",
    _SETUP: """
        501 NotImplemented UnsupportedOperation InvalidAction UnknownOperationException InvalidVersion NoSuchOperation
        DataNotFoundError ApiVersionNotFoundError InvalidChecksumConfigError InvalidDefaultsMode
        InvalidEndpointDiscoveryConfigurationError InvalidExpressionError InvalidIMDSEndpointError
        InvalidIMDSEndpointModeError InvalidProxiesConfigError InvalidRetryConfigurationError
        InvalidS3AddressingStyleError InvalidS3UsEast1RegionalEndpointConfigError
        InvalidSTSRegionalEndpointsConfigError MD5UnavailableError MissingDependencyException MissingParametersError
        OperationNotPageableError UnknownClientMethodError UnknownServiceStyle UnknownSignatureVersionError
        UnsupportedS3AccesspointConfigurationError UnsupportedS3ConfigurationError
        UnsupportedS3ControlConfigurationError UnsupportedServiceProtocolsError UnsupportedSignatureVersionError
        WaiterConfigError MissingServiceIdError UndefinedModelAttributeError ResourceLoadException NoVersionFound
        ResourceNotExistsError UnknownAPIVersionError InvalidCrtTransferConfigError NotSupportedError
        UnknownConfigurationKeyError ProxySchemeUnknown ProxySchemeUnsupported URLSchemeUnknown NonHttpUrlClientError
        ImportError
    """,
    _TLS: "ClientConnectorCertificateError SSLCertVerificationError ServerFingerprintMismatch",
    _DISK: "ENOSPC EDQUOT EROFS",
    _HANDLES: "EMFILE ENFILE",
    _LOCAL: "EACCES EPERM ENOENT ENOTDIR EISDIR",
}
"""What each error is: service codes, HTTP statuses, names of classes and of operating system errors, all in one.

A class stands for those derived from it that have no place of their own. Codes are without their service's prefix.
Sources: the error lists of S3 (API/ErrorResponses.html), SQS (CommonErrors.html), KMS, STS and DynamoDB
(Programming.Errors.html) in the AWS documentation, and botocore's service models.
"""
_BY_NAME: Mapping[str, _Rule] = {name: rule for rule, names in _RULES.items() for name in names.split()}
_BY_TEXT = (
    (re.compile(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|invalid peer certificate"), _TLS),
    (re.compile(r"^Invalid endpoint: "), _SETUP),  # botocore's, as a bare ValueError
)
_READING = frozenset({"GetObject", "HeadObject"})
_SIGNING_IN = re.compile(r"^(AssumeRole|GetSessionToken|GetRoleCredentials|CreateToken|GetFederationToken)")
_PROVIDER = re.compile(r"External AWS credential provider: (\w+)(?:: An error occurred \(([\w.]+)\))?")
_OS_ERROR = re.compile(r"(?:\(os error |\[Errno |Os \{\s*code: )(\d+)")
_WRONG_REGION = frozenset(_RULES[_REGION].split())
_OPAQUE = re.compile(r"\S{80,}")  # receipts and tokens; a key or an ARN this long loses little


def code_of(error: BaseException) -> str:
    """The service's error code, else the HTTP status as text, else ``""`` when there was no answer.

    obstore has no field for it: it quotes S3's answer (an XML document) in its text.
    """
    if answered := _answered(error):
        return str(answered.response.get("Error", {}).get("Code", ""))
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
    except Exception as error:  # noqa: BLE001 - it is raised again, as ours
        raise failure(error, what) from _discreet(error)


def _discreet(error: Exception) -> Exception:
    """The error as a cause, which a traceback shows: without S3's answer, which quotes session tokens back at us.

    obstore puts the whole document into its text; ours has already taken what matters from it.
    """
    said, document, _ = str(error).partition("<")
    if not document or not type(error).__module__.startswith("obstore"):
        return error
    return type(error)(f"{said.strip()} (the answer is left out)").with_traceback(error.__traceback__)


def redacted(text: str) -> str:
    """The text on one line, at most 300 characters, long opaque words (receipts, tokens) left out."""
    return _OPAQUE.sub("…", " ".join(text.split()))[:300]


def _rule(error: BaseException, code: str) -> _Rule:
    rule = _in_context(error, _first(_names(error, code)))
    cause = _wrapped(error)
    if rule is _LATER and cause is not None:
        return _rule(cause, code_of(cause))  # a connection that failed for want of a file handle, or of a certificate
    return rule


def _first(names: Iterator[str]) -> _Rule:
    return next((_BY_NAME[name] for name in names if name in _BY_NAME), _LATER)


def _names(error: BaseException, code: str) -> Iterator[str]:
    """What the error may be called in the table, the most telling name first."""
    yield code
    yield code.rpartition(".")[2]
    # Names of TLS and of name resolution have numbers of their own, which mean something else here.
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):
        yield errno.errorcode.get(error.errno, "")
    if _is_obstores(error):
        if number := _OS_ERROR.search(str(error)):
            yield errno.errorcode.get(int(number[1]), "")
        if provider := _PROVIDER.search(str(error)):
            from botocore import exceptions as boto

            yield provider[2] or ""
            yield from (kind.__name__ for kind in getattr(boto, provider[1], Exception).__mro__)
    yield from (kind.__name__ for kind in type(error).__mro__)


def _in_context(error: BaseException, rule: _Rule) -> _Rule:
    """What the same name means in another place."""
    text = str(error)
    if answered := _answered(error):
        if rule is not _LATER and _SIGNING_IN.match(answered.operation_name):
            return _CREDENTIALS
        return _NAME if rule is _GONE and answered.operation_name not in _READING else rule
    if _is_obstores(error) and rule not in (_LATER, _HANDLES) and _PROVIDER.search(text):
        return _CREDENTIALS
    return next((by_text for said, by_text in _BY_TEXT if said.search(text)), rule)


def _answered(error: BaseException) -> "ClientError | None":
    """The error when it is botocore's for what a service answered."""
    from botocore.exceptions import ClientError

    return error if isinstance(error, ClientError) else None


def _is_obstores(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] == "obstore"


def _wrapped(error: BaseException) -> BaseException | None:
    """The error that a client library met and put into one of its own."""
    from botocore.exceptions import BotoCoreError

    inner = getattr(error, "kwargs", {}).get("error") if isinstance(error, BotoCoreError) else error.__cause__
    return inner if isinstance(inner, BaseException) else None


def _said(error: BaseException) -> str:
    """What the service said, in brackets: AccessDenied names the missing permission there."""
    if answered := _answered(error):
        text = str(answered.response.get("Error", {}).get("Message", ""))
    elif found := re.search(r"<Message>([^<]*)</Message>", str(error)):
        text = html.unescape(found[1])
    else:
        text = str(error).partition("\n")[0]  # obstore appends its debug form after a blank line
    return f"({redacted(text)})" if text else ""
