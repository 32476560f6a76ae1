"""How fields are spelled: snake_case in Python, CloudTrail's own camelCase on the wire."""

from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

_IRREGULAR: Final = MappingProxyType(
    {
        "channel_arn": "channelARN",
        "event_id": "eventID",
        "event_time_text": "eventTime",
        "original_event_id": "originalEventID",
        "original_request_id": "originalRequestID",
        "original_uid": "originalUID",
        "request_id": "requestID",
        "shared_event_id": "sharedEventID",
        "source_ip_address": "sourceIPAddress",
        "uid": "UID",
    }
)


def wire_name(name: str) -> str:
    """The wire's spelling of a Python field name: ``aws_region`` → ``awsRegion``, ``event_id`` → ``eventID``."""
    if name in _IRREGULAR:
        return _IRREGULAR[name]
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def field_of(model: type[BaseModel], wire: object) -> str | None:
    """The Python name of the field that ``model`` reads from the wire name ``wire``; None when it declares none."""
    return next((name for name, field in model.model_fields.items() if field.alias == wire), None)
