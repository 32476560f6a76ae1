"""Who did it, in one readable string."""

from typing import Any, Final

from cloudtrail_processing.events.values import as_text, reach

UNKNOWN: Final = "unknown"
ANONYMOUS: Final = "ANONYMOUS_PRINCIPAL"


def actor_of(identity: object) -> str:
    """``identity`` (a ``UserIdentity``) in one readable string; never empty, never raises.

    ==================  =============================================================
    ``type``            text
    ==================  =============================================================
    Root                ``root (123456789012)``
    IAMUser             ``user/alice (123456789012)``
    AssumedRole         ``role/Admin session bob (123456789012)``
    Role                ``role/Admin (123456789012)``
    FederatedUser       ``federated/carol (123456789012)``
    IdentityCenterUser  ``identity-center/94482488-3041-7 (123456789012)``
    SAMLUser            ``saml/dave from https://idp.example.com/saml``
    WebIdentityUser     ``web/erin from cognito-identity.amazonaws.com``
    Directory           ``directory/frank (123456789012)``
    AWSAccount          ``account/123456789012``, or ``anonymous``
    AWSService          ``ec2.amazonaws.com``
    anything else       the service that called, else the name, ARN, principal or account, else ``unknown``
    ==================  =============================================================

    Whatever is missing is left out: ``user/alice``, ``role/Admin``. When a service made the call for somebody,
    `` via cloudformation.amazonaws.com`` follows.
    """
    kind = as_text(reach(identity, "type"))
    service = as_text(reach(identity, "invoked_by"))
    if as_text(reach(identity, "account_id")) == ANONYMOUS or reach(identity, "principal_id") == "Anonymous":
        return "anonymous"
    if kind in (None, "AWSService"):
        return service or _any_name(identity)
    text = _describe(kind, identity)
    return f"{text} via {service}" if service and text != service else text


def _describe(kind: str | None, identity: object) -> str:
    match kind:
        case "Root":
            return _with_account("root", identity)
        case "IAMUser":
            return _named("user", _name(identity), identity)
        case "AssumedRole":
            return _named("role", _role_session(identity), identity)
        case "Role":
            return _named("role", _issuer_name(identity) or _name(identity), identity)
        case "FederatedUser":
            return _named("federated", _name(identity), identity)
        case "IdentityCenterUser":
            user = as_text(reach(identity, "on_behalf_of", "user_id"))
            return _named("identity-center", user or _name(identity), identity)
        case "SAMLUser":
            return _from_provider("saml", identity)
        case "WebIdentityUser":
            return _from_provider("web", identity)
        case "Directory":
            return _named("directory", _name(identity), identity)
        case "AWSAccount":
            account = as_text(reach(identity, "account_id"))
            return f"account/{account}" if account else _any_name(identity)
        case _:
            return as_text(reach(identity, "invoked_by")) or _any_name(identity)


def _named(prefix: str, name: str | None, identity: object) -> str:
    return _with_account(f"{prefix}/{name}" if name else prefix, identity)


def _with_account(text: str, identity: object) -> str:
    account = as_text(reach(identity, "account_id"))
    return f"{text} ({account})" if account else text


def _from_provider(prefix: str, identity: object) -> str:
    text = f"{prefix}/{_name(identity) or UNKNOWN}"
    provider = as_text(reach(identity, "identity_provider"))
    return f"{text} from {provider}" if provider else text


def _name(identity: object) -> str | None:
    """The user name, else the last part of the ARN or of the principal."""
    known: list[Any] = [reach(identity, "user_name"), reach(identity, "arn"), reach(identity, "principal_id")]
    user_name, arn, principal = (as_text(value) for value in known)
    return user_name or _last(arn, "/") or _last(principal, ":")


def _role_session(identity: object) -> str | None:
    """``Admin session bob``: the role from the issuer or the ARN, the session from the ARN or the principal."""
    arn = (as_text(reach(identity, "arn")) or "").split("/")
    role = _issuer_name(identity) or (arn[-2] if len(arn) > 2 else None)
    principal = as_text(reach(identity, "principal_id")) or ""
    session = arn[-1] if len(arn) > 2 else principal.partition(":")[2]
    if role and session:
        return f"{role} session {session}"
    return role or _name(identity)


def _issuer_name(identity: object) -> str | None:
    issuer = reach(identity, "session_context", "session_issuer")
    return as_text(reach(issuer, "user_name")) or _last(as_text(reach(issuer, "arn")), "/")


def _any_name(identity: object) -> str:
    """The most telling member that is there."""
    for member in ("user_name", "arn", "principal_id"):
        if found := as_text(reach(identity, member)):
            return found
    account = as_text(reach(identity, "account_id"))
    return f"account/{account}" if account else UNKNOWN


def _last(text: str | None, separator: str) -> str | None:
    return text.rpartition(separator)[2] or None if text else None
