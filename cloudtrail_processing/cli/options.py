"""The options that commands share: every setting under its own name, with its own words."""

import inspect
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from cloudtrail_processing.filters import Where
from cloudtrail_processing.settings import Settings


def setting(name: str, *, panel: str, metavar: str | None = None, flags: tuple[str, ...] = ()) -> Any:
    """The option for the setting ``name``, explained as the setting is. Left out, it counts as not given."""
    field = Settings.model_fields[name]
    default = field.default
    shown = f"{default:,}" if isinstance(default, (int, float)) else default
    about = field.description or name
    return typer.Option(
        *(flags or (f"--{name.replace('_', '-')}",)),
        help=f"{about[0].upper()}{about[1:]}." + (f" Default: {shown}." if default else ""),
        metavar=metavar,
        show_default=False,
        rich_help_panel=panel,
    )


_FIELDS = ", ".join(inspect.signature(Where).parameters)
_WHAT, _QUEUE, _WORK, _AWS, _TELLING = "What to run", "The queue", "The work", "AWS", "Telling"

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        "-s",
        metavar="FILE",
        help="Read settings from a TOML file, or from the Java library's .properties file.",
        rich_help_panel=_WHAT,
    ),
]
ProcessorNames = Annotated[
    list[str] | None,
    typer.Option(
        "--processor",
        "-p",
        metavar="MODULE:CLASS",
        help="Processor to run: package.module:Class, which is searched in the current folder too, or the name of an "
        "entry point. May be repeated.",
        rich_help_panel=_WHAT,
    ),
]
ProcessorOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="KEY=VALUE",
        help="Keyword argument of the processors. A value may be a number, true, false, or JSON: "
        """-o 'names=\\["A","B"]'. All else is text. May be repeated.""",
        rich_help_panel=_WHAT,
    ),
]
WhereTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        "-w",
        metavar="CONDITIONS",
        help="Only these events: event_source=iam.*,event_name=Put*|Del*. "
        "A comma means and, | means or, != means not, * any text; upper and lower case differ. "
        f"Repeated, any of them is enough. Fields: {_FIELDS}.",
        rich_help_panel=_WHAT,
    ),
]
QueueUrl = Annotated[str | None, setting("queue_url", panel=_QUEUE, metavar="URL")]
VisibilityTimeout = Annotated[int | None, setting("visibility_timeout", panel=_QUEUE, metavar="SECONDS")]
WaitTime = Annotated[int | None, setting("wait_time", panel=_QUEUE, metavar="SECONDS")]
Pollers = Annotated[int | None, setting("pollers", panel=_QUEUE, metavar="NUMBER")]
Threads = Annotated[int | None, setting("threads", panel=_WORK, metavar="NUMBER")]
BatchSize = Annotated[int | None, setting("batch_size", panel=_WORK, metavar="NUMBER")]
GraceTime = Annotated[float | None, setting("grace_time", panel=_WORK, metavar="SECONDS")]
MaxInflatedBytes = Annotated[int | None, setting("max_inflated_bytes", panel=_WORK, metavar="BYTES")]
MaxRatio = Annotated[int | None, setting("max_ratio", panel=_WORK, metavar="NUMBER")]
Region = Annotated[str | None, setting("region", panel=_AWS, metavar="NAME")]
Profile = Annotated[str | None, setting("profile", panel=_AWS, metavar="NAME")]
EndpointUrl = Annotated[str | None, setting("endpoint_url", panel=_AWS, metavar="URL")]
S3EndpointUrl = Annotated[str | None, setting("s3_endpoint_url", panel=_AWS, metavar="URL")]
RequestPayer = Annotated[bool | None, setting("request_payer", panel=_AWS, flags=("--request-payer/--bucket-payer",))]
ConnectTimeout = Annotated[float | None, setting("connect_timeout", panel=_AWS, metavar="SECONDS")]
ReadTimeout = Annotated[float | None, setting("read_timeout", panel=_AWS, metavar="SECONDS")]
LogLevel = Annotated[str | None, setting("log_level", panel=_TELLING, metavar="LEVEL")]
LogFormat = Annotated[str | None, setting("log_format", panel=_TELLING, metavar="text|json")]


def load_settings(ctx: typer.Context) -> Settings:
    """Settings from the command's options, else the environment, else its ``--settings`` file.

    Options of processors are added to those of the file. Raises ``SettingsError``.
    """
    given = {name: value for name, value in ctx.params.items() if name in Settings.model_fields}
    options = dict(processor_option(text) for text in ctx.params.get("option") or ())
    values = {**given, "options": options or None}
    return Settings.load(ctx.params.get("settings"), **{k: v for k, v in values.items() if v not in (None, [], ())})


def processor_option(text: str) -> tuple[str, Any]:
    """``key=value`` as key and value; a value that is no number, boolean, list or quoted text is text as it stands.

    >>> processor_option("size=5"), processor_option("name=prod/db"), processor_option("id='111122223333'")
    (('size', 5), ('name', 'prod/db'), ('id', '111122223333'))
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"{text!r} must be key=value", param_hint="--option")
    return key.strip(), _value(value)


def _value(text: str) -> Any:
    for parse in (_toml, json.loads):
        try:
            found = parse(text)
        except ValueError:
            continue
        return found if isinstance(found, (bool, int, float, str, list, dict)) or found is None else text
    return text


def _toml(text: str) -> Any:
    """The one TOML value that ``text`` is, or ValueError; a text of several lines is none."""
    if "\n" in text:
        raise ValueError(text)
    return tomllib.loads(f"value = {text}")["value"]
