"""Models whose nested parts are read when they are asked for; nobody who uses them can tell."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache, cached_property
from itertools import repeat
from operator import attrgetter
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import msgspec
from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    create_model,
    model_serializer,
)
from pydantic.fields import FieldInfo

from cloudtrail_processing.events.forgiving import forgive
from cloudtrail_processing.events.head import ABSENT, head_of, model_in, parts_of
from cloudtrail_processing.events.names import wire_name

_new: Final = object.__new__
_set: Final = object.__setattr__

_Read = Callable[[bytes | msgspec.Raw], Any]


class Deferred(BaseModel):
    """A frozen model that is quick to make: single values are checked at once, nested parts at their first use.

    Made by ``quick_reader`` it has its bytes and its head, and no field before that is asked for. Whatever looks at
    all of it (equality, hashes, copies, dumps, also inside other models) fills in the fields first.
    """

    # Slots instead of private attributes: pydantic would fill those for every event, which doubles the cost of one.
    __slots__ = ("_head", "_raw")

    model_config = ConfigDict(strict=True, frozen=True, alias_generator=wire_name)

    if TYPE_CHECKING:
        _head: Any
        _raw: Any

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Let every field be found in the head, and each that holds a part be read from it when it is asked for."""
        super().__pydantic_init_subclass__(**options)
        parts = dict(parts_of(cls))
        for name in cls.model_fields:
            setattr(cls, name, _Part(cls, name, parts[name]) if name in parts else _single(name))

    def _complete(self) -> None:
        """Fill in every field, so that pydantic finds what it would have made itself."""
        if hasattr(self, "__pydantic_fields_set__"):
            return
        whole, _ = self._validated(bytes(self._raw))
        _set(self, "__dict__", whole.__dict__)
        for name in ("__pydantic_extra__", "__pydantic_private__", "__pydantic_fields_set__"):
            _set(self, name, getattr(whole, name))

    @classmethod
    def _validated(cls, raw: bytes) -> tuple[Self, tuple[str, ...]]:
        """The model as pydantic makes it, and the paths of values that it would not have taken."""
        with suppress(ValidationError):
            return cls.__pydantic_validator__.validate_json(raw), ()
        # Forgiven outside of the handler, so that no error drags refused values along.
        return forgive(cls, raw)

    # ── whatever looks at all of it ──

    @property
    def model_fields_set(self) -> set[str]:
        """The fields that were given."""
        self._complete()
        return super().model_fields_set

    @property
    def model_extra(self) -> dict[str, Any] | None:
        """Members that the class does not know, in wire names."""
        self._complete()
        return super().model_extra

    @model_serializer(mode="wrap")
    def _serialize(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        if isinstance(self, Deferred):  # where a value of another type stands, pydantic comes with that
            self._complete()
        dumped: dict[str, Any] = whole(self)
        return dumped

    def __iter__(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]  # as pydantic's own
        self._complete()
        return super().__iter__()

    def __repr_args__(self) -> Any:
        self._complete()
        return super().__repr_args__()

    def __eq__(self, other: object) -> bool:
        self._complete()
        if isinstance(other, Deferred):
            other._complete()
        return super().__eq__(other)

    def __hash__(self) -> int:
        self._complete()
        return hash((type(self), *self.__dict__.values()))

    def __copy__(self) -> Self:
        self._complete()
        return super().__copy__()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        self._complete()
        return super().__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        self._complete()
        return super().__getstate__()


class Part(Deferred):
    """Base of every object inside an event: frozen, read by wire names, unknown members kept in ``model_extra``."""

    __slots__ = ()

    model_config = ConfigDict(extra="allow")


_set_head: Final = Deferred.__dict__["_head"].__set__
_set_raw: Final = Deferred.__dict__["_raw"].__set__
Made = TypeVar("Made", bound=Deferred)


def _find(_descriptor: object, made: Any, _owner: type) -> Any:
    """Made anew for each field, under its name instead of ``field``."""
    return made._head.field  # noqa: SLF001 - of a Deferred


@cache
def _single(name: str) -> object:
    """What finds one field of a model in its head; where the field itself is set, Python finds that first.

    The class itself has no such attribute, nor has a model without a head, as with every field of pydantic's. Each
    name has code of its own, as if it had been written out: that takes half the time of looking the name up.
    """
    names = tuple(name if it == "field" else it for it in _find.__code__.co_names)
    find = FunctionType(_find.__code__.replace(co_names=names), {})
    return type("_Single", (), {"__slots__": (), "__get__": find})()


class _Part:
    """Reads one field of a model from its head when it is first asked for, and sets it; otherwise as ``_single``."""

    def __init__(self, model: type[Deferred], name: str, field: FieldInfo) -> None:
        self._model = model
        self._name = name
        self._field = field
        self._find = attrgetter(f"_head.{name}")

    def __get__(self, made: Deferred, owner: type[Deferred]) -> Any:
        raw = self._find(made)
        # Every object that is read is true; None says that the quick way cannot tell.
        value = self._field.default if raw is ABSENT else self._quickly(raw) or self._thoroughly(raw)
        made.__dict__[self._name] = value
        return value

    @cached_property
    def _quickly(self) -> _Read:
        """Made when first used: most programs read few kinds of parts."""
        model = model_in(self._field)
        return quick_reader(model) if model is not None and issubclass(model, Deferred) else _never

    def _thoroughly(self, raw: msgspec.Raw) -> Any:
        """The value as pydantic reads it; as it came when it is of another type."""
        alone = _alone(self._model, self._name)
        data = b'{"%s":%s}' % ((self._field.alias or self._name).encode(), raw)
        with suppress(ValidationError):
            return getattr(alone.__pydantic_validator__.validate_json(data), self._name)
        # Forgiven outside of the handler, so that no error drags refused values along.
        return getattr(forgive(alone, data)[0], self._name)


@cache
def quick_reader(model: type[Made]) -> Callable[[bytes | msgspec.Raw], Made | None]:
    """What makes a ``model`` of a JSON text; None when anything in it is unexpected: pydantic has to look at it then.

    The text is ASCII without numbers of thousands of digits: the decoder does not look at the values it skips.
    """
    decode = head_of(model)
    if decode is None:
        return _never

    def read(raw: bytes | msgspec.Raw) -> Made | None:
        # The hot path of the whole package: every call and every look-up here costs each event.
        try:
            head = decode(raw)
        except (ValueError, RecursionError):
            return None
        made = _new(model)
        _set_head(made, head)
        _set_raw(made, raw)
        return made

    return read


def _never(_raw: bytes | msgspec.Raw) -> None:
    return None


def heads_of(model: type[Deferred], raws: Sequence[bytes]) -> list[msgspec.Struct | None]:
    """The heads of many texts, in order; None for each that ``quick_reader`` would not read."""
    decode = head_of(model)
    if decode is None:
        return [None] * len(raws)
    heads: list[msgspec.Struct | None] = []
    decoding = map(decode, raws)
    while len(heads) < len(raws):
        try:
            heads.extend(decoding)
        except (ValueError, RecursionError):
            heads.append(None)  # those before it are in the list, and the next call goes on behind it
    return heads


def made_of(model: type[Made], heads: Sequence[object], raws: Sequence[bytes]) -> list[Made]:
    """What ``quick_reader`` makes of each text; all of it in loops of C, as these are most of what events cost."""
    made: list[Made] = list(map(_new, repeat(model, len(raws))))
    set_each(_set_head, made, heads)
    set_each(_set_raw, made, raws)
    return made


def set_each(setter: Callable[[Any, Any], object], made: Sequence[Deferred], values: Iterable[object]) -> None:
    """Set a slot of each."""
    deque(map(setter, made, values), maxlen=0)


@cache
def _alone(model: type[Deferred], name: str) -> type[BaseModel]:
    """A model with nothing but this field of ``model``."""
    field = model.model_fields[name]
    return create_model(model.__name__, __config__=ConfigDict(strict=True), **{name: (field.annotation, field)})  # type: ignore[call-overload, no-any-return]
