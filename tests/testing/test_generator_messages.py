"""The generator's messages: every shape is read as what it announces."""

import orjson
import pytest

from cloudtrail_processing.errors import NotificationError
from cloudtrail_processing.flow import Ignored, LogKind, Notification, QueueMessage
from cloudtrail_processing.notification import parse
from cloudtrail_processing.testing.generator import Generator, messages
from cloudtrail_processing.testing.generator.messages import HARMLESS_SHAPES, LOG_SHAPES

MADE = Generator(1, prefix="trails/all+more & some", organization="o-exampleorg1")


def read(body: str) -> Notification | Ignored:
    return parse(QueueMessage(message_id="m", body=body, receipt="r"))


@pytest.mark.parametrize("shape", LOG_SHAPES)
@pytest.mark.parametrize("kind", [kind for kind in LogKind if kind.is_log])
def test_every_shape_announces_its_log(shape: str, kind: LogKind) -> None:
    log = MADE.log(records=1, kind=kind)
    found = read(LOG_SHAPES[shape](log))
    assert isinstance(found, Notification)
    assert [(each.bucket, each.key, each.kind) for each in found.logs] == [(log.bucket, log.key, kind)]


@pytest.mark.parametrize("shape", HARMLESS_SHAPES)
def test_every_harmless_shape_announces_no_log(shape: str) -> None:
    found = read(HARMLESS_SHAPES[shape]())
    assert isinstance(found, Ignored) or (found.ignored and not found.logs)


@pytest.mark.parametrize(
    "write", [messages.cloudtrail_raw, messages.cloudtrail_sns, messages.s3_event, messages.s3_event_sns]
)
def test_one_message_announces_several_logs(write: messages.Several) -> None:
    logs = MADE.logs(5)
    found = read(write(*logs))
    assert isinstance(found, Notification)
    assert [each.key for each in found.logs] == [log.key for log in logs]


def test_a_mixed_message_announces_its_log_and_names_the_rest() -> None:
    log, digest, folder = MADE.log(records=1), MADE.digest(), MADE.folder()
    found = read(messages.s3_event(digest, log, folder))
    assert isinstance(found, Notification)
    assert [each.key for each in found.logs] == [log.key]
    assert len(found.ignored) == 2


def test_a_deleted_object_is_no_log() -> None:
    found = read(messages.s3_event(MADE.log(records=1), event_name="ObjectRemoved:Delete"))
    assert isinstance(found, Ignored) or not found.logs


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_confirmation_is_kept_for_an_operator(kind: str) -> None:
    with pytest.raises(NotificationError):
        read(messages.subscription_confirmation(kind))


def test_s3_events_carry_size_and_etag_and_encode_the_key() -> None:
    log = MADE.log(records=1)
    entry = orjson.loads(messages.s3_event(log))["Records"][0]["s3"]["object"]
    assert entry["key"].startswith("trails/all%2Bmore+%26+some/AWSLogs/")
    assert (entry["size"], entry["eTag"]) == (log.size, log.etag)


def test_the_same_log_gives_the_same_message() -> None:
    log = MADE.log(records=1)
    assert messages.s3_event_sns(log) == messages.s3_event_sns(log)
    assert messages.cloudtrail_sns(log.log_object) == messages.cloudtrail_sns(log)
