"""Who makes a call: one function for every type of userIdentity, with the address and client that go with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from cloudtrail_processing.testing.generator import cast as names
from cloudtrail_processing.testing.generator.cast import address
from cloudtrail_processing.testing.generator.draw import Weighted
from cloudtrail_processing.testing.generator.scene import Scene, wire_time

SERVICES_THAT_CALL = (
    "cloudtrail.amazonaws.com",
    "rds.amazonaws.com",
    "lambda.amazonaws.com",
    "ec2.amazonaws.com",
    "delivery.logs.amazonaws.com",
    "AWS Internal",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """``identity`` is the userIdentity, ``fields`` are other top-level fields that follow from who calls.

    ``direct`` is False when an AWS service makes the call: such records have no tlsDetails.
    """

    identity: dict[str, Any]
    address: str
    agent: str
    direct: bool = True
    fields: Mapping[str, Any] = field(default_factory=dict)


def root(scene: Scene) -> Caller:
    """The account itself, in the console or with keys that nobody should have."""
    identity = {
        "type": "Root",
        "principalId": scene.account,
        "arn": f"arn:aws:iam::{scene.account}:root",
        "accountId": scene.account,
        "accessKeyId": scene.value("asia"),
        "sessionContext": {
            "sessionIssuer": {},
            "webIdFederationData": {},
            "attributes": _attributes(scene, mfa="true"),
        },
    }
    return Caller(identity, address(scene.draw), scene.draw.one(names.BROWSERS), fields=_CONSOLE)


def iam_user(scene: Scene) -> Caller:
    """An IAM user with a long-lived key, or in the console with a session."""
    user = scene.draw.one(scene.cast.users)
    identity = {
        "type": "IAMUser",
        "principalId": user.principal_id,
        "arn": f"arn:aws:iam::{scene.account}:user/{user.name}",
        "accountId": scene.account,
        "accessKeyId": user.access_key,
        "userName": user.name,
    }
    if user.name in names.ROBOTS or scene.draw.chance(0.6):
        return Caller(identity, user.address, user.agent)
    identity["accessKeyId"] = scene.value("asia")
    session = {"sessionIssuer": {}, "webIdFederationData": {}, "attributes": _attributes(scene, mfa="true")}
    return Caller(
        {**identity, "sessionContext": session}, user.address, scene.draw.one(names.BROWSERS), fields=_CONSOLE
    )


def assumed_role(scene: Scene) -> Caller:
    """A session of a role: a person, a program, an EC2 instance, or a service on the role's behalf."""
    role = scene.draw.one(scene.cast.roles)
    on_instance = role.name in ("app-backend", "eks-node")
    session = scene.draw.one(scene.cast.instances) if on_instance else scene.value("session")
    context = _session_context(scene, role.name, role.principal_id)
    if on_instance:
        context["ec2RoleDelivery"] = scene.draw.one(("1.0", "2.0"))
    elif scene.draw.chance(0.1):
        context["sourceIdentity"] = scene.value("user")
    identity = _role_identity(scene, name=role.name, principal_id=f"{role.principal_id}:{session}", session=session)
    identity["sessionContext"] = context
    if scene.draw.chance(0.12):
        service = scene.draw.one(SERVICES_THAT_CALL)
        return Caller({**identity, "invokedBy": service}, service, service, direct=False)
    if role.name == "Admin" and scene.draw.chance(0.5):
        return Caller(identity, role.address, scene.draw.one(names.BROWSERS), fields=_CONSOLE)
    return Caller(identity, role.address, role.agent)


def role_itself(scene: Scene) -> Caller:
    """The type Role, which a few services write for the role whose session it is."""
    role = scene.draw.one(scene.cast.roles)
    identity = {
        "type": "Role",
        "principalId": role.principal_id,
        "arn": f"arn:aws:iam::{scene.account}:role/{role.name}",
        "accountId": scene.account,
    }
    return Caller(identity, role.address, role.agent)


def federated_user(scene: Scene) -> Caller:
    """Temporary credentials from GetFederationToken."""
    user = scene.draw.one(scene.cast.users)
    issuer = _issuer(scene, kind="IAMUser", path=f"user/{user.name}", principal_id=user.principal_id)
    identity = {
        "type": "FederatedUser",
        "principalId": f"{scene.account}:{user.name}",
        "arn": f"arn:aws:sts::{scene.account}:federated-user/{user.name}",
        "accountId": scene.account,
        "accessKeyId": scene.value("asia"),
        "sessionContext": {"sessionIssuer": issuer, "webIdFederationData": {}, "attributes": _attributes(scene)},
    }
    return Caller(identity, user.address, user.agent)


def aws_account(scene: Scene) -> Caller:
    """Somebody in another account, of whom we only learn the account."""
    session = f"{scene.value('aroa')}:{scene.value('session')}"
    identity = {"type": "AWSAccount", "principalId": session, "accountId": scene.value("other")}
    return Caller(
        identity, address(scene.draw), scene.draw.one(names.AGENTS), fields={"sharedEventID": scene.draw.uuid()}
    )


def anonymous(scene: Scene) -> Caller:
    """Nobody in particular, reading something public."""
    identity = {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
    return Caller(identity, address(scene.draw), "curl/8.6.0")


def aws_service(scene: Scene) -> Caller:
    """An AWS service in its own name."""
    service = scene.draw.one(SERVICES_THAT_CALL)
    identity = {"type": "AWSService", "invokedBy": service}
    return Caller(identity, service, service, direct=False, fields={"sharedEventID": scene.draw.uuid()})


def web_identity_user(scene: Scene) -> Caller:
    """Somebody whom an OpenID Connect provider vouches for."""
    issuer = f"oidc.eks.{scene.region}.amazonaws.com/id/{scene.value('cluster')}"
    provider = f"arn:aws:iam::{scene.account}:oidc-provider/{issuer}"
    subject = f"system:serviceaccount:prod:{scene.value('function')}"
    identity = {
        "type": "WebIdentityUser",
        "principalId": f"{provider}:sts.amazonaws.com:{subject}",
        "userName": subject,
        "identityProvider": provider,
    }
    return Caller(identity, address(scene.draw), scene.draw.one(names.AGENTS))


def saml_user(scene: Scene) -> Caller:
    """Somebody whom a SAML provider vouches for."""
    qualifier = scene.value("hostid")[:27] + "="
    identity = {
        "type": "SAMLUser",
        "principalId": f"{qualifier}:{scene.value('user')}@example.com",
        "userName": f"{scene.value('user')}@example.com",
        "identityProvider": qualifier,
    }
    return Caller(identity, address(scene.draw), scene.draw.one(names.BROWSERS))


def identity_center_user(scene: Scene) -> Caller:
    """A user of IAM Identity Center, on whose behalf a service acts."""
    store = f"arn:aws:identitystore::{scene.account}:identitystore/d-9067{scene.account[:6]}"
    identity = {
        "type": "IdentityCenterUser",
        "accountId": scene.account,
        "onBehalfOf": {"userId": scene.draw.uuid(), "identityStoreArn": store},
        "credentialId": scene.draw.hex(64),
    }
    return Caller(identity, address(scene.draw), scene.draw.one(names.BROWSERS))


def directory(scene: Scene) -> Caller:
    """A directory service asking for itself."""
    identity = {"type": "Directory", "principalId": f"d-{scene.draw.hex(10)}", "accountId": scene.account}
    return Caller(identity, "AWS Internal/3", "AWS Internal", direct=False)


def unknown(scene: Scene) -> Caller:
    """Nobody whom CloudTrail could identify."""
    return Caller({"type": "Unknown"}, address(scene.draw), scene.draw.one(names.AGENTS))


CALLERS: Weighted[Callable[[Scene], Caller]] = Weighted(
    (
        (assumed_role, 42),
        (iam_user, 30),
        (aws_service, 14),
        (aws_account, 4),
        (root, 2),
        (web_identity_user, 3),
        (saml_user, 1),
        (federated_user, 1.5),
        (identity_center_user, 1),
        (directory, 0.5),
        (role_itself, 0.5),
        (unknown, 0.5),
    )
)
"""Who makes management calls, as often as in ordinary accounts."""

_CONSOLE: Mapping[str, Any] = MappingProxyType({"sessionCredentialFromConsole": "true"})


def _attributes(scene: Scene, mfa: str = "false") -> dict[str, str]:
    began = scene.at - timedelta(seconds=scene.draw.number(30, 3500))
    return {"creationDate": wire_time(began), "mfaAuthenticated": mfa}


def _issuer(scene: Scene, *, kind: str, path: str, principal_id: str) -> dict[str, str]:
    return {
        "type": kind,
        "principalId": principal_id,
        "arn": f"arn:aws:iam::{scene.account}:{path}",
        "accountId": scene.account,
        "userName": path.rpartition("/")[2],
    }


def _session_context(scene: Scene, name: str, principal_id: str) -> dict[str, Any]:
    issuer = _issuer(scene, kind="Role", path=f"role/{name}", principal_id=principal_id)
    context: dict[str, Any] = {"sessionIssuer": issuer}
    if scene.minor < 10:
        context["webIdFederationData"] = {}
    if name == "eks-node":
        provider = f"arn:aws:iam::{scene.account}:oidc-provider/oidc.eks.{scene.region}.amazonaws.com/id/MAIN"
        context["webIdFederationData"] = {"federatedProvider": provider, "attributes": {}}
    return {**context, "attributes": _attributes(scene)}


def _role_identity(scene: Scene, *, name: str, principal_id: str, session: str) -> dict[str, Any]:
    return {
        "type": "AssumedRole",
        "principalId": principal_id,
        "arn": f"arn:aws:sts::{scene.account}:assumed-role/{name}/{session}",
        "accountId": scene.account,
        "accessKeyId": scene.value("asia"),
    }
