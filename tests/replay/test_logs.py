"""A list of keys and a range of times say exactly which logs come again, whatever was remembered of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bench import key_of, log_of
from collecting import Collecting

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.replay import InTime, logs_named, preview_logs, replay_logs
from cloudtrail_processing.sweep import process
from cloudtrail_processing.testing import FakeLogStore
from cloudtrail_processing.times import TimeRange


def test_a_list_names_logs_with_and_without_versions_each_one_once() -> None:
    lines = ["# yesterday's\n", "s3://b/a/k.json.gz\r\n", "\n", "  s3://b/k?x=1#2?versionId=v%1 ", "s3://b/a/k.json.gz"]
    named = logs_named(lines, source="keys.txt")
    assert named == [log_object("b", "a/k.json.gz"), log_object("b", "k?x=1#2", version_id="v%1")]


@pytest.mark.parametrize(
    "line",
    ["s3://bucket", "s3://bucket/", "s3://bucket/folder/", "bucket/key", "https://b/k", "s3:///key", "?versionId=1"],
)
def test_a_line_that_names_no_log_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(SettingsError, match=r"line 2 of keys\.txt names no log: write s3://bucket/key"):
        logs_named(["s3://b/k", line], source="keys.txt")


def test_a_line_without_its_version_is_refused_and_not_taken_for_the_newest() -> None:
    with pytest.raises(SettingsError, match="line 1 of keys names no version"):
        logs_named(["s3://b/k?versionId="], source="keys")


def slots(*minutes: int) -> list[LogObject]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [start + timedelta(minutes=each) for each in minutes]
    return [log_object("b", f"111122223333_CloudTrail_eu-west-1_{time:%Y%m%dT%H%MZ}_a.json.gz") for time in times]


def test_logs_of_a_range_are_chosen_by_their_keys_and_those_that_tell_no_time_are_counted() -> None:
    logs = [*slots(0, 5, 10, 15), log_object("b", "renamed.json.gz")]
    start = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
    chosen = InTime(logs, TimeRange(start, start + timedelta(minutes=5)))
    assert list(chosen) == slots(5, 10)
    assert chosen.untold == 1


@pytest.fixture
def store() -> FakeLogStore:
    return FakeLogStore({("trail", key_of(name)): log_of(name, 2) for name in ("a", "b")})


def test_logs_come_again_although_a_checkpoint_says_they_came(store: FakeLogStore, tmp_path: object) -> None:
    processor = Collecting()
    remembered: dict[str, Any] = {"checkpoint": f"sqlite:{tmp_path}/places", "deduplicate": 60}
    process(processor, store, parts=Parts(store=store), **remembered)
    process(processor, store, parts=Parts(store=store), **remembered)
    assert len(processor.ids) == 4
    summary = replay_logs(processor, store, parts=Parts(store=store), **remembered)
    assert (summary.delivered, summary.duplicates, len(processor.ids)) == (4, 0, 8)


def test_a_named_version_is_what_is_delivered(store: FakeLogStore) -> None:
    store.put("trail", key_of("a"), log_of("newer"))
    processor = Collecting()
    named: Sequence[LogObject] = logs_named([f"s3://trail/{key_of('a')}?versionId=v1"], source="keys")
    replay_logs(processor, named, parts=Parts(store=store))
    assert processor.ids == ["a/0", "a/1"]


def test_a_preview_counts_by_bucket_and_reads_no_log(store: FakeLogStore) -> None:
    preview = preview_logs(store, most=1)
    assert preview.counts == {"trail": 2}
    assert preview.first == ((f"s3://trail/{key_of('a')}", "2026-01-01 00:05"),)
    assert store.fetched == []
