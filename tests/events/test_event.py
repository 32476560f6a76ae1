import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudtrail_processing.events import HIDDEN, CloudTrailEvent, is_omitted
from cloudtrail_processing.events.event import CloudTrailEvent as Defined

RECORD: dict[str, Any] = {
    "eventVersion": "1.11",
    "userIdentity": {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:bob",
        "arn": "arn:aws:sts::123456789012:assumed-role/Admin/bob",
        "accountId": "123456789012",
        "accessKeyId": "ASIAEXAMPLE",
        "userName": "bob",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLE",
                "arn": "arn:aws:iam::123456789012:role/Admin",
                "accountId": "123456789012",
                "userName": "Admin",
            },
            "webIdFederationData": {"federatedProvider": "accounts.google.com", "attributes": {"sub": "1"}},
            "attributes": {"creationDate": "20131102T010628Z", "mfaAuthenticated": "true"},
            "sourceIdentity": "bob@example.com",
            "ec2RoleDelivery": "2.0",
            "assumedRoot": "true",
            "signInSessionArn": "arn:aws:signin:eu-west-1:123456789012:session/1",
        },
        "invokedBy": "cloudformation.amazonaws.com",
        "invokedByDelegate": {"accountId": "999999999999"},
        "onBehalfOf": {"userId": "9448", "identityStoreArn": "arn:aws:identitystore::123456789012:identitystore/d-1"},
        "inScopeOf": {
            "sourceArn": "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "sourceAccount": "123456789012",
            "issuerType": "AWS::Lambda::Function",
            "credentialsIssuedTo": "arn:aws:lambda:eu-west-1:123456789012:function:f",
        },
        "credentialId": "credential-1",
        "identityProvider": "accounts.google.com",
        "shoeSize": 44,
    },
    "eventTime": "2023-07-10T11:42:18Z",
    "eventSource": "s3.amazonaws.com",
    "eventName": "DeleteBucket",
    "awsRegion": "eu-west-1",
    "sourceIPAddress": "2001:db8::1",
    "userAgent": "[aws-cli/2.0]",
    "errorCode": "AccessDenied",
    "errorMessage": "Access Denied",
    "requestParameters": {"bucketName": "logs", "tagSet": [{"key": "a", "value": 1.0}]},
    "responseElements": None,
    "additionalEventData": {"bytesTransferredIn": 0.0, "bytesTransferredOut": 7},
    "serviceEventDetails": {"snapshotId": "snap-1"},
    "requestID": "EXAMPLE0123456789",
    "eventID": "62759c1a-6248-48e1-a6b3-d5fb7e6c4bc0",
    "readOnly": False,
    "resources": [
        {"ARN": "arn:aws:s3:::logs", "accountId": "123456789012", "type": "AWS::S3::Bucket"},
        {"ARNPrefix": "arn:aws:s3:::logs/", "type": "AWS::S3::Object"},
    ],
    "eventType": "AwsApiCall",
    "apiVersion": "2006-03-01",
    "managementEvent": True,
    "recipientAccountId": "210987654321",
    "sharedEventID": "a1f3720c-ef19-47e9-a5d5-d5fb7e6c4bc0",
    "vpcEndpointId": "vpce-1",
    "vpcEndpointAccountId": "123456789012",
    "eventCategory": "Management",
    "addendum": {
        "reason": "UPDATED_DATA",
        "updatedFields": "responseElements, errorCode",
        "originalRequestID": "r0",
        "originalEventID": "e0",
        "originalUID": "u0",
    },
    "sessionCredentialFromConsole": "true",
    "edgeDeviceDetails": {
        "type": "SNC1",
        "snowJobId": "JID1",
        "deviceId": "d1",
        "deviceFamily": "SNOWCONE",
        "attributes": {"a": "b"},
    },
    "tlsDetails": {
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_128_GCM_SHA256",
        "clientProvidedHostHeader": "s3.eu-west-1.amazonaws.com",
        "keyExchange": "X25519MLKEM768",
    },
    "eventContext": {
        "requestContext": {"aws:ViaAWSService": "false", "aws:TagKeys": ["a"]},
        "tagContext": {"principalTags": {"team": "red"}},
    },
    "annotation": "kept for audit",
    "brandNew": {"soon": True},
}


def event(**changes: Any) -> CloudTrailEvent:
    return CloudTrailEvent.from_dict({**RECORD, **changes})


def test_every_documented_field_round_trips_without_an_anomaly() -> None:
    assert event().to_dict() == RECORD
    assert event().anomalies == ()
    assert event().raw == json.dumps(RECORD, separators=(",", ":")).encode()


def test_every_documented_field_is_dumped_under_its_wire_name() -> None:
    dumped = event().model_dump(by_alias=True, mode="json", exclude_unset=True)
    dumped["eventTime"] = RECORD["eventTime"]
    assert dumped == {name: value for name, value in RECORD.items() if name != "brandNew"}


def test_fields_are_snake_case_attributes() -> None:
    found = event()
    session = found.user_identity.session_context
    assert found.source_ip_address == "2001:db8::1"
    assert found.request_id == "EXAMPLE0123456789"
    assert session is not None
    assert session.ec2_role_delivery == "2.0"
    assert session.session_issuer is not None
    assert session.session_issuer.user_name == "Admin"
    assert session.attributes is not None
    assert session.attributes.is_mfa_authenticated is True
    assert found.resources is not None
    assert [resource.arn or resource.arn_prefix for resource in found.resources] == [
        "arn:aws:s3:::logs",
        "arn:aws:s3:::logs/",
    ]
    assert found.tls_details is not None
    assert found.tls_details.key_exchange == "X25519MLKEM768"
    assert found.event_context is not None
    assert found.event_context.tag_context == {"principalTags": {"team": "red"}}


def test_free_form_parts_keep_integers_and_floats_apart() -> None:
    found = event()
    assert repr(found.additional_event_data) == "{'bytesTransferredIn': 0.0, 'bytesTransferredOut': 7}"
    assert found.request_parameters == RECORD["requestParameters"]
    assert found.response_elements is None
    assert found.service_event_details == {"snapshotId": "snap-1"}


@pytest.mark.parametrize("value", [HIDDEN, {"omitted": "true", "originalSize": "149893"}, {}, None, ["a"], 7])
def test_hidden_and_omitted_content_stays_as_it_came_and_is_no_anomaly(value: Any) -> None:
    found = event(requestParameters=value)
    assert found.request_parameters == value
    assert found.anomalies == ()
    assert is_omitted(found.request_parameters) == (isinstance(value, dict) and "omitted" in value)


def test_unknown_fields_are_kept_at_every_level() -> None:
    assert event().model_extra == {"brandNew": {"soon": True}}
    assert event().user_identity.model_extra == {"shoeSize": 44}
    assert event().get("brandNew.soon") is True


def test_an_empty_record_has_defaults_that_user_code_can_work_with() -> None:
    found = CloudTrailEvent.from_json(b"{}")
    assert not found.event_name.startswith("Delete")
    assert found.user_identity.arn is None
    assert found.event_time is None
    assert (found.version, found.category, found.actor) == ((0, 0), "Management", "unknown")
    assert (found.account_id, found.failed, found.is_read_only, found.anomalies) == (None, False, None, ())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("eventName", "DeleteBucket"),
        ("requestParameters.tagSet.0.key", "a"),
        ("requestParameters.tagSet.1.key", "absent"),
        ("requestParameters.tagSet.key", "absent"),
        ("requestParameters.bucketName.0", "absent"),
        ("responseElements", None),
        ("responseElements.x", "absent"),
        ("event_name", "absent"),
        ("", "absent"),
    ],
)
def test_get_follows_a_dotted_path_in_wire_names(path: str, value: object) -> None:
    assert event().get(path, "absent") == value


def test_an_event_time_is_parsed_when_asked_for() -> None:
    assert event().event_time == datetime(2023, 7, 10, 11, 42, 18, tzinfo=UTC)
    assert event(eventTime="20131102T010628Z").event_time == datetime(2013, 11, 2, 1, 6, 28, tzinfo=UTC)
    assert event(eventTime="2025-10-30 23:45:00").anomalies == ()


@pytest.mark.parametrize("value", ["yesterday", "", 1688989338, ["2023-07-10T11:42:18Z"]])
def test_an_unreadable_event_time_is_an_anomaly_named_once(value: object) -> None:
    found = event(eventTime=value)
    assert found.event_time is None
    assert found.event_time_text == value
    assert found.anomalies == ("eventTime",)


def without(*path: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(json.dumps(RECORD))
    inner = record
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return record


def test_the_account_is_the_recipient_then_the_caller_then_the_session_issuer() -> None:
    record = without("recipientAccountId")
    assert event().account_id == "210987654321"
    assert CloudTrailEvent.from_dict(record).account_id == "123456789012"
    del record["userIdentity"]["accountId"]
    record["userIdentity"]["sessionContext"]["sessionIssuer"]["accountId"] = "333333333333"
    assert CloudTrailEvent.from_dict(record).account_id == "333333333333"
    assert CloudTrailEvent.from_dict({**record, "userIdentity": "odd"}).account_id is None
    assert event(recipientAccountId="").account_id == "123456789012"


@pytest.mark.parametrize(
    ("management", "category"), [(True, "Management"), (False, "Data"), ("false", "Data"), (None, "Management")]
)
def test_before_1_07_the_category_follows_from_management_event(management: object, category: str) -> None:
    assert event(eventCategory=None, managementEvent=management).category == category


@pytest.mark.parametrize(
    ("value", "meaning"), [(True, True), ("true", True), ("False", False), ("no", None), (1, None)]
)
def test_read_only_is_understood_as_text_and_stays_as_it_came(value: object, meaning: bool | None) -> None:
    found = event(readOnly=value)
    assert found.is_read_only is meaning
    assert found.read_only == value
    assert found.anomalies == (() if value is True else ("readOnly",))


@pytest.mark.parametrize("value", ["true", True, False])
def test_a_session_from_the_console_is_text_or_boolean(value: object) -> None:
    assert event(sessionCredentialFromConsole=value).anomalies == ()
    assert event(sessionCredentialFromConsole=value).session_credential_from_console == value


@pytest.mark.parametrize("value", ["errorCode, readOnly", ["errorCode", "readOnly"]])
def test_updated_fields_are_text_or_a_list(value: object) -> None:
    found = event(addendum={"updatedFields": value})
    assert found.addendum is not None
    assert found.addendum.updated_fields == value
    assert found.anomalies == ()


SIGN_IN = {"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "errorCode": None}


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({}, True),
        ({"errorCode": None}, False),
        ({"errorCode": ""}, False),
        ({**SIGN_IN, "responseElements": {"ConsoleLogin": "Failure"}}, True),
        ({**SIGN_IN, "responseElements": {"ConsoleLogin": "Success"}}, False),
        ({**SIGN_IN, "responseElements": HIDDEN}, False),
        ({**SIGN_IN, "eventName": ["odd"], "responseElements": {"ConsoleLogin": "Failure"}}, False),
        ({"errorCode": None, "eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Failure"}}, False),
    ],
)
def test_a_failure_is_an_error_code_or_a_failed_sign_in(changes: dict[str, Any], failed: bool) -> None:
    assert event(**changes).failed is failed


def test_the_public_class_is_the_one_defined_in_its_module() -> None:
    assert CloudTrailEvent is Defined
    assert CloudTrailEvent.__private_attributes__ == {}


@pytest.mark.parametrize("secret", [{}, {"eventName": {"deep": "s3cr3t"}}, {"eventSource": ["s3cr3t"]}])
def test_the_repr_identifies_an_event_and_shows_no_content(secret: dict[str, Any]) -> None:
    found = event(**{"requestParameters": {"password": "s3cr3t"}, "userAgent": "s3cr3t", "x": "s3cr3t", **secret})
    for text in (repr(found), str(found), f"{found}", f"{[found]}"):
        assert "s3cr3t" not in text
        assert RECORD["eventID"] in text
        assert "2023-07-10 11:42:18+00:00" in text
    assert repr(event(eventName="x" * 5000)).count("x") == 100
