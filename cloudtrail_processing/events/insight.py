"""Insight events: CloudTrail noticed an unusual rate of calls or of errors.

Source: AWS CloudTrail User Guide, "CloudTrail record contents for Insights events" for trails and for event data
stores. Both forms are one class; ``InsightEvent.insight`` reads whichever is there.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from cloudtrail_processing.events.deferred import Part
from cloudtrail_processing.events.event import CloudTrailEvent
from cloudtrail_processing.events.values import as_text, reach


class AttributeValue(Part):
    """A value and how many calls a minute had it. Java: ``AttributeValue``. ``value`` is the text "null" for none."""

    value: str | None = None
    average: float | None = None


class InsightAttributions(Part):
    """Who or what the unusual calls are put down to, beside the usual. Java: ``InsightAttributions``.

    ``attribute`` is userIdentityArn, userAgent, errorCode or resourceArn; the lists have at most five values. The
    single values are what event data stores wrote before June 2025.
    """

    attribute: str | None = None
    insight: list[AttributeValue] | None = None
    baseline: list[AttributeValue] | None = None
    insight_value: str | None = None
    insight_average: float | None = None
    baseline_value: str | None = None
    baseline_average: float | None = None


class Average(Part):
    """Calls or errors per minute."""

    average: float | None = None


class InsightStatistics(Part):
    """The unusual rate beside the usual one; durations are in minutes. Java: ``InsightStatistics``."""

    baseline: Average | None = None
    insight: Average | None = None
    insight_duration: int | None = None
    baseline_duration: int | None = None


class InsightContext(Part):
    """What an Insight is based on. Java: ``InsightContext``. Only event data stores have the flat numbers."""

    statistics: InsightStatistics | None = None
    attributions: list[InsightAttributions] | None = None
    baseline_average: float | None = None
    insight_average: float | None = None
    baseline_duration: int | None = None
    insight_duration: int | None = None


class InsightDetails(Part):
    """What was unusual, as trails write it. Java: ``InsightDetails``."""

    state: str | None = None
    event_source: str | None = None
    event_name: str | None = None
    insight_type: str | None = None
    error_code: str | None = None
    insight_context: InsightContext | None = None


@dataclass(frozen=True, slots=True)
class Insight:
    """What was unusual, whichever of the two forms told it.

    ``state`` is Start or End; both events of a pair have the same ``shared_event_id``. Averages are calls or errors
    per minute, durations are minutes; a Start often has no ``insight_duration``.
    """

    state: str | None
    event_source: str | None
    event_name: str | None
    insight_type: str | None
    error_code: str | None
    insight_average: float | None
    baseline_average: float | None
    insight_duration: int | None
    baseline_duration: int | None
    attributions: tuple[InsightAttributions, ...]

    @property
    def is_start(self) -> bool:
        """True when the unusual activity begins."""
        return self.state == "Start"

    @property
    def is_end(self) -> bool:
        """True when it is over."""
        return self.state == "End"


class InsightEvent(CloudTrailEvent):
    """CloudTrail noticed something unusual. Java: a ``CloudTrailEventData`` with ``getInsightDetails``.

    It has no caller, source or name of its own: ``insight.event_name`` is what was called unusually often.
    """

    __slots__ = ()

    kinds: ClassVar[tuple[str, ...]] = ("Insight", "AwsCloudTrailInsight")

    insight_details: InsightDetails = InsightDetails()
    insight_source: str | None = None
    insight_state: str | None = None
    insight_event_source: str | None = None
    insight_event_name: str | None = None
    insight_error_code: str | None = None
    insight_type: str | None = None
    insight_context: InsightContext | None = None

    @classmethod
    def describes(cls, event: CloudTrailEvent) -> bool:
        """True when ``event`` says that it is an Insight, or has the fields of one."""
        if super().describes(event):
            return True
        says_otherwise = as_text(event.event_category) or as_text(event.event_type)
        return not says_otherwise and any(event.get(name) for name in ("insightDetails", "insightType", "insightState"))

    @property
    def insight(self) -> Insight:
        """What was unusual, from ``insight_details`` or else from the flat fields of event data stores."""
        details = self.insight_details
        context = reach(details, "insight_context") or self.insight_context
        statistics = reach(context, "statistics")
        attributions = reach(context, "attributions")
        return Insight(
            state=reach(details, "state") or self.insight_state,
            event_source=reach(details, "event_source") or self.insight_event_source,
            event_name=reach(details, "event_name") or self.insight_event_name,
            insight_type=reach(details, "insight_type") or self.insight_type,
            error_code=reach(details, "error_code") or self.insight_error_code,
            insight_average=_first(reach(statistics, "insight", "average"), reach(context, "insight_average")),
            baseline_average=_first(reach(statistics, "baseline", "average"), reach(context, "baseline_average")),
            insight_duration=_first(reach(statistics, "insight_duration"), reach(context, "insight_duration")),
            baseline_duration=_first(reach(statistics, "baseline_duration"), reach(context, "baseline_duration")),
            attributions=tuple(attributions) if isinstance(attributions, list) else (),
        )


def _first(*values: Any) -> Any:
    """The first value that is there; a rate of 0.0 is."""
    return next((value for value in values if value is not None), None)
