"""One sweep over logs that are already there: every log has its place in the summary, whatever becomes of it."""

import gzip
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collecting import AsyncCollecting, Collecting, Handler, Keeping, Reporter, Sink, causes, ids, log_body, record

from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint
from cloudtrail_processing.errors import (
    CorruptLog,
    Disposition,
    LogGone,
    LogTooLarge,
    ProcessorError,
    RejectedRecords,
    SettingsError,
)
from cloudtrail_processing.files import Files
from cloudtrail_processing.filters import Where
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.progress import ProgressState
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.sweep import Summary, process
from cloudtrail_processing.testing import FakeLogStore, Generator

PER_LOG = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty logs of three records each, every other one gzipped; the ids follow the names."""
    for number in range(30):
        body = log_body(record(n) for n in range(PER_LOG * number, PER_LOG * (number + 1)))
        name = f"{number:02}.json"
        if number % 2:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(body))
        else:
            (tmp_path / name).write_bytes(body)
    return tmp_path


class Living(Collecting):
    """Notes when it is started and stopped."""

    def __init__(self, life: list[str], *, name: str, start: Any = None, stop: Any = None) -> None:
        super().__init__()
        self.life, self.called = life, name
        self._start, self._stop = start, stop

    @property
    def name(self) -> str:
        return self.called

    def start(self) -> None:
        self.life.append(f"start {self.called}")
        if self._start:
            raise self._start

    def process(self, batch: EventBatch) -> None:
        if f"process {self.called}" not in self.life:
            self.life.append(f"process {self.called}")

    def stop(self) -> None:
        self.life.append(f"stop {self.called}")
        if self._stop:
            raise self._stop


# ── everything is delivered ──


def test_one_thread_delivers_every_log_in_order(folder: Path) -> None:
    sink = Collecting()
    assert process(sink, Files(folder).logs(), threads=1) == Summary(logs=30, records=90, delivered=90)
    assert sink.ids == ids(range(90))


def test_many_threads_deliver_every_log_whole(folder: Path) -> None:
    sink = Collecting()
    assert process(sink, Files(folder).logs(), threads=8, batch_size=2).delivered == 90
    assert sorted(map(str, sink.ids)) == sorted(ids(range(90)))
    by_log: dict[str, list[int]] = {}
    for batch in sink.batches:
        by_log.setdefault(batch.log.key, []).append(batch.first_index)
    assert all(indexes == [0, 2] for indexes in by_log.values())
    assert len(by_log) == 30


def test_many_threads_really_work_at_the_same_time(folder: Path) -> None:
    meeting = threading.Barrier(4)

    class Meeting(EventProcessor):
        def process(self, batch: EventBatch) -> None:
            meeting.wait(10)

    logs = list(Files(folder).logs())[:8]
    assert process(Meeting(), logs, threads=4).delivered == 24


def test_logs_are_taken_from_their_source_as_needed(folder: Path) -> None:
    """A listing of a whole bucket never has to fit into memory."""
    taken = 0
    ahead: list[int] = []

    def logs() -> Iterator[LogObject]:
        nonlocal taken
        for log in Files(folder).logs():
            taken += 1
            yield log

    class Watching(EventProcessor):
        done = 0

        def process(self, batch: EventBatch) -> None:
            ahead.append(taken - self.done)
            self.done += 1

    process(Watching(), logs(), threads=2)
    assert max(ahead) <= 2 * 2 + 2


def test_async_processors_and_several_at_once_get_the_same(folder: Path) -> None:
    plain, coroutine, odd = Collecting(), AsyncCollecting(), Sink(wants=Where(event_name="Get*"))
    summary = process([plain, coroutine, odd], Files(folder).logs(), threads=1)
    assert plain.batches == coroutine.batches
    assert odd.calls == 0
    assert (summary.delivered, summary.filtered) == (90, 0)


def test_the_setting_where_stands_in_front_of_every_processor(tmp_path: Path) -> None:
    names = ["DeleteTrail", "PutObject", "DeleteUser", "StopLogging"]
    file = tmp_path / "log.json"
    file.write_bytes(log_body(record(n, eventName=name) for n, name in enumerate(names)))
    everything, own = Collecting(), Sink(wants=Where(event_name="*Trail"))
    where = ["event_name=Delete*", "event_name=Stop*"]
    summary = process([everything, own], Files(file).logs(), where=where)
    assert everything.ids == ids([0, 2, 3])
    assert own.ids == ids([0])
    assert (summary.delivered, summary.filtered) == (3, 1)


def test_files_and_buckets_are_read_in_one_sweep(folder: Path) -> None:
    buckets = FakeLogStore({("trail", "a.json"): log_body([record(1000)])})
    sink = Collecting()
    logs = [*Files(folder / "00.json").logs(), log_object("trail", "a.json")]
    assert process(sink, logs, threads=1, parts=Parts(store=buckets)).delivered == 4
    assert sink.ids == ids([0, 1, 2, 1000])


def test_files_alone_need_no_aws_at_all(folder: Path) -> None:
    nowhere = AwsOptions(profile="no profile of that name")
    assert process(Collecting(), Files(folder).logs(), parts=Parts(aws=nowhere)).delivered == 90


def test_forms_that_people_have_logs_in_are_understood(tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_bytes(b"\n".join(log_body([record(n)])[12:-2] for n in range(3)))
    (tmp_path / "single.json").write_bytes(log_body([record(3)])[12:-2])
    (tmp_path / "list.json").write_bytes(log_body([record(4), record(5)])[11:-1])
    sink = Collecting()
    assert process(sink, Files(tmp_path).logs(), threads=1).failed == ()
    assert sorted(map(str, sink.ids)) == ids(range(6))


def test_generated_logs_come_out_as_they_went_in(tmp_path: Path) -> None:
    generator = Generator(7)
    logs = [log for log in generator.logs(12) if log.kind.is_log]
    for number, log in enumerate(logs):
        (tmp_path / f"{number:03}.json.gz").write_bytes(log.body)
    sink = Collecting()
    process(sink, Files(tmp_path).logs(), threads=1)
    records = [one for log in logs for one in log.records]
    assert [event.to_dict() for batch in sink.batches for event in batch] == records


# ── what fails ──


def test_logs_that_fail_are_in_the_summary_and_the_others_go_on(folder: Path) -> None:
    (folder / "03.json.gz").write_bytes(b"\x1f\x8b broken")
    (folder / "05.json.gz").write_bytes(b"")
    (folder / "06.json").write_bytes(log_body([record(18), None, record(20)]))
    missing = log_object("", str(folder / "nowhere.json"))
    sink = Collecting()
    summary = process(sink, [*Files(folder).logs(), missing], threads=1)
    assert summary.logs == 31
    assert (summary.records, summary.delivered, summary.quarantined) == (28 * 3, 27 * 3 + 2, 1), (
        "with 06.json's good ones"
    )
    failed = [(Path(it.log.key).name, type(it.error)) for it in summary.failed if it.log]
    assert failed == [
        ("03.json.gz", CorruptLog),
        ("05.json.gz", CorruptLog),
        ("06.json", RejectedRecords),
        ("nowhere.json", LogGone),
    ]
    assert {"id-18", "id-20"} <= set(sink.ids)


def test_the_summary_of_many_threads_names_failures_in_the_order_of_the_logs(folder: Path) -> None:
    broken = [folder / f"{number:02}.json.gz" for number in (3, 11, 27)]
    for file in broken:
        file.write_bytes(b"\x1f\x8b broken")
    summary = process(Collecting(), Files(folder).logs(), threads=8)
    assert [it.log.key for it in summary.failed if it.log] == list(map(str, broken))


def test_a_summary_keeps_no_log_in_memory_for_the_sake_of_its_failure(folder: Path) -> None:
    """A traceback holds on to every local variable of its frames: records, batches, whole inflated files."""
    summary = process([Collecting(*[ValueError("x")] * 30), Sink()], Files(folder).logs(), threads=1)
    errors = [error for failed in summary.failed for error in causes(failed.error)]
    assert len(errors) == 60
    assert not [error for error in errors if error.__traceback__]


def test_a_huge_file_is_refused_by_the_limit(folder: Path) -> None:
    (folder / "00.json").write_bytes(b'{"Records":[]}' + b" " * 4000)
    summary = process(Collecting(), Files(folder).logs(), max_inflated_bytes=2000)
    assert [type(failed.error) for failed in summary.failed] == [LogTooLarge]
    assert summary.delivered == 87


def test_a_directory_given_as_a_log_fails_alone(folder: Path) -> None:
    summary = process(Collecting(), [log_object("", str(folder)), *Files(folder / "00.json").logs()])
    assert (len(summary.failed), summary.delivered) == (1, 3)


def test_a_processor_that_fails_on_one_log_gets_the_next_one(folder: Path) -> None:
    sink = Collecting(None, ValueError("x"))
    summary = process(sink, Files(folder).logs(), threads=1)
    assert (len(summary.failed), sink.calls) == (1, 30)


def test_records_that_are_no_events_go_to_the_quarantine(folder: Path) -> None:
    (folder / "00.json").write_bytes(log_body([record(0), None]))
    quarantine = Keeping()
    summary = process(Collecting(), Files(folder).logs(), parts=Parts(quarantine=quarantine))
    assert (summary.records, summary.delivered, summary.quarantined, summary.failed) == (89, 88, 1, ())
    assert [kept.index for kept in quarantine.kept] == [1]


def test_handler_reporter_and_source_filter_are_asked_here_too(folder: Path) -> None:
    (folder / "00.json").write_bytes(b"broken")
    handler, reporter = Handler(lambda _: Disposition.SKIP), Reporter()

    def wanted(log: LogObject, _: object) -> bool:
        return not log.key.endswith("01.json.gz")

    parts = Parts(exception_handler=handler, reporter=reporter, source_filter=wanted)
    summary = process(Collecting(), Files(folder).logs(), parts=parts)
    assert (summary.logs, summary.skipped, summary.delivered) == (30, 2, 84)
    assert len(handler.failures) == 1
    assert len(reporter.of(ProgressState.PROCESS_LOG)) == 30
    assert not reporter.open


# ── life ──


def test_processors_are_started_before_the_first_and_stopped_after_the_last_log(folder: Path) -> None:
    life: list[str] = []
    processors = [Living(life, name="a"), Living(life, name="b")]
    process(processors, Files(folder).logs(), threads=1)
    assert life == ["start a", "start b", "process a", "process b", "stop b", "stop a"]


@pytest.mark.parametrize("error", [OSError("x"), SystemExit()])
def test_a_start_that_fails_ends_the_sweep_before_any_log_and_stops_what_had_started(
    error: BaseException, folder: Path
) -> None:
    life: list[str] = []
    processors = [Living(life, name="a"), Living(life, name="b", start=error), Living(life, name="c")]
    with pytest.raises(ProcessorError, match="start of b raised"):
        process(processors, Files(folder).logs())
    assert life == ["start a", "start b", "stop a"]


def test_a_start_that_is_a_generator_is_refused(folder: Path) -> None:
    class Lazy(Collecting):
        def start(self) -> Any:
            yield

    with pytest.raises(ProcessorError, match=r"start of .*Lazy returned a generator"):
        process(Lazy(), Files(folder).logs())


def test_a_stop_that_fails_is_in_the_summary_and_the_others_are_stopped(folder: Path) -> None:
    life: list[str] = []
    processors = [Living(life, name="a"), Living(life, name="b", stop=OSError("full"))]
    summary = process(processors, Files(folder).logs(), threads=1)
    assert life[-2:] == ["stop b", "stop a"]
    assert summary.delivered == 90
    ((log, text),) = [(failed.log, str(failed.error)) for failed in summary.failed]
    assert (log, text) == (None, "stop of b raised OSError")


def test_a_source_of_logs_that_breaks_ends_the_sweep_and_stops_the_processors(folder: Path) -> None:
    life: list[str] = []
    done: list[str] = []

    class Noting(Living):
        def process(self, batch: EventBatch) -> None:
            done.append(batch.log.key)

    def logs() -> Iterator[LogObject]:
        yield from Files(folder / "00.json").logs()
        raise SettingsError("the listing broke off")

    for threads in (1, 4):
        with pytest.raises(SettingsError, match="broke off"):
            process(Noting(life, name="a"), logs(), threads=threads)
    assert life == ["start a", "stop a"] * 2
    assert len(done) == 2, "what was already in hand is finished"


def test_ctrl_c_ends_the_sweep_and_stops_the_processors(folder: Path) -> None:
    life: list[str] = []

    class Interrupted(Living):
        def process(self, batch: EventBatch) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process(Interrupted(life, name="a"), Files(folder).logs(), threads=1)
    assert life == ["start a", "stop a"]


def test_no_thread_is_left_behind(folder: Path) -> None:
    before = set(threading.enumerate())
    process([AsyncCollecting(), Collecting()], Files(folder).logs(), threads=4)
    assert set(threading.enumerate()) <= before


# ── what cannot work ──


class Untouched:
    """A source of logs that nobody may read."""

    def __iter__(self) -> Iterator[LogObject]:
        raise AssertionError("a log was asked for")


@pytest.mark.parametrize(
    ("processors", "values", "says"),
    [
        ([], {}, "no processor"),
        (Collecting, {}, "pass an instance"),
        (Collecting(), {"thread": 3}, "did you mean 'threads'"),
        (Collecting(), {"where": "event_nam=x"}, "event_name"),
        (Collecting(wants=7), {}, "event filter"),
        (None, {"processor": "nothing:X"}, "cannot import"),
        (Collecting(), {"settings": Settings.load(), "threads": 3}, "threads"),
    ],
)
def test_what_cannot_work_is_said_before_any_log_is_read(processors: Any, values: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        process(processors, Untouched(), **values)


def test_processors_named_by_settings_are_made_with_their_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    (tmp_path / "noted.txt").write_text("", encoding="utf-8")
    code = (
        "from cloudtrail_processing.processor import EventProcessor\n"
        "class Noting(EventProcessor):\n"
        "    def __init__(self, path):\n"
        "        self.path = path\n"
        "    def process(self, batch):\n"
        "        with open(self.path, 'a') as file:\n"
        "            file.write('x' * len(batch))\n"
    )
    (tmp_path / "noting_plugin.py").write_text(code, encoding="utf-8")
    options = f'processor = "noting_plugin:Noting"\n[options]\npath = "{tmp_path / "noted.txt"}"\n'
    (tmp_path / "s.toml").write_text(options, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    process(None, Files(folder).logs(), settings=Settings.load(tmp_path / "s.toml"))
    del sys.modules["noting_plugin"]
    assert len((tmp_path / "noted.txt").read_text(encoding="utf-8")) == 90


def test_every_finished_log_is_one_line_at_info(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "cloudtrail_processing"):
        process(Collecting(), Files(folder).logs())
    assert len(caplog.records) == 30


def test_a_log_that_is_named_twice_is_delivered_once_and_fails_never(tmp_path: Path) -> None:
    """Two threads may meet on it: no queue would bring it again to the one that came second."""
    file = tmp_path / "a.json"
    file.write_bytes(log_body(record(n) for n in range(300)))
    processor = Collecting()
    checkpoint = MemoryCheckpoint(claim_time=0.2)
    summary = process(
        processor, [log_object("", str(file))] * 6, parts=Parts(checkpoint=checkpoint), threads=4, batch_size=10
    )
    assert summary.failed == ()
    assert (summary.logs, summary.skipped, summary.delivered) == (6, 5, 300)
    assert sorted(map(str, processor.ids)) == sorted(ids(range(300)))
