"""What is read of a JSON object at once: its single values, by a decoder made from the model's own fields.

Nested parts are left as the bytes they are. Where the decoder refuses anything, pydantic's validator has the word.
"""

from collections.abc import Callable, Iterator
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

ABSENT: Final = msgspec.Raw(b"")
"""Stands for a part that the object does not have."""

_SINGLE: Final = frozenset({str, bool, NoneType})
_NUMBERS: Final = frozenset({int, float})


Decode = Callable[[bytes | msgspec.Raw], msgspec.Struct]


@cache
def head_of(model: type[BaseModel]) -> Decode | None:
    """Decodes the single values of ``model``, and its parts as raw bytes.

    None where it has required fields or numbers: such a one is for pydantic alone. A model that keeps unknown members
    has a decoder that refuses them, so that none can be lost.
    """
    fields = model.model_fields
    if any(field.is_required() or _alternatives(field) & _NUMBERS for field in fields.values()):
        return None
    parts = dict(parts_of(model))
    struct = msgspec.defstruct(
        model.__name__,
        [
            (name, msgspec.Raw, msgspec.field(default=ABSENT, name=field.alias))
            if name in parts
            else (name, field.annotation, msgspec.field(default=field.default, name=field.alias))
            for name, field in fields.items()
        ],
        gc=False,
        forbid_unknown_fields=model.model_config.get("extra") == "allow",
    )
    return msgspec.json.Decoder(struct).decode


def parts_of(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The fields of ``model`` that hold anything else than a single value."""
    return ((name, it) for name, it in model.model_fields.items() if not _alternatives(it) <= _SINGLE)


def model_in(field: FieldInfo) -> type[BaseModel] | None:
    """The model that ``field`` holds, alone or beside None; None when it holds anything else."""
    kinds = _alternatives(field) - {NoneType}
    only = next(iter(kinds)) if len(kinds) == 1 else None
    return only if isinstance(only, type) and issubclass(only, BaseModel) else None


def _alternatives(field: FieldInfo) -> frozenset[Any]:
    annotation = field.annotation
    is_union = get_origin(annotation) in (Union, UnionType)
    return frozenset(get_args(annotation)) if is_union else frozenset({annotation})
