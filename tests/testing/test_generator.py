"""The generator's records: lifelike, complete in kinds, the same for the same seed."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import orjson
import pytest

from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.flow import LogKind, LogObject
from cloudtrail_processing.testing import generator
from cloudtrail_processing.testing.generator import (
    ACCOUNTS,
    BACKDOOR_USER,
    INTRUDER_ADDRESSES,
    LEAKED_USER,
    Generator,
    Record,
    batch,
    event,
)
from cloudtrail_processing.testing.generator.scene import KEY_ORDER


@pytest.fixture(scope="module")
def sample() -> list[Record]:
    return Generator(7).records(5000)


def values(records: Iterable[Record], path: str) -> set[Any]:
    """Every value at the dotted ``path``; None stands for absence, too."""
    found = set()
    for record in records:
        value: Any = record
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        found.add(orjson.dumps(value) if isinstance(value, dict | list) else value)
    return found


def texts(records: Iterable[Record]) -> bytes:
    return orjson.dumps(list(records))


def test_the_same_seed_gives_the_same_records_and_another_seed_others() -> None:
    assert Generator(3).records(200) == Generator(3).records(200)
    assert Generator(3).records(200) != Generator(4).records(200)


def test_every_record_becomes_an_event_without_anomalies_and_comes_back_unchanged(sample: list[Record]) -> None:
    for record in sample:
        built = CloudTrailEvent.from_dict(record)
        assert built.anomalies == ()
        assert built.to_dict() == record


def test_every_identity_type_occurs(sample: list[Record]) -> None:
    assert values(sample, "userIdentity.type") == {
        None,
        "Root",
        "IAMUser",
        "AssumedRole",
        "Role",
        "FederatedUser",
        "Directory",
        "AWSAccount",
        "AWSService",
        "IdentityCenterUser",
        "Unknown",
        "SAMLUser",
        "WebIdentityUser",
    }


def test_every_kind_version_and_category_occurs(sample: list[Record]) -> None:
    assert values(sample, "eventVersion") == {f"1.{minor:02d}" for minor in range(5, 12)} | {"1.0"}
    assert values(sample, "eventCategory") == {None, "Management", "Data", "NetworkActivity", "Insight", "Aggregated"}
    assert values(sample, "eventType") == {
        "AwsApiCall",
        "AwsServiceEvent",
        "AwsConsoleAction",
        "AwsConsoleSignIn",
        "AwsCloudTrailInsight",
        "AwsVpceEvent",
        "AwsAggregatedEvent",
    }
    assert len(values(sample, "eventName")) > 100
    assert len(values(sample, "eventSource")) > 25


def test_every_top_level_field_of_the_documentation_occurs(sample: list[Record]) -> None:
    assert {key for record in sample for key in record} >= set(KEY_ORDER)


@pytest.mark.parametrize(
    "trait",
    [
        "HIDDEN_DUE_TO_SECURITY_REASONS",
        '"omitted":"true"',
        '"AWS Internal"',
        "2001:db8:",
        '"keyExchange"',
        '"ARNPrefix"',
        '"onBehalfOf"',
        '"inScopeOf"',
        '"invokedByDelegate"',
        '"invokedBy"',
        '"ec2RoleDelivery"',
        '"sourceIdentity"',
        '"federatedProvider"',
        '"sessionIssuer":{}',
        "ANONYMOUS_PRINCIPAL",
        '"accessKeyId":""',
        '"reason":"UPDATED_DATA"',
        '"state":"Start"',
        '"state":"End"',
        "ApiErrorRateInsight",
        "ApiCallRateInsight",
        "VpceAccessDenied",
        "Client.UnauthorizedOperation",
        "AccessDenied",
        "ThrottlingException",
        '"ConsoleLogin":"Failure"',
        '"MFAUsed":"Yes"',
        '"windowStart":"2026-09-14 ',
        '"requestParameters":null',
        '"bytesTransferredIn":0.0',
        '"bytesTransferredIn":0,',
    ],
)
def test_what_simple_parsers_trip_over_occurs(sample: list[Record], trait: str) -> None:
    assert trait.encode() in texts(sample)


def test_fields_stand_in_native_order_and_not_before_their_version(sample: list[Record]) -> None:
    places = {key: place for place, key in enumerate(KEY_ORDER)}
    for record in sample:
        if record["eventType"] != "AwsAggregatedEvent":
            order = [places[key] for key in record]
            assert order == sorted(order)
    old = [record for record in sample if record["eventVersion"] in ("1.05", "1.06")]
    assert not {"eventCategory", "tlsDetails", "addendum", "eventContext"} & {key for record in old for key in record}


def test_calls_by_services_tell_no_tls_details(sample: list[Record]) -> None:
    by_services = [record for record in sample if values([record], "userIdentity.type") == {"AWSService"}]
    assert by_services
    assert not any("tlsDetails" in record for record in by_services)
    assert all(record["sourceIPAddress"] == record["userIdentity"]["invokedBy"] for record in by_services)


def test_event_ids_are_unique_and_errors_have_no_response(sample: list[Record]) -> None:
    ids = [record.get("eventID") or record["eventId"] for record in sample]
    assert len(set(ids)) == len(ids)
    assert all(
        record["responseElements"] is None for record in sample if "errorCode" in record and "readOnly" in record
    )


def test_ordinary_traffic_never_comes_from_the_intruder_nor_hides_the_story(sample: list[Record]) -> None:
    assert not any(address.encode() in texts(sample) for address in INTRUDER_ADDRESSES)
    quiet = {"StopLogging", "DeleteTrail", "DeleteFlowLogs", "AttachUserPolicy", "ScheduleKeyDeletion"}
    assert not values(sample, "eventName") & quiet


def test_an_insight_pair_shares_its_id_and_ends_after_it_starts() -> None:
    start, end = Generator(1).insight_pair()
    assert start["sharedEventID"] == end["sharedEventID"]
    assert start["eventID"] != end["eventID"]
    assert start["eventTime"] < end["eventTime"]
    assert (start["insightDetails"]["state"], end["insightDetails"]["state"]) == ("Start", "End")


def test_shared_copies_differ_in_recipient_identity_and_event_id_only() -> None:
    theirs, owners = Generator(1).shared_pair()
    differing = {key for key in theirs if theirs[key] != owners.get(key)}
    assert differing == {"userIdentity", "eventID", "recipientAccountId"}
    assert owners["userIdentity"]["type"] == "AWSAccount"
    assert owners["userIdentity"]["accountId"] == theirs["recipientAccountId"]


@pytest.mark.parametrize("read_only", [True, False])
def test_management_events_read_or_write_as_asked(read_only: bool) -> None:
    made = Generator(2)
    assert {made.management(read_only=read_only)["readOnly"] for _ in range(50)} == {read_only}


def test_single_records_are_of_the_kind_that_was_asked_for() -> None:
    made = Generator(5)
    assert made.data()["managementEvent"] in (False, None)
    assert made.console_sign_in()["eventType"] == "AwsConsoleSignIn"
    assert made.console_action()["eventType"] == "AwsConsoleAction"
    assert "type" not in made.service_event()["userIdentity"]
    assert made.network_activity()["eventCategory"] == "NetworkActivity"
    assert made.aggregated()["eventType"] == "AwsAggregatedEvent"


# ── the story ──


def test_the_story_is_told_in_order_by_its_own_people() -> None:
    told = Generator(9).attack_story()
    times = [record["eventTime"] for record in told]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert 20 <= len(told) <= 30
    assert {record["userIdentity"]["userName"] for record in told} == {LEAKED_USER, BACKDOOR_USER}
    assert {record["sourceIPAddress"] for record in told} == set(INTRUDER_ADDRESSES)
    assert {record["recipientAccountId"] for record in told} == {ACCOUNTS[0]}


def test_the_story_has_every_chapter() -> None:
    told = Generator(9).attack_story()
    names = [record["eventName"] for record in told]
    chapters = [
        "GetCallerIdentity",
        "CreateUser",
        "CreateAccessKey",
        "AttachUserPolicy",
        "ConsoleLogin",
        "GetSecretValue",
    ]
    chapters += ["GetObject", "StopLogging", "DeleteTrail", "DeleteFlowLogs"]
    assert [names.index(chapter) for chapter in chapters] == sorted(names.index(chapter) for chapter in chapters)
    assert sum("errorCode" in record for record in told) >= 5
    assert names.count("GetSecretValue") >= 3
    login = told[names.index("ConsoleLogin")]
    assert login["additionalEventData"]["MFAUsed"] == "No"
    created = told[names.index("CreateAccessKey")]["responseElements"]["accessKey"]["accessKeyId"]
    assert told[names.index("GetSecretValue")]["userIdentity"]["accessKeyId"] == created


def test_the_story_does_not_depend_on_what_was_made_before() -> None:
    used, fresh = Generator(9), Generator(9)
    used.records(50)
    assert used.attack_story() == fresh.attack_story()
    at = datetime(2026, 9, 20, 3, 4, 5, tzinfo=UTC)
    assert fresh.attack_story(at=at)[0]["eventTime"] == "2026-09-20T03:04:05Z"


def test_the_story_becomes_events_without_anomalies() -> None:
    for record in Generator(9).attack_story():
        built = CloudTrailEvent.from_dict(record)
        assert built.anomalies == ()
        assert built.to_dict() == record


# ── one event, one batch ──


def test_an_event_takes_python_names_and_wire_names() -> None:
    given = event(event_name="DeleteTrail", errorCode="AccessDenied", source_ip_address="192.0.2.7")
    assert (given.event_name, given.error_code, given.source_ip_address) == ("DeleteTrail", "AccessDenied", "192.0.2.7")
    assert given.event_source == "cloudtrail.amazonaws.com"
    assert given.failed
    assert given.response_elements is None


def test_an_event_without_arguments_is_whole_and_always_the_same() -> None:
    assert event().to_dict() == event().to_dict()
    assert event().event_id != event(seed=1).event_id
    assert event().anomalies == ()
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event().event_id)


def test_an_event_of_an_unknown_name_says_itself_whether_it_reads() -> None:
    assert event(event_name="ListUnheardOf").is_read_only
    assert not event(event_name="FrobUnheardOf", event_source="frob.amazonaws.com").is_read_only


def test_an_event_can_be_a_sign_in_in_another_account() -> None:
    login = event(event_name="ConsoleLogin", account="444455556666")
    assert login.response_elements == {"ConsoleLogin": "Success"}
    assert login.account_id == "444455556666"


def test_an_event_takes_times_nulls_and_unknown_fields() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    given = event(event_time=at, user_agent=None, futureField=[1]).to_dict()
    assert given["eventTime"] == "2026-01-02T03:04:05Z"
    assert given["userAgent"] is None
    assert given["futureField"] == [1]


def test_an_old_event_lacks_what_its_version_did_not_have() -> None:
    assert "eventCategory" not in event(event_version="1.05").to_dict()
    assert "eventCategory" in event().to_dict()


def test_a_misspelled_field_is_refused() -> None:
    with pytest.raises(TypeError, match="no field 'event_nam'"):
        event(event_nam="DeleteTrail")


def test_a_batch_holds_events_and_records_of_one_log() -> None:
    made = batch([event(event_name="StopLogging"), generator.record(event_name="DeleteTrail")], first_index=5)
    assert [each.event_name for each in made] == ["StopLogging", "DeleteTrail"]
    assert (made.first_index, made.next_index) == (5, 7)
    assert (made.log.kind, made.log.account) == (LogKind.EVENTS, ACCOUNTS[0])
    assert made.id.endswith("#5-7")


def test_a_batch_takes_the_log_it_is_given_and_may_be_empty() -> None:
    log = LogObject("bucket", "key")
    assert batch([], log=log).log is log
    assert len(batch([])) == 0
