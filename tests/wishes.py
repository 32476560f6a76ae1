"""A record and what ``Where`` can ask of it, for the tests of filters."""

import json
from datetime import UTC, datetime
from typing import Any

from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters import EventFilter, decode_header
from cloudtrail_processing.keys import log_object

ACCOUNT = "123456789012"
NAME = f"{ACCOUNT}_CloudTrail_us-west-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz"
KEY = f"AWSLogs/{ACCOUNT}/CloudTrail/us-west-1/2023/07/10/{NAME}"
LOG = log_object("b", KEY)
RECORD: dict[str, Any] = {
    "eventVersion": "1.08",
    "userIdentity": {
        "type": "AssumedRole",
        "principalId": "AROA:bob",
        "arn": "arn:aws:sts::123456789012:assumed-role/Admin/bob",
        "accountId": "999999999999",
        "sessionContext": {
            "sessionIssuer": {"arn": "arn:aws:iam::123456789012:role/Admin", "userName": "Admin", "accountId": "5"}
        },
    },
    "eventTime": "2023-07-10T11:42:18Z",
    "eventSource": "iam.amazonaws.com",
    "eventName": "DeleteUser",
    "awsRegion": "us-east-1",
    "sourceIPAddress": "192.0.2.1",
    "userAgent": "aws-cli/2.0 [x], y",
    "errorCode": "AccessDenied",
    "readOnly": False,
    "eventType": "AwsApiCall",
    "recipientAccountId": ACCOUNT,
    "eventCategory": "Management",
}


def raw_of(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode()


def agreed(wanted: EventFilter, record: dict[str, Any]) -> bool:
    """The answer on the event, after the header has given the same or none."""
    raw = raw_of(record)
    answer = wanted.on_event(CloudTrailEvent.from_json(raw))
    if (header := decode_header(raw)) is not None:
        assert wanted.on_header(header) in (None, answer)
    return answer


WISHES: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"event_source": "iam.amazonaws.com", "event_name": "Delete*"}, True),
    ({"event_source": "iam.amazonaws.com", "event_name": "Create*"}, False),
    ({"event_name": ["CreateUser", "DeleteUser"]}, True),
    ({"event_name": "deleteuser"}, False),
    ({"account_id": ACCOUNT}, True),
    ({"account_id": "999999999999"}, False),
    ({"region": "us-*"}, True),
    ({"region": "us-west-1"}, False),
    ({"read_only": False}, True),
    ({"read_only": True}, False),
    ({"failed": True}, True),
    ({"failed": False}, False),
    ({"error_code": "*Denied*"}, True),
    ({"error_code": "*UnauthorizedOperation"}, False),
    ({"identity_type": ["Root", "AssumedRole"]}, True),
    ({"arn": "arn:aws:sts::*/bob"}, True),
    ({"arn": "arn:aws:iam::123456789012:role/Admin"}, True),
    ({"arn": "arn:aws:iam::123456789012:role/Other"}, False),
    ({"user_name": "Admin"}, True),
    ({"principal_id": "*:bob"}, True),
    ({"source_ip": "192.0.2.0/24"}, True),
    ({"source_ip": "2001:db8::/32"}, False),
    ({"user_agent": "aws-cli/*"}, True),
    ({"category": "Management"}, True),
    ({"category": ["Data", "Insight"]}, False),
    ({"event_type": "AwsApiCall"}, True),
    ({"since": datetime(2023, 7, 10, 11, 42, 18, tzinfo=UTC)}, True),
    ({"since": datetime(2023, 7, 10, 11, 42, 19, tzinfo=UTC)}, False),
    ({"until": datetime(2023, 7, 10, 11, 42, 18, tzinfo=UTC)}, False),
    ({"until": datetime(2023, 7, 10, 11, 42, 19, tzinfo=UTC)}, True),
]
