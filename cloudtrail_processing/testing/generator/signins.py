"""Sign-ins to the console: with and without MFA, failed, through an identity provider, switching roles."""

from collections.abc import Callable
from typing import Any

from cloudtrail_processing.testing.generator import callers
from cloudtrail_processing.testing.generator import cast as names
from cloudtrail_processing.testing.generator.cast import User, address
from cloudtrail_processing.testing.generator.draw import Weighted
from cloudtrail_processing.testing.generator.records import tls
from cloudtrail_processing.testing.generator.scene import Record, Scene, assemble, wire_time

_LOGIN_TO = "https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&state=hashArgsFromTB_{region}"


def console_sign_in(scene: Scene) -> Record:
    """Any sign-in event. Ordinary IAM users always use MFA; who comes from an identity provider shows none."""
    return scene.draw.pick(_KINDS)(scene)


def sign_in_record(
    scene: Scene,
    *,
    name: str = "ConsoleLogin",
    identity: dict[str, Any],
    outcome: str = "Success",
    extra: dict[str, Any] | None = None,
    error: str = "",
    source: tuple[str, str] | None = None,
) -> Record:
    """One sign-in event; ``source`` is the address and the browser."""
    where, agent = source or (address(scene.draw), scene.draw.one(names.BROWSERS))
    fields: dict[str, Any] = {
        "userIdentity": identity,
        "eventTime": wire_time(scene.at),
        "eventSource": "signin.amazonaws.com",
        "eventName": name,
        "awsRegion": scene.region,
        "sourceIPAddress": where,
        "userAgent": agent,
        "requestParameters": None,
        "responseElements": {name: outcome},
        "eventID": scene.draw.uuid(),
        "readOnly": False,
        "eventType": "AwsConsoleSignIn",
        "managementEvent": True,
        "recipientAccountId": scene.account,
        "eventCategory": "Management",
        "tlsDetails": tls(scene, host=f"{scene.region}.signin.aws.amazon.com"),
    }
    if error:
        fields["errorMessage"] = error
    if extra is not None:
        fields["additionalEventData"] = extra
    return assemble(fields, minor=scene.minor)


def login_data(scene: Scene, *, mfa: str) -> dict[str, Any]:
    """The additionalEventData of a ConsoleLogin; ``mfa`` is the ARN of the MFA device, "" when none was used."""
    data: dict[str, Any] = {"LoginTo": _LOGIN_TO.format(region=scene.region), "MobileVersion": "No"}
    return data | ({"MFAIdentifier": mfa, "MFAUsed": "Yes"} if mfa else {"MFAUsed": "No"})


def user_identity(scene: Scene, user: User) -> dict[str, Any]:
    """An IAM user at sign-in: without an access key."""
    return {
        "type": "IAMUser",
        "principalId": user.principal_id,
        "arn": f"arn:aws:iam::{scene.account}:user/{user.name}",
        "accountId": scene.account,
        "userName": user.name,
    }


def _success(scene: Scene) -> Record:
    user = _person(scene)
    device = f"arn:aws:iam::{scene.account}:mfa/{user.name}"
    extra = login_data(scene, mfa=device)
    return sign_in_record(scene, identity=user_identity(scene, user), extra=extra, source=_at_home(scene, user))


def _failure(scene: Scene) -> Record:
    user = _person(scene)
    identity = user_identity(scene, user) | {"accessKeyId": ""}
    del identity["arn"]
    extra = login_data(scene, mfa="")
    return sign_in_record(
        scene,
        identity=identity,
        outcome="Failure",
        extra=extra,
        error="Failed authentication",
        source=_at_home(scene, user),
    )


def _unknown_name(scene: Scene) -> Record:
    hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"
    identity = {"type": "IAMUser", "accountId": scene.account, "accessKeyId": "", "userName": hidden}
    extra = login_data(scene, mfa="")
    error = "No username found in supplied account"
    return sign_in_record(scene, identity=identity, outcome="Failure", extra=extra, error=error)


def _check_mfa(scene: Scene) -> Record:
    user = _person(scene)
    extra = {"MfaType": scene.draw.one(("Virtual MFA", "U2F MFA", "Multiple MFA Devices"))}
    identity = user_identity(scene, user)
    return sign_in_record(scene, name="CheckMfa", identity=identity, extra=extra, source=_at_home(scene, user))


def _federated(scene: Scene) -> Record:
    identity = callers.assumed_role(scene).identity
    identity.pop("accessKeyId", None)
    provider = f"arn:aws:iam::{scene.account}:saml-provider/corp-idp"
    extra = login_data(scene, mfa="") | {"SamlProviderArn": provider}
    return sign_in_record(scene, identity=identity, extra=extra)


def _root(scene: Scene) -> Record:
    identity = {
        "type": "Root",
        "principalId": scene.account,
        "arn": f"arn:aws:iam::{scene.account}:root",
        "accountId": scene.account,
        "accessKeyId": "",
    }
    extra = login_data(scene, mfa=f"arn:aws:iam::{scene.account}:mfa/root-account-mfa-device")
    return sign_in_record(scene, identity=identity, extra=extra)


def _switch_role(scene: Scene) -> Record:
    user = _person(scene)
    extra = {
        "SwitchFrom": f"arn:aws:iam::{scene.account}:user/{user.name}",
        "RedirectTo": f"https://{scene.region}.console.aws.amazon.com/console/home",
        "SwitchTo": f"arn:aws:iam::{scene.value('other')}:role/ReadOnly",
    }
    identity = user_identity(scene, user)
    return sign_in_record(scene, name="SwitchRole", identity=identity, extra=extra, source=_at_home(scene, user))


def _person(scene: Scene) -> User:
    return scene.draw.one(scene.cast.users[: len(names.PEOPLE)])


def _at_home(scene: Scene, user: User) -> tuple[str, str]:
    return user.address, scene.draw.one(names.BROWSERS)


_KINDS: Weighted[Callable[[Scene], Record]] = Weighted(
    (
        (_success, 45),
        (_failure, 12),
        (_unknown_name, 6),
        (_check_mfa, 15),
        (_federated, 12),
        (_root, 3),
        (_switch_role, 7),
    )
)
