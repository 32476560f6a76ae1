"""The options that commands share: every setting under its own name, with its own words."""

import functools
import inspect
import json
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_origin

import typer
from pydantic.fields import FieldInfo
from rich.markup import escape

from cloudtrail_processing.filters import Where
from cloudtrail_processing.settings import Settings

Command = Callable[..., None]

WHAT = "What to run"
"""The panel of ``--help`` in which a command's own options stand beside the processors."""
WORK = "The work"
"""The panel of what says how the work is done."""

_PANELS = MappingProxyType(
    {
        "processor": WHAT,
        "queue_url": "The queue",
        "threads": WORK,
        "checkpoint": "What is never lost",
        "allowed_buckets": "What is allowed",
        "verify": "What is proven",
        "max_message_bytes": "The logs",
        "region": "AWS",
        "log_level": "Telling",
    }
)
"""The panels of ``--help``, by the setting that opens each: the settings behind it, in their order, stand there too."""

OF_THE_QUEUE = frozenset(
    {
        *("queue_url", "visibility_timeout", "wait_time", "pollers", "grace_time", "retry_delay", "max_retry_delay"),
        *("dead_letter_url", "missing_log", "missing_log_receives", "verify_sns", "allowed_topics"),
        *("max_message_bytes", "max_keys"),
    }
)
"""Settings without effect where no messages are received."""

_METAVARS = MappingProxyType(
    {
        "checkpoint": "PLACE",
        "deduplicate": "SECONDS",
        "quarantine": "PLACE",
        "memory_budget": "BYTES",
        "public_keys": "FILE",
        "verify_grace": "SECONDS",
    }
)
"""How values are called where neither the setting's name nor its type tells it."""
_ENDINGS = MappingProxyType(
    {"_time": "SECONDS", "_timeout": "SECONDS", "_delay": "SECONDS", "_bytes": "BYTES", "_url": "URL"}
)

_FIELDS = ", ".join(inspect.signature(Where).parameters)
_SETTINGS_FILE = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        "-s",
        metavar="FILE",
        help="Read settings from a TOML file, or from the Java library's .properties file.",
        rich_help_panel=WHAT,
    ),
]
_PROCESSORS = Annotated[
    list[str] | None,
    typer.Option(
        "--processor",
        "-p",
        metavar="MODULE:CLASS",
        help="Processor to run: package.module:Class, which is searched in the current folder too, or the name of an "
        "entry point. May be repeated.",
        rich_help_panel=WHAT,
    ),
]
_PROCESSOR_OPTIONS = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="KEY=VALUE",
        help="Keyword argument of the processors. A value may be a number, true, false, or JSON: "
        """-o 'names=\\["A","B"]'. All else is text. May be repeated.""",
        rich_help_panel=WHAT,
    ),
]
_WHERE = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        "-w",
        metavar="CONDITIONS",
        help="Only these events: event_source=iam.*,event_name=Put*|Del*. "
        "A comma means and, | means or, != means not, * any text; upper and lower case differ. "
        f"Repeated, any of them is enough. Fields: {_FIELDS}.",
        rich_help_panel=WHAT,
    ),
]
_OWN_WORDS: Mapping[str, tuple[str, Any]] = MappingProxyType(
    {
        "processor": ("processor", _PROCESSORS),
        "options": ("option", _PROCESSOR_OPTIONS),
        "where": ("where", _WHERE),
    }
)
"""Settings that are written otherwise on a command line than elsewhere: the parameter's name and its option."""


def with_settings(*, without: Collection[str] = ()) -> Callable[[Command], Command]:
    """A decorator that gives a command ``--settings`` and the options of all settings, but those named ``without``.

    The command does not see them: ``load_settings`` reads them from its context. Left out, they count as not given.
    """

    def decorate(command: Command) -> Command:
        own = inspect.signature(command)
        # Panels come in the order of their first option, so those of the settings go before the command's own.
        parameters = sorted([*_parameters(without), *own.parameters.values()], key=lambda one: one.kind)

        @functools.wraps(command)
        def with_options(**given: Any) -> None:
            command(**{name: given[name] for name in own.parameters})

        with_options.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {one.name: one.annotation for one in parameters}
        return with_options

    return decorate


def _parameters(without: Collection[str]) -> Iterator[inspect.Parameter]:
    yield _parameter("settings", _SETTINGS_FILE)
    panel = WHAT
    for name, field in Settings.model_fields.items():
        panel = _PANELS.get(name, panel)
        if name in without:
            continue
        if name in _OWN_WORDS:
            yield _parameter(*_OWN_WORDS[name])
        else:
            yield _parameter(name, _option(name, field, panel=panel))


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _option(name: str, field: FieldInfo, *, panel: str) -> Any:
    """The option for a setting, explained as the setting is."""
    many, flag = isinstance(field.default, tuple), field.annotation is bool
    spelled = name.replace("_", "-")
    option = typer.Option(
        f"--{spelled}/--no-{spelled}" if flag else f"--{spelled}",
        help=_help(name, field) + (" May be repeated." if many else ""),
        metavar="" if flag else _metavar(name, field),
        show_default=False,
        rich_help_panel=panel,
    )
    # What a value may be, the settings check: they say it in the same words wherever it was read.
    types: dict[Any, Any] = {bool: bool, int: int, float: float}
    return Annotated[(list[str] if many else types.get(field.annotation, str)) | None, option]


def _help(name: str, field: FieldInfo) -> str:
    shown = f"{field.default:,}" if isinstance(field.default, (int, float)) else field.default
    about = escape(field.description or name)
    return f"{about[0].upper()}{about[1:]}." + (f" Default: {shown}." if field.default else "")


def _metavar(name: str, field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return "|".join(field.annotation.__args__)  # type: ignore[union-attr]
    by_ending = next((word for ending, word in _ENDINGS.items() if name.endswith(ending)), None)
    by_type = "NUMBER" if field.annotation in (int, float) else "NAME"
    return _METAVARS.get(name) or by_ending or by_type


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
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, (bool, int, float, str, list, dict)) or found is None else text
    return text


def _toml(text: str) -> Any:
    """The one TOML value that ``text`` is, or ValueError; a text of several lines is none."""
    if "\n" in text:
        raise ValueError(text)
    return tomllib.loads(f"value = {text}")["value"]
