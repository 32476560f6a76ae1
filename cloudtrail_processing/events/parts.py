"""The other typed parts of an event.

Source: AWS CloudTrail User Guide, "CloudTrail record contents for management, data, and network activity events".
Every member is optional; unknown members are in ``model_extra``.
"""

from typing import Any

from pydantic import Field

from cloudtrail_processing.events.deferred import Part


class Resource(Part):
    """A resource that the request touched. Java: ``Resource``.

    Listings have ``arn_prefix`` instead of ``arn``. ``account_id`` can be ``HIDDEN``.
    """

    arn: str | None = Field(default=None, alias="ARN")
    arn_prefix: str | None = Field(default=None, alias="ARNPrefix")
    account_id: str | None = None
    type: str | None = None


class TlsDetails(Part):
    """The TLS connection of the request; absent when an AWS service made it. Java: ``TlsDetails``."""

    tls_version: str | None = None
    cipher_suite: str | None = None
    client_provided_host_header: str | None = None
    key_exchange: str | None = None


class EdgeDeviceDetails(Part):
    """The Snow device that the request came from. Java: ``EdgeDeviceDetails``."""

    type: str | None = None
    snow_job_id: str | None = None
    device_id: str | None = None
    device_family: str | None = None
    attributes: dict[str, Any] | None = None


class Addendum(Part):
    """Why an event came late or a second time. Java: ``Addendum``.

    ``reason`` is DELIVERY_DELAY, UPDATED_DATA or SERVICE_OUTAGE. ``updated_fields`` names the fields that changed, as
    one text or as a list. The originals are named only with UPDATED_DATA; ``original_uid`` on Lake activity events.
    """

    reason: str | None = None
    updated_fields: str | list[str] | None = None
    original_request_id: str | None = None
    original_event_id: str | None = None
    original_uid: str | None = None


class EventContext(Part):
    """What an enriching event data store added: IAM condition keys and tags. Never in the logs of a trail.

    ``request_context`` is ``{"aws:…": text or list}``; ``tag_context`` has ``resourceTags`` and ``principalTags``.
    """

    request_context: dict[str, Any] | None = None
    tag_context: dict[str, Any] | None = None
