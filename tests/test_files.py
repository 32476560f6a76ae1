"""Logs on disk: what paths stand for, and how files are read."""

import gzip
import io
import os
import sys
from pathlib import Path

import pytest

from cloudtrail_processing.errors import ConfigurationError, LogGone, LogTooLarge, SettingsError
from cloudtrail_processing.files import Files, FileStore
from cloudtrail_processing.flow import LogKind, LogObject
from cloudtrail_processing.testing import FakeLogStore

NAME = "111122223333_CloudTrail_eu-west-1_20260101T0000Z_abcdefgh.json.gz"
DIGEST = "111122223333_CloudTrail-Digest_eu-west-1_trail_eu-west-1_20260101T000000Z.json.gz"
LOG = b'{"Records":[]}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (NAME, "b/two.json", "b/c/three.jsonl.gz", "b/four.ndjson", DIGEST, "notes.txt", "README"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(LOG) if name.endswith(".gz") else LOG)
    (tmp_path / "empty").mkdir()
    return tmp_path


def names(folder: Path, *paths: str | os.PathLike[str]) -> list[str]:
    return [os.path.relpath(log.key, folder) for log in Files(paths).logs()]


# ── what paths stand for ──


def test_a_folder_stands_for_the_logs_in_it_at_any_depth_without_digests(folder: Path) -> None:
    assert names(folder, folder) == [NAME, "b/c/three.jsonl.gz", "b/four.ndjson", "b/two.json"]


def test_a_file_stands_for_itself_whatever_its_name(folder: Path) -> None:
    assert names(folder, folder / "notes.txt", folder / DIGEST, str(folder / "b/two.json")) == [
        "notes.txt",
        DIGEST,
        "b/two.json",
    ]


def test_a_glob_stands_for_the_files_that_it_matches_and_for_what_is_in_the_folders(folder: Path) -> None:
    assert names(folder, f"{folder}/b/*.json") == ["b/two.json"]
    assert names(folder, f"{folder}/**/*.json*") == [DIGEST, NAME, "b/c/three.jsonl.gz", "b/two.json"]
    assert names(folder, f"{folder}/[b]") == ["b/c/three.jsonl.gz", "b/four.ndjson", "b/two.json"]
    assert len(names(folder, f"{folder}/b/**")) == 3
    assert names(folder, f"{folder}/b/*") == ["b/c/three.jsonl.gz", "b/four.ndjson", "b/two.json"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(folder: Path) -> None:
    (folder / "[b].json").write_bytes(LOG)
    assert names(folder, folder / "[b].json") == ["[b].json"]


def test_paths_keep_their_order_and_are_sorted_within(folder: Path) -> None:
    assert names(folder, folder / "b", folder / NAME) == ["b/c/three.jsonl.gz", "b/four.ndjson", "b/two.json", NAME]


@pytest.mark.parametrize("one", [str, Path])
def test_one_path_alone_is_as_good_as_a_list_of_one(one: type, folder: Path) -> None:
    assert len(list(Files(one(folder)).logs())) == 4


@pytest.mark.parametrize("path", ["missing", "missing/*.json", "empty", "README/x", "", "nul\0l", "x" * 300])
def test_a_path_that_stands_for_nothing_is_refused_before_anything_is_yielded(path: str, folder: Path) -> None:
    logs = Files([folder / NAME, f"{folder}/{path}" if path else path]).logs()
    with pytest.raises(SettingsError, match=r"no such file|too long|no file or folder matches|no log in this folder"):
        next(logs)


def test_a_path_that_stands_for_nothing_is_told_apart_by_what_it_is(folder: Path) -> None:
    (folder / "empty/notes.txt").touch()
    for path, why in {
        "missing": "no such file or folder",
        "missing/*": "no file or folder matches this glob",
        "empty": r"no log in this folder, where only \.json.* count; other files: 1",
    }.items():
        with pytest.raises(SettingsError, match=why):
            names(folder, folder / path)


def test_files_in_a_folder_that_are_no_logs_are_counted(folder: Path) -> None:
    """So that nobody takes a renamed log for one that was read."""
    (folder / "b/renamed.gz").touch()
    files = Files([folder, folder / "b"])
    assert len(list(files.logs())) == 7
    assert files.left_out == 5


def test_a_pipe_can_be_read_like_a_file(folder: Path) -> None:
    """As shells make them: ``process <(zcat log.gz)``."""
    os.mkfifo(folder / "pipe")
    assert names(folder, folder / "pipe") == ["pipe"]
    assert "pipe" not in names(folder, folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_refused_and_not_taken_for_empty(folder: Path) -> None:
    (folder / "b").chmod(0)
    with pytest.raises(SettingsError, match="/b"):
        list(Files([folder]).logs())


def test_a_file_says_of_itself_what_its_name_tells(folder: Path) -> None:
    (log,) = Files([folder / NAME]).logs()
    assert (log.bucket, log.kind, log.account, log.region) == ("", LogKind.EVENTS, "111122223333", "eu-west-1")
    assert log.uri == str(folder / NAME)


# ── reading ──


def test_the_bytes_are_those_of_the_file(folder: Path) -> None:
    store = FileStore()
    assert store.fetch(LogObject("", str(folder / "b/two.json")), limit=100).body == LOG
    assert gzip.decompress(store.fetch(LogObject("", str(folder / NAME)), limit=100).body) == LOG


def test_standard_input_is_read_as_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LOG)))
    (log,) = Files(["-"]).logs()
    assert FileStore().fetch(log, limit=100).body == LOG


def test_a_file_over_the_limit_is_not_read_further(folder: Path) -> None:
    log = LogObject("", str(folder / "b/two.json"))
    assert FileStore().fetch(log, limit=len(LOG)).body == LOG
    with pytest.raises(LogTooLarge, match=r"two\.json is over the limit of 13 bytes"):
        FileStore().fetch(log, limit=len(LOG) - 1)


def test_standard_input_over_the_limit_is_not_read_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LOG)))
    with pytest.raises(LogTooLarge):
        FileStore().fetch(LogObject("", "-"), limit=3)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("missing.json", LogGone),
        ("README/x.json", LogGone),
        ("empty", ConfigurationError),
        ("nul\0l", ConfigurationError),
        ("x" * 300, ConfigurationError),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_not_tried_again(
    path: str, error: type[Exception], folder: Path
) -> None:
    with pytest.raises(error, match=folder.name):
        FileStore().fetch(LogObject("", f"{folder}/{path}"), limit=100)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_matter_of_configuration(folder: Path) -> None:
    (folder / NAME).chmod(0)
    with pytest.raises(ConfigurationError, match=NAME):
        FileStore().fetch(LogObject("", str(folder / NAME)), limit=100)


def test_what_lies_in_a_bucket_is_handed_on_to_the_other_store(folder: Path) -> None:
    buckets = FakeLogStore({("trail", "k"): b"in the bucket"})
    store = FileStore(buckets)
    assert store.fetch(LogObject("trail", "k"), limit=100).body == b"in the bucket"
    assert store.fetch(LogObject("", str(folder / "b/two.json")), limit=100).body == LOG
    with pytest.raises(ConfigurationError, match="s3://trail/k"):
        FileStore().fetch(LogObject("trail", "k"), limit=100)
