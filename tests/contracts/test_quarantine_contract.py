"""What every quarantine of files does, in a folder and in S3 of the embedded AWS."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudtrail_processing.aws.quarantine import S3Quarantine
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.quarantine import FolderQuarantine, StoredQuarantine, by_log
from cloudtrail_processing.testing import EmbeddedAws

LOG = log_object("trail", "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/01/a.json.gz", version_id="v1", etag="e1")
OTHER = log_object("trail", "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/01/b.json.gz")
RAWS = [b'{"a": 1', b"", b"\xff\x00\n\r", '"é\u2028日"'.encode(), b"null\n"]
Open = Callable[[], StoredQuarantine]


@pytest.fixture(params=["folder", "s3"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same place again and again, as other processes do."""
    if request.param == "folder":
        return lambda: FolderQuarantine(tmp_path / "bad" / "records")
    aws: EmbeddedAws = request.getfixturevalue("aws")
    bucket = f"quarantine-{uuid.uuid4()}"
    aws.create_bucket(bucket)
    return lambda: S3Quarantine(f"s3://{bucket}/bad/records", aws.options)


def bad(*indexes: int, log: LogObject = LOG) -> list[RejectedRecord]:
    return [RejectedRecord(log, index, RAWS[index % len(RAWS)], f"not an event: {index}") for index in indexes]


def listed(quarantine: StoredQuarantine) -> list[RejectedRecord]:
    return [entry.record for entry in quarantine.entries()]


def test_what_was_kept_comes_back_whole_for_another_process(opened: Open) -> None:
    records = bad(0, 1, 2, 3, 4)
    opened().keep(records)
    entries = list(opened().entries())
    assert [entry.record for entry in entries] == records
    assert all(entry.time.tzinfo and entry.place.startswith(opened().place) for entry in entries)


def test_where_nothing_was_kept_nothing_is_listed(opened: Open) -> None:
    assert listed(opened()) == []
    opened().keep([])
    assert listed(opened()) == []


def test_keeping_the_same_records_again_leaves_one_copy(opened: Open) -> None:
    for _ in range(3):
        opened().keep(bad(0, 2))
    assert listed(opened()) == bad(0, 2)


def test_records_of_other_batches_logs_and_versions_do_not_replace_each_other(opened: Open) -> None:
    quarantine = opened()
    versions = [LogObject("trail", LOG.key, version_id="v1"), LogObject("trail", LOG.key, etag="v1")]
    kept = [*bad(0), *bad(7), *bad(0, log=OTHER), *bad(0, log=versions[0]), *bad(0, log=versions[1])]
    for record in kept:
        quarantine.keep([record])
    assert len(listed(quarantine)) == len(kept)


def test_one_call_may_hold_records_of_several_logs_and_each_log_is_listed_as_a_group(opened: Open) -> None:
    opened().keep([*bad(0), *bad(1, log=OTHER), *bad(2)])
    opened().keep(bad(4))
    groups = [(log, [entry.record.index for entry in group]) for log, group in by_log(opened().entries())]
    assert [(log, sorted(indexes)) for log, indexes in groups] == [(LOG, [0, 2, 4]), (OTHER, [1])]


def test_only_what_was_replayed_is_removed(opened: Open) -> None:
    quarantine = opened()
    quarantine.keep([*bad(0, 1, 2), *bad(3, log=OTHER)])
    entries = list(quarantine.entries())
    quarantine.remove(entry for entry in entries if entry.record.index in (0, 2))
    assert listed(opened()) == [*bad(1), *bad(3, log=OTHER)]
    quarantine.remove(entry for entry in entries if entry.record.index == 1)
    assert listed(opened()) == bad(3, log=OTHER)
    quarantine.remove(entries)
    quarantine.remove(entries)
    assert listed(opened()) == []


def test_what_is_kept_again_after_its_removal_is_there_again(opened: Open) -> None:
    quarantine = opened()
    quarantine.keep(bad(0, 1))
    quarantine.remove(list(quarantine.entries())[:1])
    quarantine.keep(bad(0, 1))
    assert listed(quarantine) == bad(0, 1)


def test_a_line_that_is_no_record_is_left_where_it_is(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    quarantine = opened()
    quarantine.keep(bad(0))
    [entry] = quarantine.entries()
    name = entry.place.rpartition("/")[2]
    damaged = b"an operator's note\n" + quarantine._read(name)
    quarantine._write(name, damaged)
    assert listed(quarantine) == bad(0)
    assert name in caplog.text
    assert "operator" not in caplog.text
    quarantine.remove([entry])
    assert quarantine._read(name) == b"an operator's note\n"


def test_lines_that_are_no_records_are_counted_for_each_file(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    quarantine = opened()
    quarantine.keep(bad(0))
    quarantine._write("note.jsonl", b"\nan operator's note\n{}\n")
    told: list[str] = []
    found = [entry.record for entry in quarantine.entries(unreadable=lambda error: told.append(str(error)))]
    assert found == bad(0)
    why = "are no quarantined record: the first is line 2 (JSONDecodeError); kept"
    assert told == [f"2 line(s) in {quarantine.place}/note.jsonl {why}"]
    assert caplog.messages == []


def test_an_entry_of_another_quarantine_is_refused(opened: Open, tmp_path: Path) -> None:
    elsewhere = FolderQuarantine(tmp_path / "elsewhere")
    elsewhere.keep(bad(0))
    with pytest.raises(ValueError, match="is no file of the quarantine"):
        opened().remove(elsewhere.entries())
    assert listed(elsewhere) == bad(0)
