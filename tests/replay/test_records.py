"""Records leave a quarantine when they were delivered, each in its own place of its log, and in no other case."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from collecting import AsyncCollecting, Collecting, Handler, Reporter, Sink

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import (
    CorruptLog,
    Disposition,
    NotAllowed,
    ProcessorError,
    SettingsError,
    TransientError,
)
from cloudtrail_processing.filters import Where
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.progress import ProgressState
from cloudtrail_processing.quarantine import FolderQuarantine, Quarantined
from cloudtrail_processing.replay import preview_quarantine, replay_quarantine

LOG = log_object("trail", "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/01/a.json.gz", etag="e1")
OTHER = log_object("trail", "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/01/b.json.gz", version_id="v1")
FILE = log_object("", "/data/c.json")
BAD = b'{"eventID": '


def good(number: int) -> bytes:
    return b'{"eventVersion": "1.08", "eventID": "id-%d", "eventType": "AwsApiCall"}' % number


def record(index: int, raw: bytes | None = None, *, log: LogObject = LOG) -> RejectedRecord:
    return RejectedRecord(log, index, good(index) if raw is None else raw, "not JSON")


@pytest.fixture
def place(tmp_path: Path) -> FolderQuarantine:
    return FolderQuarantine(tmp_path / "bad")


def filled(place: FolderQuarantine, *batches: Sequence[RejectedRecord]) -> FolderQuarantine:
    for batch in batches:
        place.keep(batch)
    return place


def left(place: FolderQuarantine) -> list[tuple[str, int]]:
    return sorted((entry.record.log.key, entry.record.index) for entry in place.entries())


def files(place: FolderQuarantine) -> dict[str, bytes]:
    folder = Path(place.place)
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else {}


def test_what_is_an_event_by_now_is_delivered_and_removed_and_the_rest_stays(place: FolderQuarantine) -> None:
    filled(place, [record(3), record(7, BAD)], [record(5, log=OTHER), record(1, log=FILE)])
    processor = Collecting()
    summary = replay_quarantine(processor, place)
    assert sorted(processor.ids, key=str) == ["id-1", "id-3", "id-5"]
    assert left(place) == [(LOG.key, 7)]
    assert (summary.logs, summary.records, summary.delivered, summary.quarantined) == (3, 4, 3, 1)
    assert summary.failed == ()


def test_every_event_tells_the_log_it_came_from_and_its_place_there(place: FolderQuarantine) -> None:
    filled(place, [record(900), record(41)], [record(7)])
    processor = Collecting()
    replay_quarantine(processor, place)
    [batch] = processor.batches
    assert [(event.metadata.log, event.metadata.index) for event in batch] == [(LOG, 7), (LOG, 41), (LOG, 900)]
    assert batch.id == f"{LOG.id}#7-901"


def test_a_record_that_was_kept_twice_is_delivered_once_and_removed_everywhere(place: FolderQuarantine) -> None:
    filled(place, [record(3)], [record(3), record(4)])
    processor = Collecting()
    assert replay_quarantine(processor, place).delivered == 2
    assert processor.ids == ["id-3", "id-4"]
    assert files(place) == {}


def test_what_a_filter_does_not_want_stays(place: FolderQuarantine) -> None:
    filled(place, [record(3), record(4, b'{"eventName": "DeleteTrail"}')])
    processor = Collecting(wants=Where(event_name="DeleteTrail"))
    summary = replay_quarantine(processor, place)
    assert (summary.delivered, summary.filtered) == (1, 1)
    assert left(place) == [(LOG.key, 3)]


def test_a_record_that_two_processors_want_stays_when_one_of_them_fails(place: FolderQuarantine) -> None:
    filled(place, [record(3)], [record(5, log=OTHER)])
    first, second = Collecting(), Sink(LookupError("down"))
    summary = replay_quarantine([first, second], place)
    assert [type(failed.error) for failed in summary.failed] == [ProcessorError]
    assert sorted(first.ids, key=str) == ["id-3", "id-5"]
    assert left(place) == [
        (key, index) for key, index in [(LOG.key, 3), (OTHER.key, 5)] if f"id-{index}" not in second.ids
    ]
    assert len(left(place)) == 1


def test_a_failure_that_a_handler_accepts_removes_nothing(place: FolderQuarantine) -> None:
    """Skipping accepts the loss of a message's log; here nothing has to be lost for the work to go on."""
    before = files(filled(place, [record(3)]))
    handler = Handler(lambda _: Disposition.SKIP)
    summary = replay_quarantine(Collecting(LookupError()), place, parts=Parts(exception_handler=handler))
    assert (summary.skipped, files(place)) == (1, before)


def test_an_async_processor_with_a_filter_of_its_own_gets_its_events(place: FolderQuarantine) -> None:
    filled(place, [record(3), record(4)])
    processor = AsyncCollecting(wants=lambda event: event.event_id == "id-4")
    replay_quarantine(processor, place, process_attempts=2)
    assert processor.ids == ["id-4"]
    assert left(place) == [(LOG.key, 3)]


def test_an_empty_quarantine_is_nothing_to_do(place: FolderQuarantine) -> None:
    assert replay_quarantine(Collecting(), place).logs == 0


def test_lines_that_are_no_records_fail_the_replay_and_are_told_in_a_preview(place: FolderQuarantine) -> None:
    filled(place, [record(3)])
    (Path(place.place) / "note.jsonl").write_bytes(b"an operator's note\n")
    previewed = preview_quarantine(place)
    processor = Collecting()
    summary = replay_quarantine(processor, place)
    assert (processor.ids, summary.logs, previewed.total) == (["id-3"], 1, 1)
    for failed in (summary.failed, previewed.failed):
        assert [(type(one.error), one.log) for one in failed] == [(CorruptLog, None)]
        assert "1 line(s) in " in str(failed[0].error)
        assert "operator" not in str(failed[0].error)
    assert files(place) == {"note.jsonl": b"an operator's note\n"}


def test_a_folder_that_does_not_exist_is_no_quarantine(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no folder"):
        replay_quarantine(Collecting(), str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="there is no folder"):
        preview_quarantine(str(tmp_path / "nowhere"))


def test_still_bad_records_are_put_nowhere_not_even_where_the_settings_say(tmp_path: Path) -> None:
    place = filled(FolderQuarantine(tmp_path / "bad"), [record(7, BAD)])
    before = files(place)
    replay_quarantine(Collecting(), str(tmp_path / "bad"), quarantine=str(tmp_path / "other"))
    replay_quarantine(Collecting(), str(tmp_path / "bad"), quarantine=str(tmp_path / "bad"))
    assert files(place) == before
    assert not (tmp_path / "other").exists()


def test_a_checkpoint_and_a_memory_of_events_do_not_hold_a_record_back(place: FolderQuarantine) -> None:
    processor = Collecting()
    for _ in range(2):
        replay_quarantine(processor, filled(place, [record(3)]), checkpoint="memory", deduplicate=60)
    assert processor.ids == ["id-3", "id-3"]


def test_a_log_that_is_not_allowed_is_refused(place: FolderQuarantine) -> None:
    filled(place, [record(3)])
    summary = replay_quarantine(Collecting(), place, allowed_buckets=("mine",))
    assert [type(failed.error) for failed in summary.failed] == [NotAllowed]
    assert left(place) == [(LOG.key, 3)]


class _Stubborn(FolderQuarantine):
    """Lets nothing be removed."""

    def remove(self, entries: Any) -> None:
        raise TransientError("the disk is away")


def test_a_quarantine_that_keeps_what_was_delivered_ends_the_replay(tmp_path: Path) -> None:
    place = filled(_Stubborn(tmp_path), [record(3)], [record(5, log=OTHER)])
    processor = Collecting()
    with pytest.raises(TransientError, match="the disk is away"):
        replay_quarantine(processor, place)
    assert len(processor.ids) == 1
    assert len(left(place)) == 2


class _Living(EventProcessor):
    def __init__(self, *, failing: str = "") -> None:
        self.life: list[str] = []
        self._failing = failing

    def _live(self, what: str) -> None:
        self.life.append(what)
        if what == self._failing:
            raise LookupError(what)

    def start(self) -> None:
        self._live("start")

    def process(self, batch: EventBatch) -> None:
        self._live("process")

    def stop(self) -> None:
        self._live("stop")


def test_a_processor_is_started_and_stopped_once(place: FolderQuarantine) -> None:
    processor = _Living()
    replay_quarantine(processor, filled(place, [record(3)], [record(5, log=OTHER)]))
    assert processor.life == ["start", "process", "process", "stop"]


def test_a_start_that_fails_ends_it_and_a_stop_that_fails_is_told(place: FolderQuarantine) -> None:
    filled(place, [record(3)])
    with pytest.raises(ProcessorError, match="start of _Living"):
        replay_quarantine(_Living(failing="start"), place)
    assert left(place) == [(LOG.key, 3)]
    [failed] = replay_quarantine(_Living(failing="stop"), place).failed
    assert "stop of _Living" in str(failed.error)
    assert left(place) == []


def test_progress_and_errors_name_the_processor_and_the_log(place: FolderQuarantine) -> None:
    reporter, handler = Reporter(), Handler()
    filled(place, [record(3)])
    replay_quarantine(
        Collecting(LookupError()), place, parts=Parts(reporter=reporter, exception_handler=handler), threads=1
    )
    [status] = reporter.of(ProgressState.PROCESS_LOG)
    assert (status.log, status.records) == (LOG, 1)
    assert [(failure.processor, failure.log) for failure in handler.failures] == [("Collecting", LOG)]


def test_a_preview_counts_by_log_and_changes_nothing(place: FolderQuarantine) -> None:
    before = files(filled(place, [record(3), record(7, BAD)], [record(5, log=OTHER)]))
    preview = preview_quarantine(place, most=2)
    assert preview.counts == {LOG.uri: 2, OTHER.uri: 1}
    assert preview.total == 3
    assert len(preview.first) == 2
    assert all(len(row) == len(preview.columns) for row in preview.first)
    assert files(place) == before


def test_a_quarantined_record_is_what_it_was(place: FolderQuarantine) -> None:
    raw = b'{ "eventID":"x",\t"n":1.0e0, "\xc3\xa9":"\\u00e9" }'
    filled(place, [record(3, raw)])
    processor = Collecting()
    replay_quarantine(processor, place)
    assert [event.raw for batch in processor.batches for event in batch] == [raw]
    entries: list[Quarantined] = list(place.entries())
    assert entries == []
