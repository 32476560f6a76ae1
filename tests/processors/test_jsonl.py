"""JSON lines are exact, whole, on the disk when a batch counts as taken, and never torn for longer than a crash."""

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.plugins import load_processor
from cloudtrail_processing.processors import JsonLines, json_line
from cloudtrail_processing.testing import batch, event

NAME = "cloudtrail_processing.processors:JsonLines"


@contextmanager
def started(path: Path, *, sync: bool = True) -> Iterator[JsonLines]:
    processor = JsonLines(path, sync=sync)
    processor.start()
    try:
        yield processor
    finally:
        processor.stop()


def raws(*seeds: int) -> list[bytes]:
    return [event(seed=seed).raw for seed in seeds]


def test_batches_are_appended_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    for seeds in ((1, 2), (3,)):
        with started(file) as processor:
            processor.process(batch(event(seed=seed) for seed in seeds))
            assert file.read_bytes().endswith(raws(seeds[-1])[0] + b"\n"), "there when process returns"
    assert file.read_bytes().splitlines() == raws(1, 2, 3)


def test_a_line_that_a_crash_tore_gets_an_end_first(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'{"whole": 1}\n{"torn": ')
    with started(file) as processor:
        processor.process(batch([event()]))
    assert file.read_bytes().splitlines() == [b'{"whole": 1}', b'{"torn": ', event().raw]


def test_a_line_that_a_full_disk_tore_gets_an_end_first(tmp_path: Path) -> None:
    import resource

    file = tmp_path / "events.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with started(file) as processor:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                processor.process(batch([event()]))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        processor.process(batch([event()]))
    assert file.read_bytes().splitlines() == [event().raw[:100], event().raw]


def test_what_cannot_be_written_is_raised() -> None:
    with started(Path("/dev/full")) as processor, pytest.raises(OSError, match="No space left"):
        processor.process(batch([event()]))


def test_a_device_needs_no_sync() -> None:
    with started(Path(os.devnull)) as processor:
        processor.process(batch([event()]))


def test_a_missing_folder_fails_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        JsonLines(tmp_path / "missing" / "file").start()


def test_batches_before_the_start_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="start"):
        JsonLines(tmp_path / "file").process(batch([event()]))


def test_the_batches_of_several_threads_and_processors_stand_together(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    batches = [batch(event(seed=10 * number + index) for index in range(3)) for number in range(8)]
    with started(file, sync=False) as one, started(file, sync=False) as other:
        threads = [
            threading.Thread(target=processor.process, args=(part,)) for part in batches for processor in (one, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = file.read_bytes().splitlines()
    groups = [tuple(lines[start : start + 3]) for start in range(0, len(lines), 3)]
    assert Counter(groups) == Counter({tuple(one.raw for one in part): 2 for part in batches})


def test_standard_output_is_the_default(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    processor = load_processor(NAME)
    processor.start()
    processor.process(batch([event()]))
    processor.stop()
    assert capfdbinary.readouterr().out == event().raw + b"\n"


def test_options_come_by_name_and_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "out"
    processor = load_processor(NAME, {"path": str(file), "sync": "no"})
    processor.start()
    processor.process(batch([event()]))
    processor.stop()
    assert file.read_bytes() == event().raw + b"\n"
    with pytest.raises(SettingsError, match="unknown option 'file'"):
        load_processor(NAME, {"file": "x"})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4), st.integers(1, 3), st.booleans())
def test_a_record_over_several_lines_is_the_same_on_one(
    record: dict[str, object], indent: int, ascii_only: bool
) -> None:
    pretty = json.dumps(record, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    line = json_line(pretty.replace(b"\n", b"\r\n"))
    compact = (
        json.dumps(record, separators=(",", ":"), ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") + b"\n"
    )
    assert line == (compact if b"\n" in pretty else pretty + b"\n")


def test_a_record_on_one_line_is_not_touched() -> None:
    raw = b'{"a" :  1.0, "b":1e400, "a": "\\ud800 \t"}'
    assert json_line(raw) == raw + b"\n"
