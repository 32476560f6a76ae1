from datetime import UTC, datetime
from typing import Any

import pytest

from cloudtrail_processing.events import (
    ActivityEvent,
    AggregatedEvent,
    CloudTrailEvent,
    InsightEvent,
    NetworkActivityEvent,
)


@pytest.mark.parametrize(
    ("record", "kind", "category"),
    [
        ({}, CloudTrailEvent, "Management"),
        ({"eventType": "AwsApiCall"}, CloudTrailEvent, "Management"),
        ({"eventType": "AwsApiCall", "eventCategory": "Data"}, CloudTrailEvent, "Data"),
        ({"eventType": "AwsServiceEvent", "eventCategory": "Management"}, CloudTrailEvent, "Management"),
        ({"eventType": "AwsVpceEvent"}, NetworkActivityEvent, "NetworkActivity"),
        ({"eventType": "AwsVpceEvents"}, NetworkActivityEvent, "NetworkActivity"),
        ({"eventCategory": "NetworkActivity"}, NetworkActivityEvent, "NetworkActivity"),
        ({"eventType": "AwsApiCall", "eventCategory": "NetworkActivity"}, NetworkActivityEvent, "NetworkActivity"),
        ({"eventCategory": "Insight"}, InsightEvent, "Insight"),
        ({"eventType": "AwsCloudTrailInsight"}, InsightEvent, "Insight"),
        ({"insightDetails": {"state": "Start"}}, InsightEvent, "Insight"),
        ({"insightType": "ApiCallRateInsight"}, InsightEvent, "Insight"),
        ({"insightState": "End"}, InsightEvent, "Insight"),
        ({"eventType": "AwsApiCall", "insightDetails": {"state": "Start"}}, CloudTrailEvent, "Management"),
        ({"eventCategory": "Aggregated"}, AggregatedEvent, "Aggregated"),
        ({"eventType": "AwsAggregatedEvent"}, AggregatedEvent, "Aggregated"),
        ({"eventCategory": "ActivityAuditLog"}, ActivityEvent, "ActivityAuditLog"),
        ({"eventType": "ActivityLog"}, ActivityEvent, "ActivityAuditLog"),
        ({"eventType": "BrandNew", "eventCategory": "BrandNew"}, CloudTrailEvent, "BrandNew"),
        ({"eventType": ["odd"], "eventCategory": {"odd": 1}}, CloudTrailEvent, "Management"),
    ],
)
def test_the_kind_of_an_event_follows_from_its_category_type_or_fields(
    record: dict[str, Any], kind: type[CloudTrailEvent], category: str
) -> None:
    event = CloudTrailEvent.from_dict(record)
    assert type(event) is kind
    assert event.category == category


def test_a_class_that_is_named_outright_is_what_one_gets() -> None:
    assert type(InsightEvent.from_json(b'{"eventType": "AwsApiCall"}')) is InsightEvent


def test_a_users_own_subclass_reads_its_fields_and_keeps_out_of_other_peoples_events() -> None:
    class WithTeam(CloudTrailEvent):
        team_name: str = ""

    record = b'{"eventType": "AwsVpceEvent", "teamName": "red"}'
    assert WithTeam.from_json(record).team_name == "red"
    assert type(CloudTrailEvent.from_json(record)) is NetworkActivityEvent


def test_an_odd_field_is_named_on_every_kind() -> None:
    event = CloudTrailEvent.from_dict({"eventCategory": "Aggregated", "timeWindow": {"windowStart": 7}})
    assert isinstance(event, AggregatedEvent)
    assert event.anomalies == ("timeWindow.windowStart",)
    assert event.time_window.start is None


AGGREGATED = {
    "eventVersion": "1.0",
    "accountId": "111122223333",
    "eventId": "4da798a8-1db6-4d17-8b51-4c33df06b56d",
    "eventCategory": "Aggregated",
    "eventType": "AwsAggregatedEvent",
    "awsRegion": "us-east-1",
    "eventSource": "s3.amazonaws.com",
    "timeWindow": {"windowStart": "2025-10-30 23:45:00", "windowEnd": "2025-10-30T23:50:00Z", "windowSize": "PT5M"},
    "summary": {
        "primaryDimension": {
            "dimension": "eventName",
            "statistics": [{"name": "PutObject", "value": 30}],
            "aggregationType": "Count",
        },
        "details": [{"dimension": "userIdentity", "statistics": [{"name": "AWSAccount:1", "value": 20}]}],
    },
}


def test_an_aggregated_event_has_its_window_counts_account_and_id() -> None:
    event = CloudTrailEvent.from_dict(AGGREGATED)
    assert isinstance(event, AggregatedEvent)
    assert event.event_id == "4da798a8-1db6-4d17-8b51-4c33df06b56d"
    assert event.account_id == "111122223333"
    assert event.time_window.start == datetime(2025, 10, 30, 23, 45, tzinfo=UTC)
    assert event.time_window.end == datetime(2025, 10, 30, 23, 50, tzinfo=UTC)
    primary, details = event.summary.primary_dimension, event.summary.details
    assert primary is not None
    assert primary.statistics is not None
    assert (primary.dimension, primary.statistics[0].name, primary.statistics[0].value) == (
        "eventName",
        "PutObject",
        30,
    )
    assert details is not None
    assert details[0].dimension == "userIdentity"
    assert (event.anomalies, event.model_extra) == ((), {})


def test_an_activity_event_has_what_its_source_sent() -> None:
    event = CloudTrailEvent.from_dict(
        {
            "eventVersion": "1.01",
            "eventCategory": "ActivityAuditLog",
            "eventType": "ActivityLog",
            "eventID": "e1",
            "metadata": {"ingestionTime": "2022-10-26T16:46:00Z", "channelARN": "arn:aws:cloudtrail:x:1:channel/c"},
            "eventData": {"UID": "u1", "eventName": "Login", "errorCode": "Denied", "requestParameters": {"a": 1}},
        }
    )
    assert isinstance(event, ActivityEvent)
    assert event.activity_metadata is not None
    assert event.activity_metadata.channel_arn == "arn:aws:cloudtrail:x:1:channel/c"
    assert event.metadata.log is None
    assert (event.event_data.uid, event.event_data.event_name) == ("u1", "Login")
    assert event.event_data.request_parameters == {"a": 1}
    assert event.failed
    assert (event.anomalies, event.model_extra) == ((), {})
