"""A record gets the same answer from its key, its header and its event, whatever is asked."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from logtexts import log_text
from spelling import spelled
from wishes import RECORD, WISHES, agreed, raw_of

from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters import EventFilter, Where
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.logfile import split

_ODD = st.sampled_from([None, "", 5, 1.5, True, [], {}, "HIDDEN_DUE_TO_SECURITY_REASONS", ["x"], {"x": "y"}])
_VALUES = {
    name: st.sampled_from([value, f"{value}x"]) | _ODD for name, value in RECORD.items() if name != "userIdentity"
}
_SPECIAL = {
    "eventType": st.sampled_from(
        ["AwsApiCall", "AwsConsoleSignIn", "AwsServiceEvent", "AwsVpceEvent", "AwsCloudTrailInsight", "ActivityLog"]
    ),
    "eventCategory": st.sampled_from(["Management", "Data", "Insight", "Aggregated", "NetworkActivity", "New"]) | _ODD,
    "eventSource": st.sampled_from(["iam.amazonaws.com", "signin.amazonaws.com"]) | _ODD,
    "eventName": st.sampled_from(["DeleteUser", "ConsoleLogin"]) | _ODD,
    "responseElements": st.sampled_from([{"ConsoleLogin": "Failure"}, {"ConsoleLogin": "Success"}]) | _ODD,
    "managementEvent": st.booleans() | _ODD,
    "readOnly": st.booleans() | st.just("true") | _ODD,
    "accountId": st.just("4") | _ODD,
    "insightDetails": st.just({"eventName": "DeleteUser"}) | _ODD,
    "eventData": st.just({"errorCode": "x", "eventName": "DeleteUser"}) | _ODD,
}
_issuer = st.fixed_dictionaries(
    {}, optional={name: st.just("Admin") | _ODD for name in ("arn", "userName", "accountId")}
)
_session = st.fixed_dictionaries({}, optional={"sessionIssuer": _issuer | _ODD})
_members = {name: st.just(RECORD["userIdentity"][name]) | _ODD for name in ("type", "principalId", "arn", "accountId")}
_identity = st.fixed_dictionaries({}, optional=_members | {"sessionContext": _session | _ODD})
_records = st.fixed_dictionaries({}, optional=_VALUES | _SPECIAL | {"userIdentity": _identity | _ODD})
_wishes = st.sampled_from([*(Where(**wishes) for wishes, _ in WISHES), Where(arn="*"), Where(user_name="*")])
_filters = st.recursive(
    _wishes,
    lambda inner: (
        st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1])
        | st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1])
        | inner.map(lambda wanted: ~wanted)
    ),
    max_leaves=4,
)


@settings(max_examples=500, deadline=None)
@given(_filters, _records)
def test_no_record_however_odd_is_judged_differently_by_its_header(wanted: EventFilter, record: dict[str, Any]) -> None:
    assert agreed(wanted, record) in (True, False)


@settings(max_examples=500, deadline=None)
@given(_filters, st.lists(_records, max_size=4), st.randoms(use_true_random=False))
def test_what_is_wanted_is_among_the_records_that_hold_a_needle(
    wanted: EventFilter, records: list[dict[str, Any]], chance: random.Random
) -> None:
    """However the records are written. Many dull ones stand behind them: of few, all are read."""
    raws = [spelled(record, chance).encode() for record in records]
    found = _holding(wanted, [*raws, *[b"{}"] * 20])
    asked = {index for index, raw in enumerate(raws) if wanted.on_event(CloudTrailEvent.from_json(raw))}
    assert found is None or set(found) >= asked


def _holding(wanted: EventFilter, raws: list[bytes]) -> Sequence[int] | None:
    needles = wanted.needles()
    return None if needles is None else split(log_text(*raws)).holding(needles)


def test_of_real_logs_no_wanted_record_is_passed_over(corpora: Path) -> None:
    texts = ["event_name=Delete*", "event_name=CreateUser|PutObject", "error_code=AccessDenied", "user_name=*admin*"]
    texts += ["arn=arn:aws:iam::*:user/*", "event_source=iam.amazonaws.com", "user_agent=*Boto3*", "event_name!=Get*"]
    searched = 0
    for _, records in _real_logs(corpora):
        raws = [raw_of(record) for record in records]
        events = list(map(CloudTrailEvent.from_json, raws))
        for wanted in map(Where.parse, texts):
            found = _holding(wanted, raws)
            asked = {index for index, event in enumerate(events) if wanted.on_event(event)}
            assert found is None or set(found) >= asked
            searched += found is not None
    assert searched > 50


def _real_records(corpora: Path) -> Iterator[dict[str, Any]]:
    for name in ("panther-analysis/events.jsonl", "aws-docs-examples/guide-2026.jsonl"):
        yield from map(json.loads, (corpora / name).read_text().splitlines())


def _real_logs(corpora: Path) -> Iterator[tuple[LogObject, list[dict[str, Any]]]]:
    for path in sorted((corpora / "invictus-aws-dataset/CloudTrail").rglob("*.json")):
        yield log_object("b", path.name), json.loads(path.read_bytes())["Records"]


def test_real_records_are_judged_alike_by_header_and_event(corpora: Path) -> None:
    texts = ["failed=true", "read_only=false", "arn=*:user/*", "user_name=*", "source_ip=0.0.0.0/0|*.amazonaws.com"]
    texts += ["account_id=123837392027", "category=Management", "since=2023-07-10T11:50:00Z"]
    records = [*_real_records(corpora), *(record for _, records in _real_logs(corpora) for record in records)]
    wanted = {text: sum(agreed(Where.parse(text), record) for record in records) for text in texts}
    assert wanted["account_id=123837392027"] == 2900
    assert all(0 < count < len(records) for count in wanted.values())


def test_what_the_key_of_a_real_log_proves_is_true_of_all_its_records(corpora: Path) -> None:
    filters = [Where.parse(text) for text in ("since=2023-07-10T12:00:00Z", "category!=Insight", "category=Insight")]
    proofs = 0
    for log, records in _real_logs(corpora):
        for wanted in filters:
            answer = wanted.on_log(log)
            assert answer is None or {agreed(wanted, record) for record in records} == {answer}
            proofs += answer is not None
    assert proofs > 110
