"""JSON text of one record to Python values and back, without changing a value or a type."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pydantic_core


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object that ``raw`` holds: a fresh one each time, equal to what ``json.loads`` gives, types included.

    Integers of any size stay integers, ``1.0`` stays a float, the last of equal keys wins. Raises ValueError when
    ``raw`` is no JSON or no object; its text never shows the data.
    """
    value = _parse(raw)
    if not isinstance(value, dict):
        problem = f"an event record is a JSON object, this is a JSON {_json_type(value)}"
        raise ValueError(problem)  # noqa: TRY004 - the data is wrong, not the caller's types
    return value


def _parse(raw: bytes) -> Any:
    # Strict: it refuses lone surrogates and more than 200 levels. The standard library takes both.
    with suppress(ValueError):
        return pydantic_core.from_json(raw)
    return _parse_leniently(raw)


def _parse_leniently(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except json.JSONDecodeError as error:
        problem = f"not valid JSON: {error.msg} at character {error.pos}"
    except UnicodeDecodeError as error:
        problem = f"not valid JSON: {error.reason} at byte {error.start}"
    except ValueError:
        problem = "not usable JSON: a number in it is too long"
    except RecursionError:
        problem = "not usable JSON: it is nested too deeply"
    # Raised out here so that the error carries no reference to the data.
    raise ValueError(f"an event record is a JSON object, this is {problem}")


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "number"


def to_bytes(data: bytes | bytearray | memoryview | str) -> bytes:
    """``data`` as bytes: text in UTF-8, with lone surrogates passed through as ``json.loads`` does."""
    return data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data)


def write_object(record: Mapping[str, Any]) -> bytes:
    """``record`` as compact JSON. Raises ValueError when it holds something that JSON cannot."""
    try:
        text = json.dumps(dict(record), ensure_ascii=False, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        problem = str(error)
    else:
        return to_bytes(text)
    raise ValueError(f"the record cannot be written as JSON: {problem}")


def _plain(value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"an object of type {type(value).__name__} is no JSON value")
