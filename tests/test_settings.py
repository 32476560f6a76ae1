"""One frozen value of settings: keyword arguments, then the environment, then the file, then the default."""

import json
import logging
import os
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.settings import Settings

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/trail"
CANARY = "canary-7f3a"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("CLOUDTRAIL_PROCESSING_")]:
        monkeypatch.delenv(name)


def toml(folder: Path, text: str, name: str = "settings.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


# ── where values come from ──


def test_without_anything_the_defaults_hold() -> None:
    settings = Settings.load(None)
    assert (settings.threads, settings.pollers, settings.batch_size, settings.visibility_timeout) == (64, 2, 100, 300)
    assert (settings.wait_time, settings.grace_time, settings.max_inflated_bytes) == (20, 20, 256 * 2**20)
    assert settings.queue_url is None


def test_arguments_go_before_the_environment_before_the_file_before_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = toml(tmp_path, "threads = 3\nbatch_size = 30\nwait_time = 13\npollers = 1")
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_THREADS", "4")
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_BATCH_SIZE", "40")
    settings = Settings.load(file, threads=5)
    assert (settings.threads, settings.batch_size, settings.wait_time, settings.grace_time) == (5, 40, 13, 20)


def test_options_are_merged_key_by_key_under_the_same_precedence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = toml(tmp_path, "[options]\na = 1\nb = 1\nc = 1\n[options.deep]\nx = 1\ny = 1")
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_OPTIONS", '{"b": 2, "c": 2, "deep": {"y": 2}}')
    settings = Settings.load(file, options={"c": 3})
    assert settings.options == {"a": 1, "b": 2, "c": 3, "deep": {"x": 1, "y": 2}}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("queue_url", URL, URL),
        ("visibility_timeout", "60", 60),
        ("wait_time", "0", 0),
        ("pollers", "3", 3),
        ("threads", "7", 7),
        ("batch_size", "1", 1),
        ("pin_processes", "false", False),
        ("grace_time", "1.5", 1.5),
        ("max_inflated_bytes", "4096", 4096),
        ("max_ratio", "10", 10),
        ("region", "eu-west-1", "eu-west-1"),
        ("profile", "audit", "audit"),
        ("endpoint_url", "http://localhost:5000", "http://localhost:5000"),
        ("s3_endpoint_url", "http://localhost:5000", "http://localhost:5000"),
        ("request_payer", "true", True),
        ("connect_timeout", "2", 2),
        ("read_timeout", "9", 9),
        ("log_level", "debug", "DEBUG"),
        ("log_format", "json", "json"),
        ("processor", "a:B", ("a:B",)),
        ("processor", '["a:B", "c"]', ("a:B", "c")),
        ("where", "event_name=Delete*,region=eu-*", ("event_name=Delete*,region=eu-*",)),
        ("where", ' ["event_name=A", "event_name=B"]', ("event_name=A", "event_name=B")),
        ("options", '{"path": "x"}', {"path": "x"}),
        ("retry_delay", "5", 5),
        ("max_retry_delay", "60", 60),
        ("denied_delay", "60", 60),
        ("max_denied_delay", "3600", 3600),
        ("fetch_attempts", "2", 2),
        ("fetch_time", "9", 9),
        ("process_attempts", "3", 3),
        ("checkpoint", "sqlite:checkpoint.db", "sqlite:checkpoint.db"),
        ("checkpoint_namespace", "billing", "billing"),
        ("checkpoint_time", "10", 10),
        ("deduplicate", "3600", 3600),
        ("quarantine", "bad-records", "bad-records"),
        ("dead_letter_url", URL, URL),
        ("missing_log", "skip", "skip"),
        ("missing_log_receives", "3", 3),
        ("allowed_buckets", "trail-*", ("trail-*",)),
        ("allowed_accounts", '["111122223333", "444455556666"]', ("111122223333", "444455556666")),
        ("allowed_organizations", "o-exampleorgid", ("o-exampleorgid",)),
        ("bucket_owners", "111122223333", ("111122223333",)),
        ("verify_sns", "true", True),
        ("verify", "require", "require"),
        ("verify_grace", "3600", 3600),
        ("public_keys", "keys.json", "keys.json"),
        ("allowed_topics", "arn:aws:sns:*:111122223333:trail", ("arn:aws:sns:*:111122223333:trail",)),
        ("max_message_bytes", "262144", 262_144),
        ("max_keys", "10", 10),
        ("max_records", "500", 500),
        ("memory_budget", "536870912", 2**29),
    ],
)
def test_every_setting_has_its_environment_variable(
    name: str, text: str, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"CLOUDTRAIL_PROCESSING_{name.upper()}", text)
    assert getattr(Settings.load(), name) == expected


def test_no_setting_is_left_out_of_that_table() -> None:
    (mark,) = [it for it in test_every_setting_has_its_environment_variable.pytestmark if it.name == "parametrize"]
    assert {case[0] for case in mark.args[1]} == set(Settings.model_fields)


def test_an_empty_environment_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files and charts set what nobody filled in to the empty text."""
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_REGION", "")
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_THREADS", "")
    settings = Settings.load()
    assert (settings.region, settings.threads) == (None, 64)


def test_a_misspelled_environment_variable_is_warned_of_without_its_value(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_QUEUEURL", CANARY)
    Settings.load()
    (line,) = [record.getMessage() for record in caplog.records]
    assert "CLOUDTRAIL_PROCESSING_QUEUEURL" in line
    assert "CLOUDTRAIL_PROCESSING_QUEUE_URL" in line
    assert CANARY not in line


@pytest.mark.parametrize("value", ["a:B", ["a:B"], ("a:B",)])
def test_one_text_is_as_good_as_a_list_of_one(value: object) -> None:
    assert Settings.load(processor=value).processor == ("a:B",)


# ── what fits together ──


def test_one_thread_may_be_asked_for_without_a_word_about_pollers() -> None:
    assert Settings.load(threads=1).threads == 1


def test_more_pollers_than_threads_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"pollers \(3\) must not exceed threads \(2\)"):
        Settings.load(threads=2, pollers=3)


@pytest.mark.parametrize("url", ["trail", "arn:aws:sqs:eu-west-1:123456789012:trail", ""])
def test_a_queue_is_named_by_its_url(url: str) -> None:
    with pytest.raises(SettingsError, match="queue_url must be the URL"):
        Settings.load(queue_url=url)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("visibility_timeout", 9),
        ("visibility_timeout", 43_201),
        ("wait_time", 21),
        ("threads", 0),
        ("batch_size", 0),
        ("max_ratio", 1),
        ("grace_time", -1),
        ("log_level", "LOUD"),
        ("log_format", "xml"),
        ("threads", CANARY),
        ("processor", f'["{CANARY}"'),
        ("processor", [1]),
        ("options", CANARY),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name_and_without_showing_it(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=rf"^{name}") as caught:
        Settings.load(None, **{name: value})
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"wait_time: .*; threads: ") as caught:
        Settings.load(threads="x", wait_time="y")
    assert str(caught.value).count(";") == 1


def test_a_broken_environment_variable_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_OPTIONS", "{" + CANARY)
    with pytest.raises(
        SettingsError, match=r'CLOUDTRAIL_PROCESSING_OPTIONS\): it must be .* as \{"path": "x"\}'
    ) as caught:
        Settings.load()
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_mistake_says_where_the_value_in_force_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (toml(tmp_path, "threads = 'x'"), toml(tmp_path, "threadCount=x", "trail.properties")):
        key = "" if file.suffix == ".toml" else "threadCount in "
        with pytest.raises(SettingsError, match=rf"^threads \({key}{file}\): Input should be"):
            Settings.load(file)
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_THREADS", "y")
    with pytest.raises(SettingsError, match=r"^threads \(environment variable CLOUDTRAIL_PROCESSING_THREADS\): "):
        Settings.load(file)
    with pytest.raises(SettingsError, match=r"^threads: "):
        Settings.load(file, threads="z")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings.load().threads = 3  # type: ignore[misc]


def test_settings_given_and_values_beside_them_are_one_too_many() -> None:
    settings = Settings.load(threads=3)
    assert Settings.of(settings) is settings
    assert Settings.of(None, threads=5).threads == 5
    with pytest.raises(SettingsError, match="threads"):
        Settings.of(settings, threads=5)


# ── files ──


@pytest.mark.parametrize(("wrong", "right"), [("queue_ur", "queue_url"), ("visibilityTimeout", "visibility_timeout")])
def test_an_unknown_key_is_refused_with_the_nearest_one(wrong: str, right: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=rf"unknown setting '{wrong}'; did you mean '{right}'\?"):
        Settings.load(toml(tmp_path, f'{wrong} = "{CANARY}"'))
    with pytest.raises(SettingsError, match=wrong):
        Settings.load(**{wrong: CANARY})


def test_a_key_like_no_other_is_refused_without_a_guess(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^unknown setting 'zzz'$"):
        Settings.load(toml(tmp_path, "zzz = 1"))


def test_lists_and_tables_are_read_from_toml(tmp_path: Path) -> None:
    file = toml(tmp_path, '\ufeffprocessor = ["a:B", "c"]\nwhere = "event_name=A"\n[options]\npath = "x"\nsize = 3')
    settings = Settings.load(file)
    assert (settings.processor, settings.where) == (("a:B", "c"), ("event_name=A",))
    assert settings.options == {"path": "x", "size": 3}


@pytest.mark.parametrize("text", ["threads = ", "threads", "= 1", f'threads = "{CANARY}', "\x00"])
def test_a_file_that_is_no_toml_is_refused_with_its_name(text: str, tmp_path: Path) -> None:
    file = toml(tmp_path, text)
    with pytest.raises(SettingsError, match=r"settings\.toml") as caught:
        Settings.load(file)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_file_that_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    for file in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(SettingsError, match=str(file)):
            Settings.load(file)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"binary\.toml"):
        Settings.load(str(tmp_path / "binary.toml"))


# ── the Java library's file ──


def test_a_java_file_gives_settings_and_warnings_with_its_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = toml(
        tmp_path,
        f"accessKey={CANARY}\nsecretKey={CANARY}\nsqsUrl={URL}\nvisibilityTimeout=60 \nthreadCount=1 \n"
        "threadTerminationDelaySeconds=7\nmaxEventsPerEmit=10\nsqsRegion=eu-west-1\ndeleteMessageUponFailure=true",
        "trail.properties",
    )
    with caplog.at_level(logging.DEBUG):
        settings = Settings.load(file)
    assert (settings.queue_url, settings.visibility_timeout, settings.region) == (URL, 60, "eu-west-1")
    assert (settings.threads, settings.grace_time, settings.batch_size) == (1, 7, 10)
    assert len(caplog.records) == 3
    assert all(str(file) in record.getMessage() for record in caplog.records)
    assert CANARY not in caplog.text


def test_a_java_file_is_read_in_the_encoding_of_java(tmp_path: Path) -> None:
    file = tmp_path / "trail.properties"
    file.write_bytes("# Schlüssel für Åsa\nthreadCount=3\n".encode("latin-1"))
    assert Settings.load(file).threads == 3
    file.write_bytes("# Schlüssel für Åsa\nthreadCount=3\n".encode())
    assert Settings.load(file).threads == 3


def test_the_environment_goes_before_a_java_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = toml(tmp_path, "threadCount=3", "trail.properties")
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_THREADS", "4")
    assert Settings.load(file).threads == 4


def test_a_java_value_that_cannot_work_is_refused_without_showing_it(tmp_path: Path) -> None:
    file = toml(tmp_path, f"threadCount={CANARY}", "trail.properties")
    with pytest.raises(SettingsError, match="threads") as caught:
        Settings.load(file)
    assert CANARY not in str(caught.value)


def test_settings_are_shown_as_json_for_people_who_ask_what_is_in_force() -> None:
    assert json.loads(Settings.load(threads=3).model_dump_json())["threads"] == 3


# ── too deep to be read ──

DEEP = "[" * 100_000


def test_a_file_that_is_nested_too_deep_is_an_unusable_setting_and_nothing_else(tmp_path: Path) -> None:
    """Found by fuzzing: a ``RecursionError`` came out."""
    with pytest.raises(SettingsError, match="cannot read the settings file"):
        Settings.load(toml(tmp_path, f"options = {DEEP}"))


def test_options_that_are_nested_too_deep_are_an_unusable_setting_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_OPTIONS", DEEP)
    with pytest.raises(SettingsError, match="OPTIONS"):
        Settings.load()


@pytest.mark.parametrize("name", ["where", "processor", "allowed_buckets"])
def test_a_list_that_is_nested_too_deep_is_an_unusable_setting_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"CLOUDTRAIL_PROCESSING_{name.upper()}", DEEP)
    with pytest.raises(SettingsError, match=name):
        Settings.load()


def test_dead_letters_go_to_another_queue_than_the_one_they_came_from() -> None:
    with pytest.raises(SettingsError, match="another queue"):
        Settings.load(queue_url=URL, dead_letter_url=URL)


def test_a_warning_can_be_written_whatever_a_file_or_the_environment_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A log line with half a character in it would be lost to every handler that writes UTF-8."""
    file = tmp_path / "java.properties"
    file.write_text("thread\\ud800Count = 3\n", encoding="latin-1")
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_THREADS\udc97", "3")
    Settings.load(file)
    assert len(caplog.messages) == 2
    assert "\\ud800" in caplog.text
    assert all(message.encode() for message in caplog.messages)
