"""Processors by name: ``package.module:Class``, or an entry point; with options that the class validates."""

import importlib
import inspect
import os
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.processor import EventProcessor

GROUP = "cloudtrail_processing.processors"
"""The entry-point group in which packages announce their processors."""


def load_processor(name: str, options: Mapping[str, Any] | None = None) -> EventProcessor:
    """An instance of the processor called ``name``, made with ``options`` as keyword arguments.

    ``name`` is ``package.module:Class`` (the current folder is searched too) or an entry point of the group
    ``cloudtrail_processing.processors``. If the class has ``Options``, a pydantic model, the options are validated and
    converted by it first. Raises ``SettingsError`` that says what is wrong, and with which option.
    """
    found = _import(name) if ":" in name else _entry_point(name)
    if not (isinstance(found, type) and issubclass(found, EventProcessor)):
        raise SettingsError(f"{name} is not a subclass of cloudtrail_processing.EventProcessor")
    keywords = _validated(found, name, dict(options or {}))
    try:
        inspect.signature(found).bind(**keywords)
    except TypeError as error:
        raise SettingsError(f"options of processor {name}: {error}") from error
    return found(**keywords)


def check_processor(processor: object) -> None:
    """Raise ``SettingsError`` for a processor whose ``process`` could never run: a class, a generator, not ours."""
    if not isinstance(processor, EventProcessor):
        hint = "; pass an instance: add ()" if isinstance(processor, type) else ""
        raise SettingsError(f"{processor!r} is not an EventProcessor{hint}")
    process = processor.process
    if inspect.isgeneratorfunction(process) or inspect.isasyncgenfunction(process):
        raise SettingsError(f"{processor.name}.process is a generator: its body would never run; remove the yield")


def _import(name: str) -> object:
    module, _, attribute = name.partition(":")
    if (here := os.getcwd()) not in sys.path and "" not in sys.path:  # noqa: PTH109 - sys.path holds texts
        sys.path.insert(0, here)
    try:
        found: object = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(f"cannot import processor {name}: {error}") from error
    return found


def _entry_point(name: str) -> object:
    points: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        known = ", ".join(sorted(points)) or "none is installed"
        raise SettingsError(
            f"no processor is called {name!r} (known: {known}); or name a class as package.module:Class"
        )
    try:
        return points[name].load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"cannot load processor {name}: {error}") from error


def _validated(processor: type[EventProcessor], name: str, options: dict[str, Any]) -> dict[str, Any]:
    if processor.Options is None:
        return options
    try:
        return dict(processor.Options.model_validate(options))
    except ValidationError as error:
        mistakes = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors())
        raise SettingsError(f"options of processor {name}: {mistakes}") from None
