from typing import Any

import pytest

from cloudtrail_processing.events import CloudTrailEvent, InsightEvent

TRAIL: dict[str, Any] = {
    "eventVersion": "1.08",
    "eventType": "AwsCloudTrailInsight",
    "eventCategory": "Insight",
    "sharedEventID": "s1",
    "insightDetails": {
        "state": "End",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser",
        "insightType": "ApiErrorRateInsight",
        "errorCode": "AccessDenied",
        "insightContext": {
            "statistics": {
                "baseline": {"average": 0.0},
                "insight": {"average": 664},
                "insightDuration": 1,
                "baselineDuration": 10181,
            },
            "attributions": [
                {
                    "attribute": "userAgent",
                    "insight": [{"value": "curl", "average": 5.0}],
                    "baseline": [{"value": "null", "average": 9.82222e-05}],
                }
            ],
        },
    },
}
STORE: dict[str, Any] = {
    "eventCategory": "Insight",
    "insightSource": "arn:aws:cloudtrail:eu-west-1:1:eventdatastore/e",
    "insightState": "End",
    "insightEventSource": "iam.amazonaws.com",
    "insightEventName": "CreateUser",
    "insightErrorCode": "AccessDenied",
    "insightType": "ApiErrorRateInsight",
    "insightContext": {
        "baselineAverage": 0.0,
        "insightAverage": 664,
        "baselineDuration": 10181,
        "insightDuration": 1,
        "attributions": [
            {
                "attribute": "userAgent",
                "insightValue": "curl",
                "insightAverage": 5.0,
                "baselineValue": "null",
                "baselineAverage": 9.82222e-05,
                "insight": [{"value": "curl", "average": 5.0}],
                "baseline": [{"value": "null", "average": 9.82222e-05}],
            }
        ],
    },
}


@pytest.mark.parametrize("record", [TRAIL, STORE], ids=["trail", "event data store"])
def test_both_forms_of_an_insight_tell_the_same(record: dict[str, Any]) -> None:
    event = CloudTrailEvent.from_dict(record)
    assert isinstance(event, InsightEvent)
    assert (event.anomalies, event.model_extra) == ((), {})
    insight = event.insight
    assert (insight.state, insight.is_start, insight.is_end) == ("End", False, True)
    assert (insight.event_source, insight.event_name) == ("iam.amazonaws.com", "CreateUser")
    assert (insight.insight_type, insight.error_code) == ("ApiErrorRateInsight", "AccessDenied")
    assert (insight.insight_average, insight.baseline_average) == (664.0, 0.0)
    assert (insight.insight_duration, insight.baseline_duration) == (1, 10181)
    (attribution,) = insight.attributions
    assert attribution.attribute == "userAgent"
    assert attribution.insight is not None
    assert (attribution.insight[0].value, attribution.insight[0].average) == ("curl", 5.0)


def test_a_start_of_2019_without_durations_and_attributions_is_an_insight() -> None:
    statistics = {"baseline": {"average": 85.4202380952}, "insight": {"average": 664}}
    details = {"state": "Start", "insightContext": {"statistics": statistics}}
    event = CloudTrailEvent.from_dict({"eventType": "AwsCloudTrailInsight", "insightDetails": details})
    assert isinstance(event, InsightEvent)
    assert event.insight.is_start
    assert event.insight.insight_duration is None
    assert event.insight.attributions == ()


def test_an_insight_has_the_defaults_of_every_event() -> None:
    event = CloudTrailEvent.from_dict(TRAIL)
    assert (event.event_name, event.actor, event.failed) == ("", "unknown", False)
