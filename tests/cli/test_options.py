"""Every setting is an option under its own name, and ``--help`` tells a newcomer what there is."""

import inspect
import subprocess
import sys
from typing import Any

import pytest
import typer
from commands import COMMAND, invoke
from typer.testing import CliRunner

from cloudtrail_processing.cli.options import OF_THE_QUEUE, load_settings, processor_option, with_settings
from cloudtrail_processing.filters import Where
from cloudtrail_processing.settings import Settings

OTHER_NAMES = {"options": "option"}


def test_every_setting_is_an_option_of_the_worker() -> None:
    text = invoke("worker", "--help").stdout
    names = [OTHER_NAMES.get(name, name).replace("_", "-") for name in Settings.model_fields]
    assert [name for name in names if f"--{name} " not in text] == []


def test_where_no_messages_are_received_only_what_concerns_them_is_no_option() -> None:
    text = invoke("process", "--help").stdout
    hidden = {
        name for name in Settings.model_fields if f"--{OTHER_NAMES.get(name, name).replace('_', '-')} " not in text
    }
    assert hidden == set(OF_THE_QUEUE)


def test_settings_stand_in_groups_in_the_order_in_which_they_are_declared() -> None:
    text = invoke("worker", "--help").stdout
    panels = [line.strip("╭╮─ \n") for line in text.splitlines() if line.startswith("╭")]
    assert panels == [
        *("Options", "What to run", "The queue", "The work", "What is never lost", "What is allowed"),
        *("What is proven", "The logs"),
        *("AWS", "Telling"),
    ]


def settings_of(*arguments: str) -> Settings:
    """The settings that a command gets, of which one parameter is its own."""
    found: list[Settings] = []

    @with_settings(without=("threads",))
    def command(ctx: typer.Context, *, own: int = 1) -> None:
        assert own == 2
        found.append(load_settings(ctx))

    program = typer.Typer()
    program.command()(command)
    result = CliRunner().invoke(program, ["--own", "2", *arguments])
    assert result.exit_code == 0, result.output
    return found[0]


def test_a_command_gets_numbers_switches_and_lists_and_what_is_left_out_is_not_given() -> None:
    assert settings_of().model_fields_set == set()
    chosen = settings_of("--verify-sns", "--no-request-payer", "--deduplicate", "0", "--max-keys", "5")
    assert (chosen.verify_sns, chosen.request_payer, chosen.deduplicate, chosen.max_keys) == (True, False, 0, 5)
    assert chosen.model_fields_set == {"verify_sns", "request_payer", "deduplicate", "max_keys"}
    assert settings_of("--allowed-buckets", "a-*", "--allowed-buckets", "b").allowed_buckets == ("a-*", "b")


@pytest.mark.parametrize("command", ["worker", "process", "demo"])
def test_help_says_what_a_command_does_and_how_it_ends(command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert "Ends with 0" in result.stdout


def test_help_shows_the_commands_and_where_to_begin() -> None:
    for arguments in ([], ["--help"], ["-h"]):
        text = invoke(*arguments).output
        assert all(command in text for command in ("worker", "process", "demo", "--version"))
        assert "cloudtrail-processing demo" in text
        assert "CLOUDTRAIL_PROCESSING_<NAME>" in text


def test_help_explains_a_setting_in_its_own_words_with_its_default() -> None:
    text = invoke("worker", "--help").stdout
    assert "How long one receive waits for messages. Default: 20." in text


def test_help_names_every_field_of_a_condition_and_says_that_case_counts() -> None:
    text = " ".join(invoke("process", "--help").stdout.replace("│", " ").split())
    assert "upper and lower case differ" in text
    assert f"Fields: {', '.join(inspect.signature(Where).parameters)}." in text


def test_help_says_how_to_write_a_list_and_where_a_processor_is_searched() -> None:
    text = " ".join(invoke("worker", "--help").stdout.replace("│", " ").split())
    assert """-o 'names=["A","B"]'""" in text
    assert "searched in the current folder too" in text


def test_help_shows_no_value_for_a_flag_without_one() -> None:
    (line,) = [line for line in invoke("--help").stdout.splitlines() if "--version" in line]
    assert "bool" not in line


def test_the_version_is_that_of_the_package() -> None:
    result = invoke("--version")
    assert result.exit_code == 0
    name, version = result.stdout.split()
    assert name == "cloudtrail-processing"
    assert version[0].isdigit()


def test_help_does_not_wait_for_aws_clients_or_the_demo() -> None:
    program = (
        "import sys\nfrom cloudtrail_processing.cli import app\n"
        "print([name for name in ('boto3', 'botocore', 'aiobotocore', 'obstore', 'moto') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_command_is_a_usage_error() -> None:
    assert COMMAND[-1] == "cloudtrail_processing"
    assert invoke("wroker").exit_code == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("size=5", 5),
        ("size=1.5", 1.5),
        ("size=-1e3", -1000.0),
        ("on=true", True),
        ("on=false", False),
        ("none=null", None),
        ("name=prod/db=1", "prod/db=1"),
        ("name=", ""),
        ("name= spaced ", " spaced "),
        ("account=000011112222", "000011112222"),
        ("account='111122223333'", "111122223333"),
        ('account="111122223333"', "111122223333"),
        ("names=['a', 'b']", ["a", "b"]),
        ('limits={"a": [1]}', {"a": [1]}),
        ("since=2026-01-01", "2026-01-01"),
        ("text=1\nother = 2", "1\nother = 2"),
        ("text=True", "True"),
    ],
)
def test_an_option_of_a_processor_is_a_number_a_boolean_a_list_or_else_text(text: str, value: Any) -> None:
    name, found = processor_option(text)
    assert name == text.partition("=")[0]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("value", ["[" * 5_000, '{"a":' * 50_000, "9" * 5_000], ids=["list", "object", "number"])
def test_a_value_that_is_too_deep_or_too_long_to_be_read_is_text(value: str) -> None:
    """Found by fuzzing: a ``RecursionError`` came out."""
    assert processor_option(f"x={value}") == ("x", value)


@pytest.mark.parametrize("text", ["path", "=x", ""])
def test_an_option_without_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="key=value"):
        processor_option(text)
