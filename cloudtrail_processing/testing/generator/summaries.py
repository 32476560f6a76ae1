"""Events that sum up other events: Insights and aggregated data events."""

from datetime import datetime, timedelta
from typing import Any

from cloudtrail_processing.testing.generator import cast as names
from cloudtrail_processing.testing.generator.api import SERVICES
from cloudtrail_processing.testing.generator.others import BUSY_CALLS
from cloudtrail_processing.testing.generator.scene import Record, Scene, assemble, wire_time

_WINDOW = timedelta(minutes=5)


def insight_pair(scene: Scene) -> tuple[Record, Record]:
    """The Start and the End of one unusual burst, with the same sharedEventID.

    The End comes at the scene's time, cut to the minute; the Start some minutes before. A third tells of error rates.
    """
    service, call, error = scene.draw.one(BUSY_CALLS)
    of_errors = scene.draw.chance(0.34)
    end = scene.at.replace(second=0, microsecond=0)
    minutes = scene.draw.number(1, 8)
    about = {
        "eventSource": SERVICES[service].source,
        "eventName": call,
        "insightType": "ApiErrorRateInsight" if of_errors else "ApiCallRateInsight",
        **({"errorCode": error} if of_errors else {}),
    }
    context = _context(scene, error=error if of_errors else "null", minutes=minutes)
    shared = scene.draw.uuid()
    start_record = _insight(scene, at=end - timedelta(minutes=minutes), shared=shared, state="Start", about=about)
    end_record = _insight(scene, at=end, shared=shared, state="End", about=about)
    start_record["insightDetails"]["insightContext"] = _without_duration(context)
    end_record["insightDetails"]["insightContext"] = context
    return start_record, end_record


def aggregated(scene: Scene) -> Record:
    """Five minutes of data events counted by one dimension, in any of the three templates."""
    start = scene.at - _WINDOW - timedelta(minutes=scene.at.minute % 5, seconds=scene.at.second)
    primary, others = scene.draw.one(_TEMPLATES)
    total = scene.draw.number(2, 4000)
    return {
        "eventVersion": "1.0",
        "accountId": scene.account,
        "eventId": scene.draw.uuid(),
        "eventCategory": "Aggregated",
        "eventType": "AwsAggregatedEvent",
        "awsRegion": scene.region,
        "eventSource": "s3.amazonaws.com",
        "timeWindow": _window(scene, start),
        "summary": {
            "primaryDimension": _dimension(scene, name=primary, total=total, values=1),
            "details": [_dimension(scene, name=name, total=total, values=2) for name in others],
        },
        **({"addendum": {"reason": "DELIVERY_DELAY"}} if scene.draw.chance(0.05) else {}),
    }


def _insight(scene: Scene, *, at: datetime, shared: str, state: str, about: dict[str, Any]) -> Record:
    fields = {
        "eventTime": wire_time(at),
        "awsRegion": scene.region,
        "eventID": scene.draw.uuid(),
        "eventType": "AwsCloudTrailInsight",
        "recipientAccountId": scene.account,
        "sharedEventID": shared,
        "insightDetails": {"state": state, **about, "insightContext": {}},
        "eventCategory": "Insight",
    }
    return assemble(fields, minor=max(scene.minor, 7))


def _context(scene: Scene, *, error: str, minutes: int) -> dict[str, Any]:
    baseline = scene.draw.number(1, 900) / 9_000_000
    insight = float(scene.draw.number(3, 90))
    role = f"arn:aws:sts::{scene.account}:assumed-role/{scene.value('role')}/{scene.value('session')}"
    values = (("userIdentityArn", role), ("userAgent", scene.draw.one(names.AGENTS)), ("errorCode", error))
    context: dict[str, Any] = {
        "statistics": {
            "baseline": {"average": baseline},
            "insight": {"average": insight},
            "insightDuration": minutes,
            "baselineDuration": scene.draw.number(8000, 10181),
        }
    }
    if scene.minor >= 8:
        context["attributions"] = [
            {
                "attribute": attribute,
                "insight": [{"value": value, "average": insight}],
                "baseline": [{"value": value, "average": baseline}] if scene.draw.chance(0.6) else [],
            }
            for attribute, value in values
        ]
    return context


def _without_duration(context: dict[str, Any]) -> dict[str, Any]:
    statistics = {name: value for name, value in context["statistics"].items() if name != "insightDuration"}
    return {**context, "statistics": statistics}


def _window(scene: Scene, start: datetime) -> dict[str, str]:
    begin, end = wire_time(start), wire_time(start + _WINDOW)
    if scene.draw.chance(0.3):
        begin, end = (text.replace("T", " ").removesuffix("Z") for text in (begin, end))
    return {"windowStart": begin, "windowEnd": end, "windowSize": "PT5M"}


_TEMPLATES = (
    ("eventName", ("resourceARN", "userIdentity", "userAgent", "sourceIpAddress")),
    ("resourceARN", ("eventName", "userIdentity")),
    ("userIdentity", ("eventName", "resourceARN")),
)
"""API_ACTIVITY, RESOURCE_ACCESS and USER_ACTIONS: the primary dimension and the others."""


def _dimension(scene: Scene, *, name: str, total: int, values: int) -> dict[str, Any]:
    first = total if values == 1 else scene.draw.number(1, total - 1)
    counts = (first,) if values == 1 else (first, total - first)
    named = zip(_dimension_values(scene, name), counts, strict=False)
    statistics = [{"name": value, "value": count} for value, count in named]
    return {"dimension": name, "statistics": statistics, "aggregationType": "Count"}


def _dimension_values(scene: Scene, name: str) -> tuple[str, str]:
    return {
        "eventName": ("GetObject", "PutObject"),
        "resourceARN": (
            f"arn:aws:s3:::{scene.cast.bucket('data-lake')}",
            f"arn:aws:s3:::{scene.cast.bucket('app-assets')}",
        ),
        "userIdentity": (f"AWSAccount:{scene.account}", "AWSService:AWS Internal"),
        "userAgent": (names.AGENTS[1], "AWS Internal"),
        "sourceIpAddress": (scene.cast.users[0].address, "AWS Internal"),
    }[name]
