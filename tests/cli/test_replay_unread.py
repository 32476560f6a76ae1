"""``replay`` never says that nothing is there when it could not read, or was not asked for, what lies there."""

from pathlib import Path

import pytest
from bench import key_of
from commands import invoke

from cloudtrail_processing.flow import RejectedRecord
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.quarantine import FolderQuarantine

PRINT = ("--processor", "cloudtrail_processing.processors:JsonLines")
NOISE = b"\xff\x00\xfe\n\n[]\n"
TOLD = "failed: 2 line(s) in {} are no quarantined record: the first is line 1 (UnicodeDecodeError); kept (CorruptLog)"


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A file of a quarantine with two lines that nobody kept there."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "noise.jsonl").write_bytes(NOISE)
    return tmp_path / "bad" / "noise.jsonl"


def test_lines_that_are_no_records_are_told_and_kept_and_are_not_called_nothing(noise: Path) -> None:
    result = invoke("replay", "--quarantine", noise.parent, *PRINT)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{TOLD.format(noise)}\n"
    assert noise.read_bytes() == NOISE


def test_a_dry_run_tells_of_lines_that_are_no_records(noise: Path) -> None:
    result = invoke("replay", "--quarantine", noise.parent, "--dry-run")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        TOLD.format(noise),
        "dry run: 0 to replay; nothing was delivered or changed",
    ]


def test_lines_that_are_no_records_are_told_beside_good_ones_that_are_delivered(noise: Path) -> None:
    place = FolderQuarantine(noise.parent)
    place.keep([RejectedRecord(log_object("trail", key_of("a")), 3, b'{"eventID":"one"}', "not JSON")])
    result = invoke("replay", "--quarantine", noise.parent, *PRINT)
    assert (result.exit_code, result.stdout) == (1, '{"eventID":"one"}\n')
    assert result.stderr.splitlines() == [
        "logs 1, records 1, delivered 1, not wanted 0, still bad 0, logs skipped 0, logs failed 0",
        TOLD.format(noise),
    ]
    assert [file.read_bytes() for file in noise.parent.iterdir()] == [NOISE]


@pytest.mark.parametrize("more", [PRINT, ("--dry-run",)], ids=["run", "dry"])
@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_quarantine_that_is_no_folder_is_a_usage_error(name: str, more: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("replay", "--quarantine", tmp_path / name, *more)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: there is no folder {tmp_path / name}: ")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CorruptLogg", "no such error class CorruptLogg; did you mean CorruptLog?"),
        ("corruptlog", "no such error class corruptlog; did you mean CorruptLog?"),
        ("Unknown", "no such error class Unknown; did you mean unknown?"),
        ("Disposition", "no such error class Disposition; "),
        ("", "no such error class ''; known are AlteredLog, BookkeepingError, "),
    ],
    ids=str,
)
def test_an_error_class_that_there_is_not_is_refused_before_any_letter_is_received(name: str, text: str) -> None:
    url = "http://127.0.0.1:9/123456789012/dead"
    result = invoke("replay", "--dead-letters", url, "--error", "CorruptLog", "--error", name, "--dry-run")
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in " ".join(result.stderr.replace("│", " ").split())
