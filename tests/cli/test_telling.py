"""What commands say is one clear line for people, one JSON object for machines, and never more than was asked for."""

import json
import logging
from collections.abc import Iterator

import pytest
import typer
from rich.console import Console

from cloudtrail_processing.cli.telling import clear_errors, log_lines, printable, standard_error
from cloudtrail_processing.errors import CorruptLog, ProcessorError, SettingsError

ours = logging.getLogger("cloudtrail_processing.somewhere")


@pytest.fixture
def console() -> Iterator[Console]:
    before = logging.getLogger().handlers.copy(), logging.getLogger().level
    yield standard_error()
    assert (logging.getLogger().handlers, logging.getLogger().level) == before, "logging is left as it was"


def test_log_lines_have_no_control_characters_but_line_breaks(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with log_lines(console, level="INFO"):
        ours.info("key %s\nnext", "a\x1b[2Jb")
    said = capsys.readouterr().err
    assert "INFO    key a�[2Jb\nnext\n" in said


def test_only_lines_of_the_level_are_written(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    with log_lines(console, level="WARNING"):
        ours.info("too little")
        ours.warning("enough")
    said = capsys.readouterr().err
    assert "enough" in said
    assert "too little" not in said


@pytest.mark.parametrize("name", ["botocore.auth", "aiobotocore", "urllib3.connectionpool"])
def test_clients_never_tell_their_details(name: str, console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    with log_lines(console, level="DEBUG"):
        logging.getLogger(name).debug("a signature")
        ours.debug("our own")
    said = capsys.readouterr().err
    assert "our own" in said
    assert "signature" not in said


def test_json_lines_are_json_whatever_is_said(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    with log_lines(console, level="INFO", form="json"):
        ours.info("two\nlines and \x1b %s", {"a": 1})
        error = ValueError("inside")
        ours.error("failed", exc_info=error)
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["message"] == "two\nlines and \x1b {'a': 1}"
    assert (first["level"], first["logger"]) == ("INFO", "cloudtrail_processing.somewhere")
    assert first["time"].endswith("+00:00")
    assert "ValueError: inside" in second["exception"]


@pytest.mark.parametrize(("error", "code"), [(SettingsError("a [red]bad[/red] one"), 2), (CorruptLog("torn"), 1)])
def test_an_error_is_one_line_and_an_exit_code(
    error: Exception, code: int, console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, clear_errors(console):
        raise error
    assert ended.value.exit_code == code
    assert capsys.readouterr().err == f"error: {error}\n"


def test_what_user_code_raised_is_part_of_the_line(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), clear_errors(console):
        raise ProcessorError("start of Mine raised KeyError") from KeyError("the reason")
    assert capsys.readouterr().err == "error: start of Mine raised KeyError: 'the reason'\n"


def test_other_errors_are_bugs_and_pass(console: Console) -> None:
    with pytest.raises(ZeroDivisionError), clear_errors(console):
        raise ZeroDivisionError


def test_a_long_line_is_not_wrapped(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), clear_errors(console):
        raise CorruptLog("word " * 200)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_text_of_any_language_is_printable() -> None:
    assert printable("Zoë 日本 👍 a\tb\n", keep="\n") == "Zoë 日本 👍 a�b\n"
