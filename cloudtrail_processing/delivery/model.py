"""What a processor receives of a record: the whole event, a pydantic model of its own, or the bytes."""

from collections.abc import Callable, Sequence
from operator import methodcaller
from typing import Any

from pydantic import BaseModel, ValidationError

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.events import CloudTrailEvent

Read = Callable[[Sequence[bytes]], Sequence[Any]]

_SHOWN = 3  # places in an error text
_is_object = methodcaller("startswith", b"{")


def reader_of(model: object) -> Read | None:
    """What makes ``model`` of each record, and raises ValueError, with nothing of the data in it, where it cannot.

    None for ``CloudTrailEvent``, which every lane can share. Raises ``SettingsError`` for what is no model.
    """
    if model is CloudTrailEvent:
        return None
    if model is bytes:
        return _checked
    if isinstance(model, type) and issubclass(model, CloudTrailEvent):
        return _each(model.from_json)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return _each(_validator_of(model))
    raise SettingsError(f"the model of a processor is a pydantic model or bytes, not {model!r:.80}")


def _checked(raws: Sequence[bytes]) -> Sequence[bytes]:
    """The bytes of objects: their JSON was checked when the log was split."""
    if not all(map(_is_object, raws)):
        raise ValueError("no JSON object")
    return raws


def _each(read: Callable[[bytes], Any]) -> Read:
    return lambda raws: list(map(read, raws))


def _validator_of(model: type[BaseModel]) -> Callable[[bytes], Any]:
    validate = model.__pydantic_validator__.validate_json

    def read(raw: bytes) -> Any:
        try:
            return validate(raw)
        except ValidationError as error:
            refused = _told(error)
        raise ValueError(f"the model {model.__name__} does not take it: {refused}")

    return read


def _told(error: ValidationError) -> str:
    """Where the record does not fit and why, in pydantic's own words for kinds of errors; never what stands there."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, it['loc'])) or 'the record'} ({it['type']})" for it in problems[:_SHOWN]]
    return ", ".join(told) + (f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else "")
