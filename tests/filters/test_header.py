import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.filters.header import decode_header

RECORD = {
    "eventVersion": "1.08",
    "userIdentity": {
        "type": "AssumedRole",
        "arn": "arn:aws:sts::123456789012:assumed-role/Admin/bob",
        "sessionContext": {"sessionIssuer": {"accountId": "123456789012", "userName": "Admin"}, "attributes": {}},
    },
    "eventTime": "2023-07-10T11:42:18Z",
    "eventSource": "iam.amazonaws.com",
    "eventName": "DeleteUser",
    "awsRegion": "us-east-1",
    "sourceIPAddress": "192.0.2.1",
    "userAgent": "x",
    "requestParameters": {"a": [1, {"b": None}]},
    "readOnly": False,
    "eventType": "AwsApiCall",
    "managementEvent": True,
    "recipientAccountId": "123456789012",
    "eventCategory": "Management",
}


def test_the_header_has_the_fields_that_filters_ask_for_under_the_names_of_the_event() -> None:
    header = decode_header(json.dumps(RECORD).encode())
    assert header is not None
    assert (header.event_source, header.event_name, header.aws_region) == (
        "iam.amazonaws.com",
        "DeleteUser",
        "us-east-1",
    )
    assert (header.source_ip_address, header.event_time) == ("192.0.2.1", "2023-07-10T11:42:18Z")
    assert (header.read_only, header.management_event, header.error_code) == (False, True, None)
    assert header.user_identity is not None
    assert header.user_identity.session_context is not None
    assert header.user_identity.session_context.session_issuer is not None
    assert header.user_identity.session_context.session_issuer.user_name == "Admin"


@pytest.mark.parametrize("nothing", [None, {}])
def test_null_and_the_empty_object_are_absent(nothing: object) -> None:
    header = decode_header(
        json.dumps(RECORD | {"userIdentity": {"sessionContext": nothing}, "userAgent": None}).encode()
    )
    assert header is not None
    assert header.user_agent is None


@pytest.mark.parametrize(
    "odd",
    [
        {"readOnly": "true"},
        {"userIdentity": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        {"eventName": 5},
        {"errorCode": ["x"]},
        {"eventType": "AwsCloudTrailInsight"},
        {"eventType": "AwsVpceEvent"},
        {"eventType": None},
        {"eventCategory": "Aggregated"},
        {"eventCategory": "New"},
    ],
)
def test_odd_types_and_other_kinds_of_events_are_left_to_the_model(odd: dict[str, Any]) -> None:
    assert decode_header(json.dumps(RECORD | odd).encode()) is None


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"null", b"5", b"[]", b'"x"', b"{", b"{}x", b'{"eventName":"\\ud800"}', b'{"eventName":"\xff"}'),
        b"[" * 10**5,
        b'{"eventType":"AwsApiCall","x":' + b"[" * 10**5,
    ],
)
def test_what_is_no_record_has_no_header_and_raises_nothing(raw: bytes) -> None:
    assert decode_header(raw) is None


@given(st.binary())
def test_any_bytes_have_a_header_or_none(raw: bytes) -> None:
    assert decode_header(raw) is None
