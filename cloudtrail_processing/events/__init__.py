"""What CloudTrail says happened: typed, forgiving models of its events and digest files.

Read from the inside out: ``names`` and ``values`` (how fields and single values are spelled), ``parsing`` and
``forgiving`` (from bytes to a model, whatever stands in them), ``head`` and ``deferred`` (what is read at once, and
what later), ``identity`` and ``parts`` (typed parts), ``record`` (raw bytes, metadata, copies), ``event``, and the
other kinds in ``insight`` and ``kinds``.
"""

from cloudtrail_processing.events.actor import actor_of
from cloudtrail_processing.events.digest import DigestFile, DigestLogFile
from cloudtrail_processing.events.event import CloudTrailEvent
from cloudtrail_processing.events.identity import (
    InScopeOf,
    InvokedByDelegate,
    OnBehalfOf,
    SessionAttributes,
    SessionContext,
    SessionIssuer,
    UserIdentity,
    WebIdFederationData,
)
from cloudtrail_processing.events.insight import (
    AttributeValue,
    Average,
    Insight,
    InsightAttributions,
    InsightContext,
    InsightDetails,
    InsightEvent,
    InsightStatistics,
)
from cloudtrail_processing.events.kinds import (
    ActivityData,
    ActivityEvent,
    ActivityIdentity,
    ActivityMetadata,
    ActivitySummary,
    AggregatedEvent,
    Dimension,
    NetworkActivityEvent,
    Statistic,
    TimeWindow,
)
from cloudtrail_processing.events.metadata import EventMetadata, Origin, SourceLog
from cloudtrail_processing.events.parts import Addendum, EdgeDeviceDetails, EventContext, Resource, TlsDetails
from cloudtrail_processing.events.values import HIDDEN, EventVersion, is_omitted, parse_time

__all__ = [
    "HIDDEN",
    "ActivityData",
    "ActivityEvent",
    "ActivityIdentity",
    "ActivityMetadata",
    "ActivitySummary",
    "Addendum",
    "AggregatedEvent",
    "AttributeValue",
    "Average",
    "CloudTrailEvent",
    "DigestFile",
    "DigestLogFile",
    "Dimension",
    "EdgeDeviceDetails",
    "EventContext",
    "EventMetadata",
    "EventVersion",
    "InScopeOf",
    "Insight",
    "InsightAttributions",
    "InsightContext",
    "InsightDetails",
    "InsightEvent",
    "InsightStatistics",
    "InvokedByDelegate",
    "NetworkActivityEvent",
    "OnBehalfOf",
    "Origin",
    "Resource",
    "SessionAttributes",
    "SessionContext",
    "SessionIssuer",
    "SourceLog",
    "Statistic",
    "TimeWindow",
    "TlsDetails",
    "UserIdentity",
    "WebIdFederationData",
    "actor_of",
    "is_omitted",
    "parse_time",
]
