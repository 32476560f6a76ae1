"""Bad records lie safe on disk, whole, under names that no key can lead astray."""

import errno
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudtrail_processing.errors import ConfigurationError, CorruptLog, TransientError
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.quarantine import FolderQuarantine, file_name, from_line, to_line

TIME = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
KEY = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/01/111122223333_CloudTrail_eu-west-1_20260101T0005Z_a.json.gz"
HOSTILE_KEYS = [
    "../../../etc/passwd",
    "/etc/passwd",
    "a/..",
    "..",
    ".",
    "",
    "NUL\0byte",
    "x" * 5000,
    "日" * 5000,
    "CON",
    "nul.json",
    "C:\\Windows\\system32",
    "a:b",
    "~/.ssh/authorized_keys",
    "$(reboot).json",
    "-rf",
    "line\nbreak",
    "trailing. ",
    "\udc80file",
]
keys = st.text() | st.sampled_from(HOSTILE_KEYS) | st.text(alphabet="./\\\0:", max_size=20)
logs = st.builds(log_object, st.text(), keys, version_id=st.none() | st.text(), etag=st.none() | st.text())
raws = st.binary() | st.text().map(str.encode)
records = st.builds(RejectedRecord, logs, st.integers(min_value=0), raws, st.text())
others = st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
SAFE = re.compile(r"log-[A-Za-z0-9_-]*-[0-9a-f]{16}-[0-9a-f]{16}\.jsonl")


def bad(raw: bytes = b"[]", *, key: str = KEY, index: int = 0) -> RejectedRecord:
    return RejectedRecord(log_object("trail", key), index, raw, "no object")


@given(record=records)
def test_any_record_makes_one_ascii_line_from_which_it_comes_back(record: RejectedRecord) -> None:
    line = to_line(record, time=TIME)
    assert line.isascii()
    assert len(line.splitlines()) == 1
    entry = from_line(line, place="here")
    assert (entry.record, entry.time, entry.place) == (record, TIME, "here")


def test_a_line_says_all_there_is_to_know_in_plain_fields() -> None:
    log = log_object("trail", KEY, version_id="v", etag="e")
    about = {"bucket": "trail", "key": KEY, "version_id": "v", "etag": "e", "index": 7, "error": "why"}
    text = json.loads(to_line(RejectedRecord(log, 7, b'{"a":"\xc3\xa9"', "why"), time=TIME))
    assert text == {**about, "time": TIME.isoformat(), "raw": '{"a":"é"'}
    odd = json.loads(to_line(RejectedRecord(log, 7, b"\xff", "why"), time=TIME))
    assert odd == {**about, "time": TIME.isoformat(), "raw_base64": "/w=="}


GOOD = json.loads(to_line(bad(), time=TIME))


ODD: list[dict[str, object]] = [{name: None} for name in ("bucket", "key", "index", "error", "time", "raw")]
ODD += [{"index": 1e400}, {"index": 1.5}, {"index": True}, {"version_id": {}}, {"etag": ["e"]}, {"etag": 5}]
ODD += [{"time": "2026-01-02"}, {"time": "2026-01-02T03:04:05"}]


@pytest.mark.parametrize("change", ODD, ids=str)
def test_a_line_with_a_field_of_another_kind_is_no_record(change: dict[str, object]) -> None:
    with pytest.raises(CorruptLog, match="here has a line"):
        from_line(json.dumps({**GOOD, **change}).encode(), place="here")


@given(line=st.binary() | others.map(lambda value: json.dumps(value).encode()))
def test_any_other_line_is_refused_with_our_error(line: bytes) -> None:
    with pytest.raises(CorruptLog):
        from_line(line, place="here")


def test_a_line_nested_without_end_is_refused_with_our_error() -> None:
    with pytest.raises(CorruptLog):
        from_line(b"[" * 1_000_000, place="here")


@given(record=records)
def test_a_files_name_is_safe_whatever_the_key(record: RejectedRecord) -> None:
    name = file_name([record])
    assert SAFE.fullmatch(name)
    assert len(name) <= 130


def test_a_files_name_shows_the_end_of_the_key() -> None:
    assert "111122223333_CloudTrail_eu-west-1_20260101T0005Z_a-" in file_name([bad()])


@given(first=records, second=records)
def test_other_records_get_another_name(first: RejectedRecord, second: RejectedRecord) -> None:
    same = (first.log, first.index, first.raw) == (second.log, second.index, second.raw)
    assert (file_name([first]) == file_name([second])) == same
    assert file_name([first, second]) != file_name([first])


@settings(max_examples=50, deadline=None)
@given(kept=st.lists(records, max_size=4))
def test_whatever_is_kept_lies_in_the_folder_and_nowhere_else(kept: list[RejectedRecord]) -> None:
    with tempfile.TemporaryDirectory() as outside:
        folder = Path(outside, "in", "here")
        quarantine = FolderQuarantine(folder)
        quarantine.keep(kept)
        assert {entry.record for entry in quarantine.entries()} == set(kept)
        files = [path for path in Path(outside).rglob("*") if path.is_file()]
        assert all(path.parent == folder and SAFE.fullmatch(path.name) for path in files)
        quarantine.remove(list(quarantine.entries()))
        assert [path for path in Path(outside).rglob("*") if path.is_file()] == []


def test_its_files_are_for_nobody_else(tmp_path: Path) -> None:
    FolderQuarantine(tmp_path).keep([bad()])
    [file] = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_it_returns_only_when_the_file_and_then_its_folders_are_on_the_disk(tmp_path: Path) -> None:
    synced: list[str] = []

    def sync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    FolderQuarantine(tmp_path / "a" / "b", sync=sync).keep([bad()])
    made = [str(tmp_path / "a"), str(tmp_path)]
    assert synced[:2] == made
    assert Path(synced[2]).name.endswith(".tmp")
    assert synced[3:] == [str(tmp_path / "a" / "b")]


def failing(number: int) -> Callable[[int], None]:
    def sync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    return sync


@pytest.mark.parametrize(
    ("number", "kind", "cure"),
    [
        (errno.ENOSPC, ConfigurationError, "free space there"),
        (errno.EDQUOT, ConfigurationError, "free space there"),
        (errno.EACCES, ConfigurationError, "let this user read and write there"),
        (errno.EROFS, ConfigurationError, "let this user read and write there"),
        (errno.EIO, TransientError, "tried again later"),
        (errno.EMFILE, TransientError, "tried again later"),
    ],
    ids=str,
)
def test_a_disk_that_fails_raises_our_error_and_leaves_no_half_file(
    number: int, kind: type[Exception], cure: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=cure) as raised:
        FolderQuarantine(tmp_path, sync=failing(number)).keep([bad()])
    assert str(tmp_path) in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    yield tmp_path
    tmp_path.chmod(0o700)


def test_a_folder_without_permission_is_a_configuration_error(locked: Path) -> None:
    for folder in (locked, locked / "new"):
        with pytest.raises(ConfigurationError, match="let this user read and write there"):
            FolderQuarantine(folder).keep([bad()])


@pytest.mark.parametrize("name", ["file", "file/below", "x" * 300, "nul\0"], ids=repr)
def test_what_can_be_no_folder_is_a_configuration_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"folder that can exist|can be no folder"):
        FolderQuarantine(tmp_path / name).keep([bad()])


def test_files_of_others_are_neither_listed_nor_touched(tmp_path: Path) -> None:
    for name in (".half.jsonl", "notes.txt", ".abc.tmp"):
        (tmp_path / name).write_text("not ours")
    quarantine = FolderQuarantine(tmp_path)
    quarantine.keep([bad()])
    quarantine.remove(list(quarantine.entries()))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".abc.tmp", ".half.jsonl", "notes.txt"]


KILLED = """
import os, signal, sys
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.quarantine import FolderQuarantine

left = [int(sys.argv[2])]

def sync(descriptor):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)

FolderQuarantine(sys.argv[1], sync=sync).keep([RejectedRecord(LogObject("trail", "a"), 0, b"[]" * 100000, "bad")])
print("kept")
"""


@pytest.mark.parametrize("syncs", range(4))
def test_a_process_killed_at_any_moment_leaves_whole_files_or_none(syncs: int, tmp_path: Path) -> None:
    folder = tmp_path / "q"
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, folder, str(syncs)], capture_output=True, timeout=60, check=False
    )
    found = [entry.record.raw for entry in FolderQuarantine(folder).entries()]
    assert found in ([], [b"[]" * 100_000])
    assert found or b"kept" not in ended.stdout


def test_the_log_of_a_record_is_known_again_with_what_its_key_tells() -> None:
    log = LogObject("trail", KEY, size=9)
    read = from_line(to_line(RejectedRecord(log, 0, b"", ""), time=TIME), place="").record.log
    assert (read.account, read.region, read.size) == ("111122223333", "eu-west-1", None)
