"""The other kinds of events: network activity, aggregated data events, activity from outside of AWS.

Source: AWS CloudTrail User Guide, "Network activity events", "Aggregated events" (since November 2025) and
"CloudTrail Lake integrations event schema".
"""

from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from cloudtrail_processing.events.actor import actor_of
from cloudtrail_processing.events.deferred import Part
from cloudtrail_processing.events.event import CloudTrailEvent
from cloudtrail_processing.events.values import as_text, parse_time, reach


class NetworkActivityEvent(CloudTrailEvent):
    """A call through a VPC endpoint, seen from the endpoint's owner.

    ``error_code`` is ``VpceAccessDenied`` when the endpoint's policy denied it. Request, response and user agent are
    absent; the caller is reduced to its account when that is not the endpoint's.
    """

    __slots__ = ()

    # The guide's text says AwsVpceEvents, its examples and all real records say AwsVpceEvent.
    kinds: ClassVar[tuple[str, ...]] = ("NetworkActivity", "AwsVpceEvent", "AwsVpceEvents")


class TimeWindow(Part):
    """The time that an aggregated event covers, as written; ``start`` and ``end`` are the moments."""

    window_start: str | None = None
    window_end: str | None = None
    window_size: str | None = None
    """An ISO 8601 duration, ``PT5M``."""

    @property
    def start(self) -> datetime | None:
        """The first moment inside, in UTC; None when absent or unreadable."""
        return parse_time(self.window_start)

    @property
    def end(self) -> datetime | None:
        """The first moment after, in UTC; None when absent or unreadable."""
        return parse_time(self.window_end)


class Statistic(Part):
    """How often ``name`` occurred."""

    name: str | None = None
    value: int | None = None


class Dimension(Part):
    """Counts by one dimension: eventName, resourceARN, userIdentity, userAgent or sourceIpAddress."""

    dimension: str | None = None
    statistics: list[Statistic] | None = None
    aggregation_type: str | None = None


class ActivitySummary(Part):
    """What was counted: ``primary_dimension`` is what the event is about, ``details`` breaks it down."""

    primary_dimension: Dimension | None = None
    details: list[Dimension] | None = None


class AggregatedEvent(CloudTrailEvent):
    """Data events of five minutes, counted: no caller and no ``event_time``. Its versions start anew at "1.0"."""

    __slots__ = ()

    kinds: ClassVar[tuple[str, ...]] = ("Aggregated", "AwsAggregatedEvent")

    event_id: str = Field(default="", alias="eventId")
    """``eventId`` on the wire, unlike all other kinds."""
    account: str | None = Field(default=None, alias="accountId")
    time_window: TimeWindow = TimeWindow()
    summary: ActivitySummary = ActivitySummary()

    @property
    def account_id(self) -> str | None:
        """The account whose events were counted."""
        return as_text(self.account) or super().account_id


class ActivityMetadata(Part):
    """How an activity event came into the event data store."""

    ingestion_time: str | None = None
    channel_arn: str | None = None


class ActivityIdentity(Part):
    """Who acted outside of AWS, in the words of the source."""

    type: str | None = None
    principal_id: str | None = None
    details: dict[str, Any] | None = None


class ActivityData(Part):
    """What the source outside of AWS sent. Free-form members stay as they came."""

    version: str | None = None
    user_identity: ActivityIdentity | None = None
    user_agent: str | None = None
    event_source: str | None = None
    event_name: str | None = None
    event_time: str | None = None
    uid: str | None = None
    request_parameters: Any = None
    response_elements: Any = None
    error_code: str | None = None
    error_message: str | None = None
    source_ip_address: str | None = None
    recipient_account_id: str | None = None
    additional_event_data: Any = None


class ActivityEvent(CloudTrailEvent):
    """An event from outside of AWS, by a Lake integration. What happened is in ``event_data``."""

    __slots__ = ()

    kinds: ClassVar[tuple[str, ...]] = ("ActivityAuditLog", "ActivityLog")

    activity_metadata: ActivityMetadata | None = Field(default=None, alias="metadata")
    """``metadata`` on the wire; ``event.metadata`` says which log the event came from."""
    event_data: ActivityData = ActivityData()

    @property
    def actor(self) -> str:
        """Who did it, in the words of the source; ``unknown`` when it does not tell."""
        return actor_of(reach(self.event_data, "user_identity"))

    @property
    def failed(self) -> bool:
        """True when the source reports an error."""
        return bool(self.error_code or reach(self.event_data, "error_code"))
