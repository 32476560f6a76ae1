"""Where the values of settings are read: a file, the environment; and how to complain of them without showing them."""

import difflib
import logging
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.properties import SAME, java_settings

logger = logging.getLogger(__name__)

PREFIX = "CLOUDTRAIL_PROCESSING_"
"""What the names of all environment variables begin with."""


def read_file(file: Path) -> dict[str, Any]:
    """The values of a TOML file, or of a Java properties file; ``SettingsError`` when it cannot be read."""
    try:
        if file.suffix != ".properties":
            return tomllib.loads(file.read_text(encoding="utf-8-sig"))
        values, remarks = java_settings(file.read_bytes().decode("latin-1"))  # the encoding that Java prescribes
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"cannot read the settings file {file}: {error}") from error
    for remark in remarks:
        logger.warning("%s", _writable(f"{file}: {remark}"))
    return dict(values)


def environment_values(settings: type[BaseSettings]) -> dict[str, Any]:
    """The values that stand in the environment; ``SettingsError`` for options that are no JSON."""
    try:
        return EnvSettingsSource(settings)()
    except (ValueError, RecursionError):  # of all settings, only options must be JSON
        text = f'options ({variable("options")}): it must be a JSON object, as {{"path": "x"}}'
        raise SettingsError(text) from None


def variable(name: str) -> str:
    """How to call the environment variable of a setting."""
    return f"environment variable {PREFIX}{name.upper()}"


def key_in(name: str, file: Path) -> str:
    """The file and, where the Java library has its own word, that one."""
    own = {ours: theirs for theirs, ours in SAME.items()} if file.suffix == ".properties" else {}
    return f"{own[name]} in {file}" if name in own else str(file)


def merged(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    """Both, where ``high`` goes first; tables that stand in both are merged in the same way."""
    tables = {name for name in low.keys() & high.keys() if isinstance(low[name], dict) and isinstance(high[name], dict)}
    return {**low, **high, **{name: merged(low[name], high[name]) for name in tables}}


def warn_of_misspelled(environment: Iterable[str], settings: type[BaseSettings]) -> None:
    """Warn of variables with our prefix that are no setting: they would be without effect, silently."""
    for variable in environment:
        name = variable.upper().removeprefix(PREFIX).lower()
        if variable.upper().startswith(PREFIX) and name not in settings.model_fields:
            near = difflib.get_close_matches(name, settings.model_fields, n=1)
            guess = f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""
            logger.warning("the environment variable %s is no setting and has no effect%s", _writable(variable), guess)


def mistakes(
    error: ValidationError, *, kind: str, names: Iterable[str], place: Callable[[str], str] = lambda _: ""
) -> str:
    """Everything that is wrong, without any value, which might be a secret in the wrong place.

    Unknown names are called by ``kind`` and come with the nearest of ``names``. ``place`` says where a value was read.
    """
    return "; ".join(_mistake(dict(detail), kind, list(names), place) for detail in error.errors())


def _mistake(detail: dict[str, Any], kind: str, names: list[str], place: Callable[[str], str]) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    if detail["type"] != "extra_forbidden":
        text = str(detail["msg"]).removeprefix("Value error, ")
        return f"{name}{place(str(detail['loc'][0]))}: {text}" if name else text
    near = difflib.get_close_matches(name, names, n=1)
    return f"unknown {kind} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _writable(text: str) -> str:
    """The text with what no stream can write, such as half a character, spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()
