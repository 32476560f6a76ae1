"""The few fields of a record that filters ask for, read without building the event."""

import msgspec

from cloudtrail_processing.events.names import wire_name

# Records of other categories and types are models of their own, with fields of their own: they are left to the model.
_CATEGORIES = frozenset({None, "Management", "Data"})
_TYPES = frozenset({"AwsApiCall", "AwsServiceEvent", "AwsConsoleSignIn", "AwsConsoleAction"})


class IssuerHeader(msgspec.Struct, rename=wire_name, gc=False):
    """``sessionContext.sessionIssuer``: who issued the session's credentials."""

    account_id: str | None = None
    arn: str | None = None
    user_name: str | None = None


class SessionHeader(msgspec.Struct, rename=wire_name, gc=False):
    """``sessionContext``."""

    session_issuer: IssuerHeader | None = None


class IdentityHeader(msgspec.Struct, rename=wire_name, gc=False):
    """``userIdentity``."""

    type: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None
    user_name: str | None = None
    session_context: SessionHeader | None = None


class Header(msgspec.Struct, rename=wire_name, gc=False):
    """The top-level fields of a management or data event that filters ask for; None where absent or null.

    Names are those of ``CloudTrailEvent``, values are as on the wire.
    """

    event_source: str | None = None
    event_name: str | None = None
    aws_region: str | None = None
    recipient_account_id: str | None = None
    error_code: str | None = None
    read_only: bool | None = None
    event_category: str | None = None
    event_type: str | None = None
    management_event: bool | None = None
    source_ip_address: str | None = None
    event_time: str | None = None
    user_agent: str | None = None
    user_identity: IdentityHeader | None = None


_decode = msgspec.json.Decoder(Header).decode


def decode_header(raw: bytes) -> Header | None:
    """The header of one record, in about a microsecond; None when only the whole event can tell, never an error.

    None for records that are no JSON objects, have a field of an odd type, or are no management or data events.
    """
    try:
        header = _decode(raw)
    except (ValueError, RecursionError):
        return None
    return header if header.event_type in _TYPES and header.event_category in _CATEGORIES else None
