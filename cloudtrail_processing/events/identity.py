"""Who made a request: ``userIdentity`` and its parts.

Source: AWS CloudTrail User Guide, "CloudTrail userIdentity element". Every member is optional; which ones are there
depends on the kind of caller and on the service. Unknown members are in ``model_extra``.
"""

from typing import Any

from cloudtrail_processing.events.deferred import Part
from cloudtrail_processing.events.values import as_bool


class SessionIssuer(Part):
    """Who issued temporary credentials: the role or user behind a session. Java: ``SessionIssuer``."""

    type: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None
    user_name: str | None = None


class WebIdFederationData(Part):
    """The web identity behind a session; often the empty object. Java: ``WebIdentitySessionContext``."""

    federated_provider: str | None = None
    attributes: dict[str, Any] | None = None


class SessionAttributes(Part):
    """When a session was made and whether with MFA; the wire spells both as text. ``parse_time`` reads the date."""

    creation_date: str | None = None
    mfa_authenticated: str | None = None

    @property
    def is_mfa_authenticated(self) -> bool | None:
        """Whether the session was made with MFA; None when the record does not tell."""
        return as_bool(self.mfa_authenticated)


class SessionContext(Part):
    """The session of temporary credentials. Java: ``SessionContext``."""

    session_issuer: SessionIssuer | None = None
    web_id_federation_data: WebIdFederationData | None = None
    attributes: SessionAttributes | None = None
    source_identity: str | None = None
    ec2_role_delivery: str | None = None
    """"1.0" or "2.0": by which instance metadata service the credentials were handed out."""
    assumed_root: str | None = None
    sign_in_session_arn: str | None = None


class InvokedByDelegate(Part):
    """The product provider that acted by delegated access. Java: ``InvokedByDelegate``."""

    account_id: str | None = None


class OnBehalfOf(Part):
    """The Identity Center user on whose behalf the call was made. Java: ``OnBehalfOf``."""

    user_id: str | None = None
    identity_store_arn: str | None = None


class InScopeOf(Part):
    """The resource whose credentials were used, such as a Lambda function. Java: ``InScopeOf``."""

    source_arn: str | None = None
    source_account: str | None = None
    issuer_type: str | None = None
    credentials_issued_to: str | None = None


class UserIdentity(Part):
    """Who made the request. Java: ``UserIdentity``.

    ``type`` is one of Root, IAMUser, AssumedRole, Role, FederatedUser, Directory, AWSAccount, AWSService,
    IdentityCenterUser, SAMLUser, WebIdentityUser, Unknown, or None on many service events. ``user_name`` can be
    ``HIDDEN``, ``account_id`` can be ``ANONYMOUS_PRINCIPAL`` or empty, ``arn`` is missing on failed sign-ins.
    """

    type: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None
    access_key_id: str | None = None
    user_name: str | None = None
    session_context: SessionContext | None = None
    invoked_by: str | None = None
    invoked_by_delegate: InvokedByDelegate | None = None
    on_behalf_of: OnBehalfOf | None = None
    in_scope_of: InScopeOf | None = None
    credential_id: str | None = None
    identity_provider: str | None = None
