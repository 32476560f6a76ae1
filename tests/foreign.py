"""Every foreign error there is, and what it must become: written down by hand, not taken from the code."""

import asyncio
import binascii
import errno
import http.client
import importlib
import json
import pkgutil
import socket
import ssl
import urllib.error
from collections.abc import Iterator

import aiobotocore
import aiohttp
import boto3.exceptions
import botocore.discovery
import botocore.exceptions as boto
import obstore.exceptions
import urllib3.exceptions

from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    CredentialsError,
    LogGone,
    TransientError,
)

Kind = type[CloudTrailProcessingError]

CLASSES: dict[Kind, str] = {
    TransientError: """
        AioReadTimeoutError AlreadyExistsError AwsChunkedWrapperError BaseError Boto3Error BotoCoreError
        CapacityNotAvailableError ChecksumError ClientError ConnectionClosedError ConnectionError ConnectTimeoutError
        DynamoDBNeedsConditionError DynamoDBNeedsKeyConditionError DynamoDBOperationNotSupportedError
        EndpointConnectionError EndpointDiscoveryException EndpointDiscoveryRefreshFailed EndpointDiscoveryRequired
        EventStreamError FlexibleChecksumError GenericError HTTPClientError IncompleteReadError InvalidPathError
        JoinError NotModifiedError PaginationError PreconditionError ProxyConnectionError ReadTimeoutError
        ResponseStreamingError RetriesExceededError S3TransferFailedError S3UploadFailedError SSLError
        StubAssertionError StubResponseError UnseekableStreamError UnStubbedResponseError WaiterError
    """,
    CredentialsError: """
        ConfigNotFound ConfigParseError CredentialRetrievalError InfiniteLoopConfigError InvalidConfigError
        LoginAuthorizationCodeError LoginError LoginInsufficientPermissions LoginRefreshRequired LoginTokenLoadError
        MetadataRetrievalError NoAuthTokenError NoCredentialsError PartialCredentialsError ProfileNotFound
        RefreshWithMFAUnsupportedError SSOError SSOTokenLoadError TokenRetrievalError UnauthenticatedError
        UnauthorizedSSOTokenError UnknownCredentialError UnknownTokenProviderError
    """,
    LogGone: "NotFoundError",
    ConfigurationError: """
        AliasConflictParameterError ApiVersionNotFoundError BaseEndpointResolverError DataNotFoundError
        EndpointProviderError EndpointResolutionError EndpointVariantError InvalidChecksumConfigError
        InvalidCrtTransferConfigError InvalidDefaultsMode InvalidDNSNameError InvalidEndpointConfigurationError
        InvalidEndpointDiscoveryConfigurationError InvalidExpressionError InvalidHostLabelError
        InvalidIMDSEndpointError InvalidIMDSEndpointModeError InvalidMaxRetryAttemptsError InvalidProxiesConfigError
        InvalidRegionError InvalidRetryConfigurationError InvalidRetryModeError InvalidS3AddressingStyleError
        InvalidS3UsEast1RegionalEndpointConfigError InvalidSTSRegionalEndpointsConfigError MD5UnavailableError
        MissingDependencyException MissingParametersError MissingServiceIdError NoRegionError NotSupportedError
        NoVersionFound OperationNotPageableError ParamValidationError PermissionDeniedError RangeError
        ResourceLoadException ResourceNotExistsError ServiceNotInRegionError UndefinedModelAttributeError
        UnknownAPIVersionError UnknownClientMethodError UnknownConfigurationKeyError UnknownEndpointError
        UnknownEndpointResolutionBuiltInName UnknownFIPSEndpointError UnknownKeyError UnknownParameterError
        UnknownRegionError UnknownServiceError UnknownServiceStyle UnknownSignatureVersionError
        UnsupportedOutpostResourceError UnsupportedS3AccesspointConfigurationError UnsupportedS3ArnError
        UnsupportedS3ConfigurationError UnsupportedS3ControlArnError UnsupportedS3ControlConfigurationError
        UnsupportedServiceProtocolsError UnsupportedSignatureVersionError ValidationError WaiterConfigError
    """,
}
"""What every exception class of botocore, aiobotocore, boto3 and obstore becomes."""

CODES: dict[Kind, str] = {
    TransientError: """
        500 502 503 504 429 408 409 400 InternalError InternalServerError InternalFailure ServiceUnavailable SlowDown
        RequestTimeout OperationAborted Throttling ThrottlingException TooManyRequestsException RequestThrottled
        RequestLimitExceeded ProvisionedThroughputExceededException LimitExceededException
        TransactionConflictException TransactionInProgressException TransactionCanceledException
        ConditionalCheckFailedException ResourceInUseException TableInUseException ReplicatedWriteConflictException
        OverLimit KmsThrottled KMS.ThrottlingException AWS.SimpleQueueService.PurgeQueueInProgress
        PurgeQueueInProgress QueueDeletedRecently ConflictException AWS.SimpleQueueService.QueueDeletedRecently
        KMSInternalException KMSInternal DependencyTimeoutException DependencyTimeout KeyUnavailableException
        XksProxyUriUnreachableException XksProxyInvalidResponseException IDPCommunicationError
        IDPCommunicationErrorException IncompleteBody BadDigest InvalidArgument InvalidRequest InvalidURI
        InvalidParameterValue ReceiptHandleIsInvalid InvalidIdFormat MessageNotInflight
        AWS.SimpleQueueService.MessageNotInflight InvalidMessageContents InvalidBatchEntryId
        AWS.SimpleQueueService.InvalidBatchEntryId BatchEntryIdsNotDistinct
        AWS.SimpleQueueService.BatchEntryIdsNotDistinct BatchRequestTooLong AWS.SimpleQueueService.BatchRequestTooLong
        EmptyBatchRequest AWS.SimpleQueueService.EmptyBatchRequest TooManyEntriesInBatchRequest
        AWS.SimpleQueueService.TooManyEntriesInBatchRequest InvalidAttributeName InvalidAttributeValue
        DuplicateItemException IdempotentParameterMismatchException IdempotencyParameterMismatch InvalidPrefix
        InvalidWriteOffset TooManyParts UnsupportedMediaType
    """,
    LogGone: "404 405 NoSuchKey NoSuchVersion MethodNotAllowed KeyTooLongError",
    CredentialsError: """
        401 ExpiredToken ExpiredTokenException InvalidToken InvalidAccessKeyId InvalidClientTokenId
        SignatureDoesNotMatch UnrecognizedClientException IncompleteSignature MissingAuthenticationToken OptInRequired
        RequestExpired RequestTimeTooSkewed InvalidSecurity ExpiredTradeInTokenException IDPRejectedClaim
        IDPRejectedClaimException InvalidIdentityToken InvalidIdentityTokenException AuthFailure NotSignedUp
    """,
    ConfigurationError: """
        TrailNotFoundException InvalidTrailNameException CloudTrailARNInvalidException
        301 307 403 501 AccessDenied AccessDeniedException AllAccessDisabled AccountProblem PermanentRedirect
        AuthorizationHeaderMalformed IllegalLocationConstraintException NoSuchBucket InvalidBucketName
        InvalidObjectState ObjectNotInActiveTierError QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue
        InvalidAddress ResourceNotFoundException TableNotFoundException IndexNotFoundException ValidationException
        ItemCollectionSizeLimitExceededException UnsupportedOperation AWS.SimpleQueueService.UnsupportedOperation
        NotImplemented RegionDisabledException KmsAccessDenied KMS.AccessDeniedException KmsDisabled
        KmsInvalidKeyUsage KmsInvalidState KmsNotFound KmsOptInRequired KMS.DisabledException KMS.NotFoundException
        KMS.KMSInvalidStateException KMS.InvalidStateException DisabledException Disabled NotFoundException NotFound
        KMSInvalidStateException InvalidKeyUsageException InvalidArnException InvalidArn InvalidCiphertextException
        InvalidCiphertext IncorrectKeyException InvalidGrantTokenException UnsupportedOperationException
        CloudHsmClusterNotActiveException CloudHsmClusterInvalidConfigurationException
        CloudHsmClusterNotFoundException CustomKeyStoreInvalidStateException CustomKeyStoreNotFoundException
        XksKeyInvalidConfigurationException XksKeyNotFoundException XksProxyIncorrectAuthenticationCredentialException
        XksProxyInvalidConfigurationException XksProxyVpcEndpointServiceInvalidConfigurationException
        XksProxyVpcEndpointServiceNotFoundException KMSInvalidMacException KMSInvalidSignatureException
    """,
}
"""What every code becomes that S3, SQS, KMS, STS or DynamoDB answers to what is asked of them here."""

NEVER_ASKED = """
    AnnotationLimitExceeded AnnotationNameTooLong BucketAlreadyExists BucketAlreadyOwnedByYou EncryptionTypeMismatch
    InvalidAnnotationName NoSuchAnnotation NoSuchUpload ObjectAlreadyInActiveTierError QueueNameExists
    QueueAlreadyExists AlreadyExistsException CloudHsmClusterInUseException CloudHsmClusterNotRelatedException
    CustomKeyStoreHasCMKsException CustomKeyStoreNameInUseException DryRunOperationException
    ExpiredImportTokenException IncorrectKeyMaterialException IncorrectTrustAnchorException InvalidAliasNameException
    InvalidGrantIdException InvalidImportTokenException InvalidMarkerException MalformedPolicyDocumentException
    TagException XksKeyAlreadyInUseException XksProxyUriEndpointInUseException XksProxyUriInUseException
    XksProxyVpcEndpointServiceInUseException InvalidAuthorizationMessageException JWTPayloadSizeExceededException
    MalformedPolicyDocument OutboundWebIdentityFederationDisabledException PackedPolicyTooLarge
    PackedPolicyTooLargeException SessionDurationEscalationException BackupInUseException BackupNotFoundException
    ContinuousBackupsUnavailableException ExportConflictException ExportNotFoundException
    GlobalTableAlreadyExistsException GlobalTableNotFoundException ImportConflictException ImportNotFoundException
    InvalidExportTimeException InvalidRestoreTimeException PointInTimeRecoveryUnavailableException
    PolicyNotFoundException ReplicaAlreadyExistsException ReplicaNotFoundException TableAlreadyExistsException
"""
"""Answers to requests that this package does not make: creating, importing, backing up."""

OS_ERRORS: dict[Kind, str] = {
    TransientError: """
        ECONNRESET ECONNREFUSED ECONNABORTED ETIMEDOUT EPIPE ENETUNREACH ENETDOWN EHOSTUNREACH EADDRNOTAVAIL EAGAIN
        EIO ENOMEM ENOBUFS EINTR ECHILD
    """,
    ConfigurationError: "ENOSPC EDQUOT EROFS EMFILE ENFILE EACCES EPERM ENOENT ENOTDIR EISDIR",
}

_CERTIFICATE = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate"
OTHERS: list[tuple[BaseException, Kind]] = [
    (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), TransientError),
    (socket.gaierror(2, "the number of ENOENT, but a name that did not resolve"), TransientError),
    (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), TransientError),
    (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), TransientError),
    (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), TransientError),
    (ssl.SSLCertVerificationError(1, _CERTIFICATE), ConfigurationError),
    (boto.SSLError(endpoint_url="https://sqs", error=Exception(_CERTIFICATE)), ConfigurationError),
    (boto.SSLError(endpoint_url="https://sqs", error=Exception("EOF")), TransientError),
    (boto.EndpointConnectionError(endpoint_url="https://sqs", error=OSError(errno.EMFILE, "many")), ConfigurationError),
    (boto.HTTPClientError(error=ConnectionResetError(errno.ECONNRESET, "reset")), TransientError),
    (TimeoutError(), TransientError),
    (BrokenPipeError(), TransientError),
    (PermissionError(), ConfigurationError),
    (MemoryError(), TransientError),
    (RecursionError(), TransientError),
    (asyncio.IncompleteReadError(b"", 1), TransientError),
    (asyncio.InvalidStateError(), TransientError),
    (asyncio.QueueFull(), TransientError),
    (aiohttp.ServerDisconnectedError(), TransientError),
    (aiohttp.ServerTimeoutError(), TransientError),
    (aiohttp.ClientPayloadError(), TransientError),
    (aiohttp.ClientOSError(errno.ECONNRESET, "reset"), TransientError),
    (aiohttp.ClientOSError(errno.EMFILE, "many"), ConfigurationError),
    (aiohttp.InvalidURL("no url"), ConfigurationError),
    (aiohttp.NonHttpUrlClientError("ftp://a"), ConfigurationError),
    (aiohttp.ServerFingerprintMismatch(b"a", b"b", "host", 443), ConfigurationError),
    (urllib3.exceptions.ProtocolError("broken"), TransientError),
    (urllib3.exceptions.IncompleteRead(1, 2), TransientError),
    (urllib3.exceptions.DecodeError(), TransientError),
    (urllib3.exceptions.SSLError(_CERTIFICATE), ConfigurationError),
    (urllib3.exceptions.LocationParseError("::"), ConfigurationError),
    (urllib3.exceptions.ProxySchemeUnknown("x"), ConfigurationError),
    (urllib.error.URLError("unreachable"), TransientError),
    (http.client.RemoteDisconnected("gone"), TransientError),
    (http.client.IncompleteRead(b""), TransientError),
    (json.JSONDecodeError("garbled", "", 0), TransientError),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "garbled"), TransientError),
    (binascii.Error("garbled"), TransientError),
    (ValueError("Invalid endpoint: nonsense"), ConfigurationError),
    (ValueError("surprise"), TransientError),
    (KeyError("MessageId"), TransientError),
    (TypeError("surprise"), TransientError),
    (AttributeError("surprise"), TransientError),
    (ModuleNotFoundError("botocore.crt"), ConfigurationError),
    (ExceptionGroup("several", [OSError()]), TransientError),
    (obstore.exceptions.GenericError("Generic S3 error: tcp: Too many open files (os error 24)"), ConfigurationError),
    (obstore.exceptions.GenericError("Generic S3 error: invalid peer certificate: Expired"), ConfigurationError),
    (FileNotFoundError("Object at location a/b not found: NoSuchKey"), LogGone),
    (FileNotFoundError(errno.ENOENT, "No such file", "/etc/ca.pem"), ConfigurationError),
]


def pairs(table: dict[Kind, str]) -> list[tuple[str, Kind]]:
    return [(name, kind) for kind, names in table.items() for name in names.split()]


def _derived(parent: type[BaseException]) -> Iterator[type[BaseException]]:
    for child in parent.__subclasses__():
        if child.__module__.partition(".")[0] in {"botocore", "aiobotocore", "boto3", "obstore"}:
            yield child
            yield from _derived(child)


def _known_classes() -> dict[str, type[BaseException]]:
    assert botocore.discovery
    for module in pkgutil.walk_packages(aiobotocore.__path__, "aiobotocore."):
        if "tee" not in module.name and "httpx" not in module.name:  # these need what is not installed
            importlib.import_module(module.name)
    parents = (boto.BotoCoreError, obstore.exceptions.BaseError, boto3.exceptions.Boto3Error)
    modules = (boto, boto3.exceptions)
    named = [it for module in modules for it in vars(module).values() if isinstance(it, type)]
    own = [it for it in named if issubclass(it, Exception) and not issubclass(it, Warning)]
    found = {*parents, *own, *(child for parent in parents for child in _derived(parent))}
    return {kind.__name__: kind for kind in found}


KNOWN = _known_classes()


def made(kind: type[BaseException]) -> BaseException:
    """An instance, whatever its own initializer wants to know."""
    error = kind.__new__(kind)
    Exception.__init__(error, "said the client")
    if isinstance(error, boto.ClientError):
        error.response, error.operation_name = {}, "GetObject"
    return error


def answered(code: str, operation: str) -> boto.ClientError:
    return boto.ClientError({"Error": {"Code": code, "Message": "said AWS"}}, operation)
