from typing import Any

import pytest

from cloudtrail_processing.events import HIDDEN, ActivityEvent, CloudTrailEvent, actor_of

ACCOUNT = {"accountId": "123456789012"}
ROLE_SESSION = {
    "type": "AssumedRole",
    "principalId": "AROAEXAMPLE:bob",
    "arn": "arn:aws:sts::123456789012:assumed-role/Admin/bob",
    "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "Admin", "arn": "arn:aws:iam::1:role/path/Admin"}},
}


@pytest.mark.parametrize(
    ("identity", "actor"),
    [
        ({"type": "Root", **ACCOUNT}, "root (123456789012)"),
        ({"type": "Root"}, "root"),
        ({"type": "IAMUser", "userName": "alice", **ACCOUNT}, "user/alice (123456789012)"),
        ({"type": "IAMUser", "arn": "arn:aws:iam::1:user/team/alice", **ACCOUNT}, "user/alice (123456789012)"),
        ({"type": "IAMUser", "userName": HIDDEN, **ACCOUNT}, f"user/{HIDDEN} (123456789012)"),
        ({"type": "IAMUser", **ACCOUNT}, "user (123456789012)"),
        (
            {"type": "IAMUser", "userName": "alice", **ACCOUNT, "invokedBy": "cloudformation.amazonaws.com"},
            "user/alice (123456789012) via cloudformation.amazonaws.com",
        ),
        ({**ROLE_SESSION, **ACCOUNT}, "role/Admin session bob (123456789012)"),
        ({**ROLE_SESSION, "sessionContext": {"sessionIssuer": {}}}, "role/Admin session bob"),
        ({**ROLE_SESSION, "arn": None}, "role/Admin session bob"),
        ({"type": "AssumedRole", "principalId": "AROAEXAMPLE:bob", **ACCOUNT}, "role/bob (123456789012)"),
        ({"type": "AssumedRole"}, "role"),
        ({"type": "Role", "arn": "arn:aws:iam::1:role/Admin", **ACCOUNT}, "role/Admin (123456789012)"),
        (
            {"type": "FederatedUser", "arn": "arn:aws:sts::1:federated-user/carol", **ACCOUNT},
            "federated/carol (123456789012)",
        ),
        (
            {"type": "IdentityCenterUser", "onBehalfOf": {"userId": "9448-7"}, **ACCOUNT},
            "identity-center/9448-7 (123456789012)",
        ),
        (
            {"type": "SAMLUser", "userName": "dave", "identityProvider": "https://idp.example.com/saml"},
            "saml/dave from https://idp.example.com/saml",
        ),
        (
            {"type": "WebIdentityUser", "userName": "erin", "identityProvider": "cognito-identity.amazonaws.com"},
            "web/erin from cognito-identity.amazonaws.com",
        ),
        ({"type": "WebIdentityUser"}, "web/unknown"),
        ({"type": "Directory", "userName": "frank", **ACCOUNT}, "directory/frank (123456789012)"),
        ({"type": "AWSAccount", "principalId": "AIDAEXAMPLE", **ACCOUNT}, "account/123456789012"),
        ({"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}, "anonymous"),
        ({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, "ec2.amazonaws.com"),
        ({"type": "AWSService"}, "unknown"),
        ({**ACCOUNT, "invokedBy": "autoscaling.amazonaws.com"}, "autoscaling.amazonaws.com"),
        ({**ACCOUNT}, "account/123456789012"),
        ({"type": "Unknown", "userName": "gail"}, "gail"),
        ({"type": "Unknown"}, "unknown"),
        ({"type": "BrandNew", "principalId": "P", "invokedBy": "AWS Internal"}, "AWS Internal"),
        ({"type": ["odd"], "userName": 7}, "unknown"),
        (HIDDEN, "unknown"),
        ({}, "unknown"),
        (None, "unknown"),
    ],
)
def test_who_did_it_is_one_readable_string(identity: Any, actor: str) -> None:
    assert CloudTrailEvent.from_dict({"userIdentity": identity}).actor == actor


def test_an_activity_event_names_the_actor_that_its_source_names() -> None:
    identity = {"type": "okta", "principalId": "henry@example.com", "details": {}}
    event = CloudTrailEvent.from_dict({"eventType": "ActivityLog", "eventData": {"userIdentity": identity}})
    assert isinstance(event, ActivityEvent)
    assert event.actor == "henry@example.com"


def test_what_is_no_identity_is_unknown() -> None:
    assert actor_of(None) == "unknown"
    assert actor_of("arn:aws:iam::1:user/alice") == "unknown"
