import json
from pathlib import Path
from typing import Any

import pytest
from bodies import (
    ACCOUNT,
    CONFIG,
    DIGEST,
    FOLDER,
    KEY,
    OTHER,
    SECRET,
    SHAPES,
    bridge,
    key_of,
    logs_of,
    message,
    pointer,
    refused,
    s3_event,
    s3_record,
    sns,
)

from cloudtrail_processing.flow import Ignored, LogKind, Notification, QueueMessage
from cloudtrail_processing.notification import in_front, parse


@pytest.mark.parametrize("shape", SHAPES)
def test_every_known_shape_announces_its_logs_in_order(shape: str) -> None:
    body, keys = SHAPES[shape]
    assert logs_of(body) == keys


@pytest.mark.parametrize("kind", ["CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated"])
def test_insight_network_and_aggregated_logs_are_announced_like_any_log(kind: str) -> None:
    assert logs_of(pointer([key_of(kind)])) == [key_of(kind)]


# ── keys ──

PREFIXES = ["a b/", "a+b/", "year=2014/", "100%25/", "%2B/", "ä/日本/", "a&b?c#d/"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_keys_of_s3_events_are_form_decoded_exactly_once(prefix: str) -> None:
    """W17 of the Java library, which never decodes; others take ``+`` for itself, or decode twice."""
    key = key_of(prefix=prefix)
    assert logs_of(s3_event(s3_record(key))) == [key]
    assert logs_of(sns(s3_event(s3_record(key)))) == [key]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_keys_of_cloudtrail_and_eventbridge_are_taken_as_they_are(prefix: str) -> None:
    key = key_of(prefix=prefix)
    assert logs_of(pointer([key])) == [key]
    assert logs_of(bridge(key)) == [key]


def test_a_key_that_decodes_to_no_text_keeps_the_message() -> None:
    record = s3_record(KEY)
    record["s3"]["object"]["key"] = "%ff"
    assert "record 1" in refused(s3_event(s3_record(KEY), record))


def test_version_size_etag_and_sequencer_of_s3_events_are_carried() -> None:
    said: dict[str, Any] = {"size": 1024, "eTag": "d41d", "versionId": "096f", "sequencer": "0055AED6DCD90281E5"}
    result = parse(message(s3_event(s3_record(KEY, **said))))
    assert isinstance(result, Notification)
    (log,) = result.logs
    assert (log.bucket, log.size, log.etag, log.version_id, log.sequencer) == ("b", *said.values())
    assert (log.kind, log.account, log.region) == (LogKind.EVENTS, ACCOUNT, "us-east-2")


def test_version_size_etag_and_sequencer_of_eventbridge_are_carried() -> None:
    said: dict[str, Any] = {
        "size": 5,
        "etag": "b194",
        "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
        "sequencer": "617f",
    }
    result = parse(message(bridge(**said)))
    assert isinstance(result, Notification)
    (log,) = result.logs
    assert (log.size, log.etag, log.version_id, log.sequencer) == tuple(said.values())


def test_details_of_odd_types_are_not_believed_and_cost_nothing() -> None:
    result = parse(message(s3_event(s3_record(KEY, size="big", eTag=5, versionId="", sequencer=None))))
    assert isinstance(result, Notification)
    (log,) = result.logs
    assert (log.size, log.etag, log.version_id, log.sequencer) == (None, None, None, None)


# ── known and harmless ──


@pytest.mark.parametrize("wrap", [lambda body: body, sns], ids=["direct", "SNS"])
@pytest.mark.parametrize(
    "body",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2014-10-13T15:57:02.089Z", "Bucket": "b"},
        "CloudTrail validation message.",
        "\n CloudTrail validation message. ",
        {"messageType": "ConfigurationItemChangeNotification", "configurationItem": {}, "recordVersion": "1.3"},
        {"messageType": "ComplianceChangeNotification", "configRuleName": "x"},
        {"messageType": "ConfigurationSnapshotDeliveryStarted", "configSnapshotId": "x"},
    ],
    ids=["test event", "validation", "validation with blanks", "Config item", "Config rule", "Config snapshot"],
)
def test_messages_that_name_nothing_and_are_known_are_ignored(wrap: Any, body: object) -> None:
    assert isinstance(parse(message(wrap(body))), Ignored)


@pytest.mark.parametrize("kind", ["Object Deleted", "Object Restore Completed", "Object Tags Added"])
def test_eventbridge_events_that_create_nothing_are_ignored(kind: str) -> None:
    result = parse(message(bridge(kind=kind)))
    assert isinstance(result, Ignored)
    assert kind in result.why


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (pointer([DIGEST]), "digest"),
        (s3_event(s3_record(FOLDER, size=0)), "folder"),
        (s3_event(s3_record("reports/empty", size=0)), "folder"),
        (sns(pointer(CONFIG)), "AWS Config"),
        (pointer(["reports/2014.csv"]), "not a CloudTrail log"),
        (bridge("reports/2014.csv"), "not a CloudTrail log"),
        (s3_event(s3_record(KEY, event="ObjectRemoved:Delete")), "ObjectRemoved:Delete"),
        (s3_event(s3_record(KEY, event="LifecycleExpiration:Delete")), "LifecycleExpiration"),
    ],
)
def test_objects_that_are_no_new_logs_are_listed_as_ignored(body: object, why: str) -> None:
    result = parse(message(body))
    assert isinstance(result, Notification)
    assert not result.logs
    (ignored,) = result.ignored
    assert why in ignored.why
    assert "s3://b/" in ignored.why


@pytest.mark.parametrize(
    "body",
    [
        pointer([DIGEST, KEY, CONFIG, OTHER]),
        s3_event(s3_record(DIGEST), s3_record(KEY), s3_record("x", event="ObjectRemoved:Delete"), s3_record(OTHER)),
    ],
)
def test_a_message_with_mixed_keys_gives_every_log_and_names_all_the_rest(body: object) -> None:
    result = parse(message(body))
    assert isinstance(result, Notification)
    assert [log.key for log in result.logs] == [KEY, OTHER]
    assert len(result.ignored) == 2


def test_an_emptied_log_is_announced_so_that_it_fails_instead_of_vanishing() -> None:
    assert logs_of(s3_event(s3_record(KEY, size=0))) == [KEY]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("CloudTrail validation message.", "CloudTrail's validation message, sent when a topic is configured"),
        ({"Event": "s3:TestEvent"}, "S3's test event, sent when bucket notifications are configured"),
        ({"messageType": "ConfigRulesEvaluationStarted"}, "a message of AWS Config"),
        (
            {"detail-type": "X", "source": "aws.config", "detail": {"messageType": "ComplianceChangeNotification"}},
            "a message of AWS Config",
        ),
        (
            bridge(kind="Object Deleted" + "x" * 60),
            f"an S3 event that creates nothing: {'Object Deleted' + 'x' * 50!r}",
        ),
    ],
)
def test_what_is_ignored_says_why_for_the_log(body: object, why: str) -> None:
    assert parse(message(body)) == Ignored(why)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (sns(pointer(CONFIG)), f"an AWS Config file: s3://b/{CONFIG}"),
        (pointer([DIGEST]), f"a digest file: s3://b/{DIGEST}"),
        (
            s3_event(s3_record(KEY, event="ObjectRemoved:" + "x" * 60)),
            f"{'ObjectRemoved:' + 'x' * 50!r} creates nothing: s3://b/{KEY}",
        ),
    ],
)
def test_an_ignored_object_says_why_and_where_it_lies(body: object, why: str) -> None:
    assert parse(message(body)) == Notification(ignored=(Ignored(why),))


@pytest.mark.parametrize(
    "body",
    [
        s3_event(s3_record("x\nERROR all is lost", event="ObjectRemoved:Delete")),
        s3_event(s3_record("x", event="ObjectRemoved:\nERROR all is lost")),
        pointer(["x\nERROR all is lost"]),
        bridge(kind="Object\nERROR all is lost"),
    ],
)
def test_nothing_in_a_message_can_write_a_log_line_of_its_own(body: object) -> None:
    result = parse(message(body))
    ignored = [result] if isinstance(result, Ignored) else list(result.ignored)
    assert [why.why.isprintable() for why in ignored] == [True]


@pytest.mark.parametrize(
    "event", ["s3:ObjectCreated:Put", "ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload"]
)
def test_the_name_of_an_s3_event_may_stand_with_or_without_its_service(event: str) -> None:
    assert logs_of(s3_event(s3_record(KEY, event=event))) == [KEY]


# ── confirmations: reported, never visited, never deleted ──


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_sns_confirmations_are_kept_and_tell_the_operator_what_to_do(kind: str) -> None:
    body = {
        "Type": kind,
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic",
        "Token": SECRET,
        "SubscribeURL": f"https://sns.example/?Token={SECRET}",
        "Message": f"You have chosen … {SECRET}",
    }
    error = refused(body)
    assert "arn:aws:sns:us-west-2:123456789012:MyTopic" in error
    assert error == CONFIRMATIONS[kind].format(name="'arn:aws:sns:us-west-2:123456789012:MyTopic'")


CONFIRMATIONS = {
    "SubscriptionConfirmation": (
        "{name} asks to confirm its subscription to the queue; nothing was visited and the message is kept: if the "
        "topic is yours, confirm it with the message's token (aws sns confirm-subscription) or subscribe the queue "
        "from the topic's own account, then delete the message"
    ),
    "UnsubscribeConfirmation": (
        "the queue's subscription to {name} was cancelled: logs announced there no longer arrive; nothing was visited "
        "and the message is kept: if that was not intended, subscribe the queue again, then delete the message"
    ),
}


@pytest.mark.parametrize(("topic", "shown"), [("t" * 300, repr("t" * 256)), (5, "an SNS topic")])
def test_a_confirmation_names_its_topic_cut_short_where_it_has_one(topic: object, shown: str) -> None:
    error = refused({"Type": "UnsubscribeConfirmation", "TopicArn": topic})
    assert error == CONFIRMATIONS["UnsubscribeConfirmation"].format(name=shown)


# ── records inside the message ──

RECORD = '{"eventVersion":"1.08", "userIdentity":{}, "eventID":"x",  "n":1.0, "s":"\\u00e9é"}'
INSIGHT = '{"eventVersion":"1.08","eventID":"y","eventCategory":"Insight"}'


@pytest.mark.parametrize(
    ("body", "records"),
    [
        (f'{{"Records":[{RECORD} ,\n{INSIGHT}]}}', [RECORD, INSIGHT]),
        (f'{{"detail-type":"AWS API Call via CloudTrail","source":"aws.iam","detail": {RECORD} }}', [RECORD]),
        (f'{{"detail-type":"AWS API Call via CloudTrail","source":"aws.s3","detail":{RECORD}}}', [RECORD]),
        (f'{{"detail-type":"AWS Insight via CloudTrail","source":"aws.cloudtrail","detail":{INSIGHT}}}', [INSIGHT]),
        (RECORD, [RECORD]),
        (json.dumps(sns(f'{{"Records":[{RECORD}]}}')), [RECORD]),
        (f'{{"Type":"Notification","TopicArn":"t","Message": {{"Records":[{RECORD}]}} }}', [RECORD]),
    ],
    ids=["log", "EventBridge", "EventBridge from S3", "Insight", "one record", "SNS", "SNS, already parsed"],
)
def test_records_sent_instead_of_a_pointer_are_handed_on_byte_for_byte(body: str, records: list[str]) -> None:
    assert parse(message(body)) == Notification(inline=tuple(record.encode() for record in records))


@pytest.mark.parametrize("name", ["eventID", "eventId", "eventCategory", "eventType"])
def test_a_record_is_known_by_its_version_and_any_name_that_only_events_have(name: str) -> None:
    record = json.dumps({"eventVersion": "1.0", name: "x"})
    assert parse(message(record)) == Notification(inline=(record.encode(),))
    assert "of no known shape" in refused(json.dumps({"eventVersion": "1.0", f"{name}x": "x"}))


# ── a user's own parser ──


def test_a_parser_in_front_decides_and_one_that_returns_none_passes_on() -> None:
    asked: list[str] = []

    def passes(_: QueueMessage) -> None:
        asked.append("passes")

    def mine(received: QueueMessage) -> Ignored | None:
        asked.append("mine")
        return Ignored("mine") if received.body == "mine" else None

    parser = in_front(passes, mine)
    assert parser(message("mine")) == Ignored("mine")
    assert isinstance(parser(message(pointer([KEY]))), Notification)
    assert asked == ["passes", "mine"] * 2


def test_a_parser_in_front_may_return_a_notification_without_naming_its_source() -> None:
    """W14 of the Java library: a serializer that left out the source type aborted the whole batch of ten messages."""
    parser = in_front(in_front(lambda _: Notification(ignored=(Ignored("other"),))))
    assert parser(message("anything")) == Notification(ignored=(Ignored("other"),))


def test_an_error_of_a_parser_in_front_is_not_swallowed() -> None:
    def fails(_: QueueMessage) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        in_front(fails)(message("x"))


# ── real bodies ──


def test_real_eventbridge_bodies_are_read_or_kept_and_cloudtrail_ones_give_their_record(corpora: Path) -> None:
    inline = 0
    for path in sorted((corpora / "cloud-custodian-cwe").rglob("*.json")):
        body = path.read_text()
        is_event = "detail" in (loaded := json.loads(body)) and "CloudTrail" in str(loaded.get("detail-type"))
        if not is_event:
            continue
        result = parse(message(body))
        assert isinstance(result, Notification), path.name
        assert json.loads(result.inline[0]) == loaded["detail"]
        inline += 1
    assert inline == 10


def test_a_renamed_log_is_announced_and_another_services_file_is_not() -> None:
    result = parse(message(pointer(["exports/cloudtrail-2026-01-01.json.gz", "AWSLogs/123456789012/Other/x.json.gz"])))
    assert isinstance(result, Notification)
    assert [log.key for log in result.logs] == ["exports/cloudtrail-2026-01-01.json.gz"]
    assert len(result.ignored) == 1
