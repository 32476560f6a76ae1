"""The values between the stages: what they say of themselves, and that a batch is a sequence."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.flow import (
    FetchedLog,
    Ignored,
    LogKind,
    LogObject,
    Notification,
    QueueMessage,
    RejectedRecord,
)

LOG = LogObject("trail", "AWSLogs/log.json.gz")


def event(number: int) -> CloudTrailEvent:
    return CloudTrailEvent.from_dict({"eventVersion": "1.08", "eventID": f"id-{number}"})


EVENTS = tuple(map(event, range(5)))
BATCH = EventBatch(LOG, EVENTS, first_index=10, next_index=17)


def test_a_batch_is_a_sequence_of_its_events() -> None:
    assert isinstance(BATCH, Sequence)
    assert len(BATCH) == 5
    assert list(BATCH) == list(EVENTS)
    assert list(reversed(BATCH)) == list(reversed(EVENTS))
    assert BATCH[0] is EVENTS[0]
    assert BATCH[-1] is EVENTS[-1]
    assert BATCH[1:3] == EVENTS[1:3]
    assert BATCH[::-2] == EVENTS[::-2]
    assert BATCH.index(EVENTS[3]) == 3
    assert BATCH.count(EVENTS[3]) == 1
    with pytest.raises(IndexError):
        BATCH[5]


def test_a_batch_knows_what_is_in_it() -> None:
    assert event(4) in BATCH
    assert event(5) not in BATCH
    assert "id-4" not in BATCH


def test_an_empty_batch_is_false_and_any_other_is_true() -> None:
    assert BATCH
    assert not EventBatch(LOG, (), first_index=0, next_index=0)


def test_batches_are_equal_when_all_of_them_is() -> None:
    same = EventBatch(LOG, tuple(map(event, range(5))), first_index=10, next_index=17)
    assert same == BATCH
    assert dataclasses.replace(BATCH, first_index=9) != BATCH
    assert dataclasses.replace(BATCH, log=dataclasses.replace(LOG, etag="e")) != BATCH


def test_equal_batches_have_the_same_hash_so_that_they_can_be_remembered() -> None:
    same = EventBatch(LOG, tuple(map(event, range(5))), first_index=10, next_index=17)
    assert {BATCH: "seen"}[same] == "seen"


def test_a_batch_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        BATCH.first_index = 0  # type: ignore[misc]


def test_the_id_of_a_batch_names_the_version_of_the_log_and_the_place_in_it() -> None:
    assert BATCH.id == "s3://trail/AWSLogs/log.json.gz#10-17"
    versioned = dataclasses.replace(BATCH, log=dataclasses.replace(LOG, version_id="v1", etag="e1"))
    assert versioned.id == "s3://trail/AWSLogs/log.json.gz?v1#10-17"


def test_the_id_of_a_log_has_its_version_or_else_its_etag() -> None:
    assert LOG.id == LOG.uri
    assert dataclasses.replace(LOG, etag="e1").id == "s3://trail/AWSLogs/log.json.gz?e1"
    assert LogObject("", "logs/one.json").uri == "logs/one.json"


def test_the_kinds_that_hold_records_are_logs() -> None:
    assert [kind.name for kind in LogKind if kind.is_log] == ["EVENTS", "INSIGHT", "NETWORK_ACTIVITY", "AGGREGATED"]


def test_a_notification_counts_the_outcomes_that_settle_it() -> None:
    assert Notification(logs=(LOG, LOG), ignored=(Ignored("why"),), inline=(b"{}", b"{}")).named == 4
    assert Notification().named == 0


def test_no_repr_shows_a_body_a_receipt_a_record_or_an_event() -> None:
    shown = [
        QueueMessage(
            "m", "canary", "canary", attributes={"canary": "canary"}, sent_at=datetime(2026, 1, 1, tzinfo=UTC)
        ),
        Notification(inline=(b"canary",)),
        FetchedLog(b"canary"),
        RejectedRecord(LOG, 0, b"canary", "no JSON object"),
        EventBatch(LOG, (CloudTrailEvent.from_dict({"eventID": "canary"}),), first_index=0, next_index=1),
    ]
    assert not [value for value in shown if "canary" in repr(value)]


def test_a_key_with_a_line_break_cannot_write_a_log_line_of_its_own() -> None:
    log = LogObject("trail", "logs/bad\nERROR forged line.json")
    assert log.uri == "s3://trail/logs/bad\\nERROR forged line.json"
    assert "\n" in log.key
