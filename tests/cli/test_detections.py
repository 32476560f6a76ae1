"""The detector finds the whole attack story, whatever the order and however often its events come."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudtrail_processing.cli.detections import Detector
from cloudtrail_processing.testing import Generator, batch, event, record

ADMIN = {"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
STORY = [
    ("burst of refused calls: what can this key do?", "user/ci-deploy"),
    ("new access key for another user: support-backup", "user/ci-deploy"),
    ("administrator policy attached to support-backup", "user/ci-deploy"),
    ("console password for user support-backup", "user/ci-deploy"),
    ("console sign-in without MFA", "user/support-backup"),
    ("burst of secrets read", "user/support-backup"),
    ("2,224 MB taken from customer-exports-111122223333", "user/support-backup"),
    ("trail stopped", "user/support-backup"),
    ("trail deleted", "user/support-backup"),
    ("flow logs deleted", "user/support-backup"),
]


def found(*records: Any) -> list[str]:
    detector = Detector()
    detector.process(batch(records))
    return [finding.what for finding in detector.findings()]


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_story_is_found_in_its_order(order: int) -> None:
    records = Generator(4).attack_story() * 2
    random.Random(order).shuffle(records)
    detector = Detector()
    for one in records:
        detector.process(batch([one]))
    findings = detector.findings()
    assert [(finding.what, finding.actor.partition(" ")[0]) for finding in findings] == STORY
    assert findings[0].time == datetime(2026, 9, 14, 8, 0, 41, tzinfo=UTC)
    assert findings[0].address == "203.0.113.66"


@pytest.mark.parametrize(
    "one",
    [
        record(event_name="CreateAccessKey", request_parameters={"userName": "alice"}),
        record(event_name="CreateAccessKey", request_parameters=None),
        record(
            event_name="AttachUserPolicy", request_parameters={**ADMIN, "policyArn": "arn:aws:iam::aws:policy/Other"}
        ),
        record(event_name="AttachUserPolicy", request_parameters=ADMIN, error_code="AccessDenied"),
        record(event_name="ConsoleLogin"),
        record(event_name="StopLogging", error_code="AccessDenied"),
        record(event_name="GetObject", additional_event_data={"bytesTransferredOut": "many"}),
        record(event_name="DeleteTrail", event_time="some day"),
        {},
        {"eventName": ["odd"], "userIdentity": "odd", "eventTime": 7, "errorCode": {"odd": True}},
    ],
)
def test_what_is_ordinary_refused_or_odd_is_no_finding(one: dict[str, Any]) -> None:
    assert found(one) == []


def test_an_administrator_policy_counts_for_users_roles_and_groups() -> None:
    policy = ADMIN["policyArn"]
    named = {"AttachUserPolicy": {"userName": "u"}, "AttachRolePolicy": {"roleName": "r"}, "AttachGroupPolicy": {}}
    events = [event(event_name=name, request_parameters={"policyArn": policy, **who}) for name, who in named.items()]
    assert sorted(found(*events)) == [f"administrator policy attached to {who}" for who in ("a group", "r", "u")]


def test_downloads_from_one_bucket_are_one_theft_with_their_sum_until_there_is_a_pause() -> None:
    size, bucket = {"bytesTransferredOut": 200_000_000}, {"bucketName": "plans"}
    downloads = [
        record(
            event_name="GetObject",
            event_time=f"2026-01-01T{time}:00Z",
            request_parameters=bucket,
            additional_event_data=size,
        )
        for time in ("10:00", "10:09", "10:18", "11:00")
    ]
    assert found(*downloads, *downloads) == ["600 MB taken from plans", "200 MB taken from plans"]


def secrets(*times: str, names: str) -> list[dict[str, Any]]:
    """Secrets read at times (minute and second), one name for each."""
    return [
        record(event_name="GetSecretValue", event_time=f"2026-01-01T00:{time}Z", request_parameters={"secretId": name})
        for time, name in zip(times, names, strict=True)
    ]


@pytest.mark.parametrize(
    ("times", "names", "count"),
    [
        (("00:00", "00:20", "00:40", "01:00"), "abcd", 1),
        (("00:00", "00:20", "00:40", "01:01"), "abcd", 0),
        (("00:00", "00:20", "00:40", "01:00"), "abca", 0),
        (("00:00", "00:10", "00:20", "00:30", "00:40"), "abcde", 1),
        (("00:00", "00:10", "00:20", "00:30", "05:00", "05:10", "05:20", "05:30"), "abcdabcd", 2),
    ],
)
def test_a_burst_is_many_different_secrets_within_a_minute(times: tuple[str, ...], names: str, count: int) -> None:
    assert found(*secrets(*times, names=names)) == ["burst of secrets read"] * count
