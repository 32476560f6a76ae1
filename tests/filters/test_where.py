from typing import Any

import pytest
from wishes import ACCOUNT, KEY, LOG, RECORD, WISHES, agreed, raw_of

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.filters import Where, decode_header
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.keys import log_object


@pytest.mark.parametrize(("wishes", "answer"), WISHES)
def test_every_field_decides_on_the_header_as_it_does_on_the_event(wishes: dict[str, Any], answer: bool) -> None:
    wanted = Where(**wishes)
    header = decode_header(raw_of(RECORD))
    assert header is not None
    assert wanted.on_header(header) is answer
    assert agreed(wanted, RECORD) is answer
    assert agreed(~wanted, RECORD) is not answer


@pytest.mark.parametrize("wishes", [wishes for wishes, _ in WISHES if wishes])
def test_a_record_without_any_field_satisfies_no_condition_but_those_on_derived_ones(wishes: dict[str, Any]) -> None:
    derived = {"failed": False, "category": "Management"}
    assert agreed(Where(**wishes), {}) is (wishes.items() <= derived.items())
    assert agreed(Where(**wishes), {"eventType": "AwsApiCall"}) is (
        wishes.items() <= (derived | {"event_type": "AwsApiCall"}).items()
    )


# ── derived fields, as the event derives them ──


def sign_in(**record: Any) -> dict[str, Any]:
    name = {"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "eventType": "AwsConsoleSignIn"}
    return name | record


def test_whether_a_sign_in_failed_is_left_to_the_event_which_has_the_response() -> None:
    failed = sign_in(responseElements={"ConsoleLogin": "Failure"})
    header = decode_header(raw_of(failed))
    assert header is not None
    assert Where(failed=True).on_header(header) is None
    assert (~Where(failed=True)).on_header(header) is None
    assert agreed(Where(failed=True), failed)
    assert agreed(Where(failed=False), sign_in(responseElements={"ConsoleLogin": "Success"}))


@pytest.mark.parametrize(
    ("record", "account"),
    [
        ({"recipientAccountId": "1", "userIdentity": {"accountId": "2"}}, "1"),
        ({"userIdentity": {"accountId": "2"}}, "2"),
        ({"recipientAccountId": "", "userIdentity": {"accountId": "2"}}, "2"),
        ({"userIdentity": {"accountId": "", "sessionContext": {"sessionIssuer": {"accountId": "3"}}}}, "3"),
        ({"eventCategory": "Aggregated", "eventType": "AwsAggregatedEvent", "accountId": "4"}, "4"),
    ],
)
def test_the_account_is_the_one_the_event_derives(record: dict[str, Any], account: str) -> None:
    assert agreed(Where(account_id=account), {"eventType": "AwsApiCall"} | record)


@pytest.mark.parametrize(
    ("record", "category"),
    [
        ({"managementEvent": False}, "Data"),
        ({"managementEvent": True}, "Management"),
        ({}, "Management"),
        ({"managementEvent": False, "eventCategory": "Management"}, "Management"),
        ({"eventType": "AwsCloudTrailInsight"}, "Insight"),
        ({"eventType": "AwsVpceEvent", "eventCategory": "NetworkActivity"}, "NetworkActivity"),
    ],
)
def test_the_category_is_derived_where_old_records_lack_it(record: dict[str, Any], category: str) -> None:
    assert agreed(Where(category=category), {"eventType": "AwsApiCall"} | record)


@pytest.mark.parametrize("read_only", [True, "true", "True"])
def test_a_boolean_spelled_as_text_counts_as_the_event_takes_it(read_only: object) -> None:
    assert agreed(Where(read_only=True), {"eventType": "AwsApiCall", "readOnly": read_only})


# ── on the key alone ──


def log_of(kind: str, **changes: Any) -> LogObject:
    return log_object("b", KEY.replace("CloudTrail", kind), **changes)


@pytest.mark.parametrize(
    ("text", "log", "answer"),
    [
        (f"account_id={ACCOUNT}", LOG, True),
        ("account_id=999999999999", LOG, False),
        ("account_id!=1234*", LOG, False),
        ("account_id=999999999999", LogObject("", "x.json"), None),
        ("account_id=999999999999", LogObject("b", "x.json"), None),
        ("category=Insight", LOG, False),
        ("category=Insight|NetworkActivity", LOG, False),
        ("category!=Insight", LOG, True),
        ("category=Insight|Data", LOG, None),
        ("category=Management", LOG, None),
        ("category=In*", LOG, None),
        ("category=Insight", log_of("CloudTrail-Insight"), True),
        ("category=Management", log_of("CloudTrail-Insight"), False),
        ("category=Management|Data", log_of("CloudTrail-Aggregated"), False),
        ("category=NetworkActivity", log_of("CloudTrail-NetworkActivity"), True),
        ("category=Insight", LogObject("", "x.json"), None),
        ("since=2023-07-10T11:45:00Z", LOG, None),
        ("since=2023-07-10T11:45:01Z", LOG, False),
        ("since!=2023-07-10T11:45:01Z", LOG, True),
        ("since=2023-07-11", log_of("CloudTrail-Aggregated"), None),
        ("since=2023-07-11", LogObject("", "x.json"), None),
        ("until=2023-07-01", LOG, None),
        ("account_id=999999999999", log_object("", KEY), None),
        ("account_id!=999999999999", log_object("", KEY), None),
        ("since=2023-07-11", log_object("", KEY), None),
        ("region=us-east-1", LOG, None),
        ("event_name=Delete*", LOG, None),
        (f"event_name=Delete*,account_id={ACCOUNT}", LOG, None),
        ("event_name=Delete*,account_id=999999999999", LOG, False),
    ],
)
def test_only_what_the_key_proves_is_decided_before_the_download(
    text: str, log: LogObject, answer: bool | None
) -> None:
    assert Where.parse(text).on_log(log) is answer


def test_a_global_service_is_found_in_the_log_of_another_region() -> None:
    """34 real records carry the region us-east-1 in logs of us-west-1: skipping by the key's region loses them."""
    wanted = Where(region="us-east-1", event_source="iam.amazonaws.com")
    assert LOG.region == "us-west-1"
    assert wanted.on_log(LOG) is None
    assert agreed(wanted, RECORD)


# ── the text form ──


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("event_source=iam.amazonaws.com,event_name=Delete*", True),
        ("event_source=iam.amazonaws.com, event_name!=Delete*", False),
        ("event_name!=Get*|List*", True),
        ("event_name=Get*|Delete*", True),
        ("failed=true,read_only=False", True),
        ("failed!=true", False),
        ('user_agent="aws-cli/2.0 [x], y"', True),
        ("source_ip=10.0.0.0/8|192.0.2.0/24", True),
        ("since=2023-07-10,until=2023-07-11", True),
        ("since=2023-07-10T13:42:18+02:00", True),
        ("until=2023-07-10T11:42:18", False),
        ("user_name!=alice,arn!=*:root", True),
        ("event_name=Delete*,event_name!=DeleteRole", True),
    ],
)
def test_a_text_means_what_the_keywords_mean(text: str, answer: bool) -> None:
    assert agreed(Where.parse(text), RECORD) is answer


def test_that_a_call_did_not_fail_is_known_from_its_header_and_spares_the_event() -> None:
    header = decode_header(raw_of(RECORD | {"errorCode": None}))
    assert header is not None
    assert Where(failed=True).on_header(header) is False


def test_a_negated_condition_holds_for_records_without_the_field() -> None:
    assert agreed(Where.parse("error_code!=AccessDenied"), {"eventType": "AwsApiCall"})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "cannot be understood"),
        ("eventName=x", "unknown field 'eventName'; did you mean event_name"),
        ("category=x", "unknown category 'x'"),
        ("event_nam=x", "known: account_id, arn, category"),
        ("failed=yes", "failed takes true or false"),
        ("failed=true|false", "failed takes true or false, not 'true|false'"),
        ("since=yesterday", "since takes one time such as 2026-01-31T12:00:00Z, not 'yesterday'"),
        (
            "until=2023-01-01|2023-01-02",
            "until takes one time such as 2026-01-31T12:00:00Z, not '2023-01-01|2023-01-02'",
        ),
        ("source_ip=10.0.0.0/99", "looks like a network"),
        ('event_name=""', "none of them empty"),
    ],
)
def test_a_text_that_cannot_work_is_refused_with_what_would(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Where.parse(text)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "wishes",
    [{"failed": "true"}, {"read_only": 1}, {"event_name": []}, {"category": []}, {"arn": []}, {"since": "2023-07-10"}],
)
def test_keywords_of_the_wrong_type_are_refused(wishes: Any) -> None:
    with pytest.raises(SettingsError, match=next(iter(wishes))):
        Where(**wishes)


def test_a_filter_shows_what_it_asks_for() -> None:
    assert (
        repr(Where.parse("event_name!=Get*|List*,failed=true")) == "Where(event_name!=('Get*', 'List*'), failed=True)"
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("event_name==CreateUser", "begins with ="),
        ("category=management", "did you mean Management"),
        ("event_name=A,event_name=B", "event_name=A\\|B"),
    ],
)
def test_what_could_never_match_is_refused_because_it_would_let_every_message_go(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        Where.parse(text)


def test_a_field_may_be_narrowed_down_by_globs_and_negations() -> None:
    assert Where.parse("event_name=Delete*,event_name=*Role,event_name!=DeleteRole")
