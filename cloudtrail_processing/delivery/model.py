"""What a processor receives of a record: the whole event, a model of its own, or the bytes."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.events import CloudTrailEvent

Read = Callable[[Sequence[bytes]], Sequence[Any]]

_Refusal = TypeVar("_Refusal", bound=Exception)

_SHOWN = 3  # places in an error text


def reader_of(model: object) -> Read | None:
    """What makes ``model`` of each record, and raises ValueError, with nothing of the data in it, where it cannot.

    None for ``CloudTrailEvent``, which every lane can share. Raises ``SettingsError`` for what is no model.
    """
    if model is CloudTrailEvent:
        return None
    if model is bytes:
        return _checked
    if isinstance(model, type) and issubclass(model, CloudTrailEvent):
        return lambda raws: list(map(model.from_json, raws))
    if isinstance(model, type) and issubclass(model, BaseModel):
        return _reading(model, model.__pydantic_validator__.validate_json, ValidationError, _told)
    if isinstance(model, type) and issubclass(model, msgspec.Struct):
        return _reading(model, msgspec.json.Decoder(model).decode, msgspec.DecodeError, _told_by_msgspec)
    raise SettingsError(f"the model of a processor is a pydantic model, a msgspec struct or bytes, not {model!r:.80}")


def _checked(raws: Sequence[bytes]) -> Sequence[bytes]:
    """The bytes of objects: their JSON was checked when the log was split."""
    if any(raw[:1] != b"{" for raw in raws):
        raise ValueError("no JSON object")
    return raws


def _reading(
    model: type, read: Callable[[bytes], Any], refusal: type[_Refusal], told: Callable[[_Refusal], str]
) -> Read:
    def read_all(raws: Sequence[bytes]) -> Sequence[Any]:
        try:
            return list(map(read, raws))
        except refusal as error:
            refused = told(error)
        raise ValueError(f"the model {model.__name__} does not take it: {refused}")

    return read_all


def _told(error: ValidationError) -> str:
    """Where the record does not fit and why, in pydantic's own words for kinds of errors; never what stands there."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, it['loc'])) or 'the record'} ({it['type']})" for it in problems[:_SHOWN]]
    return ", ".join(told) + (f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else "")


def _told_by_msgspec(error: msgspec.DecodeError) -> str:
    """Where the record does not fit: what else msgspec says may show what stands there."""
    _, known, place = str(error).rpartition(" - at ")
    return place.strip("`") if known else "the record"
