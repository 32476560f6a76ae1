"""What a processor receives of a record: the whole event, a model of its own, or the bytes."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.logfile import View

Read = Callable[[Sequence[View]], Sequence[Any]]

_Refusal = TypeVar("_Refusal", bound=Exception)

_SHOWN = 3  # places in an error text
_first = itemgetter(slice(1))


def reader_of(model: object) -> Read | None:
    """What makes ``model`` of each record, and raises ValueError, with nothing of the data in it, where it cannot.

    None for ``CloudTrailEvent``, which every lane can share. Raises ``SettingsError`` for what is no model.
    """
    if model is CloudTrailEvent:
        return None
    if model is bytes:
        return _checked
    if isinstance(model, type) and issubclass(model, CloudTrailEvent):
        return lambda views: list(map(model.from_json, map(bytes, views)))
    if isinstance(model, type) and issubclass(model, BaseModel):
        validate = model.__pydantic_validator__.validate_json
        return _reading(model, lambda views: list(map(validate, map(bytes, views))), ValidationError, _told)
    if isinstance(model, type) and issubclass(model, msgspec.Struct):
        decode = msgspec.json.Decoder(model).decode
        return _reading(model, lambda views: list(map(decode, views)), msgspec.DecodeError, _told_by_msgspec)
    raise SettingsError(f"the model of a processor is a pydantic model, a msgspec struct or bytes, not {model!r:.80}")


def _checked(views: Sequence[View]) -> Sequence[bytes]:
    """The bytes of objects: their JSON was checked when the log was split."""
    raws = list(map(bytes, views))
    if b"".join(map(_first, raws)) != b"{" * len(raws):
        raise ValueError("no JSON object")
    return raws


def _reading(model: type, read: Read, refusal: type[_Refusal], told: Callable[[_Refusal], str]) -> Read:
    def read_all(views: Sequence[View]) -> Sequence[Any]:
        try:
            return read(views)
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
