"""Every error that a client can meet has its class on purpose: none gets one by accident."""

import errno

import botocore.session
import obstore.exceptions
import pytest
from foreign import CLASSES, CODES, KNOWN, NEVER_ASKED, OS_ERRORS, OTHERS, Kind, answered, made, pairs

from cloudtrail_processing.aws.failures import failure
from cloudtrail_processing.errors import ConfigurationError, CredentialsError, TransientError


def test_every_exception_class_of_the_client_libraries_is_in_the_table() -> None:
    """A class that comes with a new release must be thought about."""
    assert sorted(name for name, _ in pairs(CLASSES)) == sorted(KNOWN)


@pytest.mark.parametrize(("name", "expected"), pairs(CLASSES))
def test_an_exception_class_becomes_what_the_table_says(name: str, expected: Kind) -> None:
    assert type(failure(made(KNOWN[name]), "asking")) is expected


def test_every_error_that_the_services_declare_is_in_the_table() -> None:
    known = {name for name, _ in pairs(CODES)} | set(NEVER_ASKED.split())
    session = botocore.session.get_session()
    shapes = [
        it for name in ("s3", "sqs", "kms", "sts", "dynamodb") for it in session.get_service_model(name).error_shapes
    ]
    declared = {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}
    assert not {code for code in declared if code not in known}


@pytest.mark.parametrize(("code", "expected"), pairs(CODES))
def test_a_code_becomes_what_the_table_says(code: str, expected: Kind) -> None:
    assert type(failure(answered(code, "GetObject"), "asking")) is expected


@pytest.mark.parametrize(("code", "expected"), [it for it in pairs(CODES) if not it[0].isdigit()])
def test_an_xml_answer_that_obstore_quotes_becomes_the_same(code: str, expected: Kind) -> None:
    error = obstore.exceptions.GenericError(f"Generic S3 error: 400: <Error><Code>{code}</Code></Error>")
    assert type(failure(error, "reading")) is expected


@pytest.mark.parametrize("code", NEVER_ASKED.split())
def test_an_answer_to_what_was_never_asked_keeps_the_message(code: str) -> None:
    assert type(failure(answered(code, "GetObject"), "asking")) is TransientError


@pytest.mark.parametrize("code", ["404", "NoSuchKey", "MethodNotAllowed"])
@pytest.mark.parametrize("operation", ["ReceiveMessage", "UpdateItem", "HeadBucket", "ListObjectsV2", "PutObject"])
def test_only_a_log_that_is_read_can_be_gone(code: str, operation: str) -> None:
    """A queue, a table or a bucket that is not there is a matter of configuration: no policy for lost logs applies."""
    assert type(failure(answered(code, operation), "asking")) is ConfigurationError


@pytest.mark.parametrize("operation", ["AssumeRole", "AssumeRoleWithWebIdentity", "GetRoleCredentials"])
def test_what_is_denied_while_signing_in_is_a_matter_of_credentials(operation: str) -> None:
    assert type(failure(answered("AccessDenied", operation), "asking")) is CredentialsError
    assert type(failure(answered("Throttling", operation), "asking")) is TransientError


@pytest.mark.parametrize(("name", "expected"), pairs(OS_ERRORS))
def test_an_error_of_the_operating_system_becomes_what_the_table_says(name: str, expected: Kind) -> None:
    assert type(failure(OSError(getattr(errno, name), "said the system"), "asking")) is expected


@pytest.mark.parametrize(("error", "expected"), OTHERS, ids=[type(error).__name__ for error, _ in OTHERS])
def test_any_other_error_becomes_what_the_table_says(error: BaseException, expected: Kind) -> None:
    assert type(failure(error, "asking")) is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("CredentialRetrievalError: Error when retrieving credentials from sso", CredentialsError),
        ("NoCredentialsError: Unable to locate credentials", CredentialsError),
        ("ClientError: An error occurred (AccessDenied) when calling the AssumeRole operation: no", CredentialsError),
        ("ClientError: An error occurred (Throttling) when calling the AssumeRole operation: slow", TransientError),
        ("EndpointConnectionError: Could not connect to the endpoint URL", TransientError),
        ("OSError: [Errno 24] Too many open files", ConfigurationError),
    ],
)
def test_what_the_credentials_provider_met_inside_obstore_decides(said: str, expected: Kind) -> None:
    text = f"The operation lacked valid authentication credentials for path External AWS credential provider: {said}"
    assert type(failure(obstore.exceptions.UnauthenticatedError(text), "reading")) is expected


def test_whatever_comes_next_year_keeps_the_message() -> None:
    class Unheard(Exception):
        pass

    assert type(failure(Unheard("of"), "asking")) is TransientError
    assert type(failure(answered("UnheardOf", "GetObject"), "asking")) is TransientError
