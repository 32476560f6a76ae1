"""Processors by name: ``package.module:Class``, or an entry point; with options that the class validates."""

import functools
import importlib
import inspect
import os
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.loading import mistakes
from cloudtrail_processing.processor import EventProcessor

GROUP = "cloudtrail_processing.processors"
"""The entry-point group in which packages announce their processors."""


def load_processor(name: str, options: Mapping[str, Any] | None = None) -> EventProcessor[Any]:
    """An instance of the processor called ``name``, made with ``options`` as keyword arguments.

    ``name`` is ``package.module:Class`` (the current folder is searched too) or an entry point of the group
    ``cloudtrail_processing.processors``. If the class has ``Options``, a pydantic model, the options are validated and
    converted by it first; unknown ones are refused unless its configuration says otherwise by ``extra``. Raises
    ``SettingsError`` that says what is wrong, and with which option, but never shows a value.
    """
    found = _found(name)
    if not (isinstance(found, type) and issubclass(found, EventProcessor)):
        raise SettingsError(f"{name} is not a subclass of cloudtrail_processing.EventProcessor")
    keywords = _validated(found.Options, name, dict(options or {}))
    try:
        inspect.signature(found).bind(**keywords)
    except TypeError as error:
        raise SettingsError(f"options of processor {name}: {error}") from None
    try:
        return found(**keywords)
    except SettingsError:
        raise
    except Exception as error:
        raise SettingsError(f"cannot make processor {name}: it raised {type(error).__name__}{_place(error)}") from error


def _place(error: BaseException) -> str:
    """Where it was raised. Its text is not told: it may quote an option, which may be a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def check_processor(processor: object) -> None:
    """Raise ``SettingsError`` for a processor whose ``process`` could never run: a class, a generator, not ours."""
    if isinstance(processor, type):
        raise SettingsError(f"{processor.__qualname__} is a class: pass an instance, {processor.__qualname__}()")
    if not isinstance(processor, EventProcessor):
        raise SettingsError(f"a {type(processor).__qualname__} is not an EventProcessor")
    process: object = processor.process
    if not callable(process):
        raise SettingsError(f"{processor.name}.process cannot be called: it is a {type(process).__name__}")
    if getattr(process, "__func__", None) is EventProcessor.process:
        raise SettingsError(f"{processor.name} does not define process(batch)")
    if inspect.isgeneratorfunction(process) or inspect.isasyncgenfunction(process):
        raise SettingsError(f"{processor.name}.process is a generator: its body would never run; remove the yield")


def _found(name: str) -> object:
    """What a name stands for; whatever importing it raises becomes a ``SettingsError``."""
    find: Callable[[], object] = functools.partial(_imported, name) if ":" in name else _entry_point(name).load
    try:
        return find()
    except (ImportError, AttributeError) as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == name.partition(":")[0].partition(".")[0]
        searched = f" (searched in {os.getcwd()} too)" if missing else ""  # noqa: PTH109 - as it stands in sys.path
        raise SettingsError(f"cannot import processor {name}: {error}{searched}") from error
    except (Exception, SystemExit) as error:
        raise SettingsError(f"cannot import processor {name}: {type(error).__name__}: {error}") from error


def _imported(name: str) -> object:
    module, _, attribute = name.partition(":")
    if (here := os.getcwd()) not in sys.path and "" not in sys.path:  # noqa: PTH109 - sys.path holds texts
        sys.path.append(here)  # last: no file here may stand in for an installed module
    found: object = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def _entry_point(name: str) -> EntryPoint:
    points: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        known = ", ".join(sorted(points)) or "none is installed"
        raise SettingsError(
            f"no processor is called {name!r} (known: {known}); or name a class as package.module:Class"
        )
    return points[name]


def _validated(model: type[BaseModel] | None, name: str, options: dict[str, Any]) -> dict[str, Any]:
    if model is None:
        return options
    # A misspelled option would otherwise be dropped without a word, which is pydantic's default.
    extra = {} if "extra" in model.model_config else {"extra": "forbid"}
    strict: type[BaseModel] = types.new_class(model.__name__, (model,), extra)
    try:
        return dict(strict.model_validate(options))
    except ValidationError as error:
        told = mistakes(error, kind="option", names=model.model_fields)
    raise SettingsError(f"options of processor {name}: {told}")
