"""Models whose nested parts are read when they are asked for; nobody who uses them can tell."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

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
from cloudtrail_processing.events.head import ABSENT, head_of, model_in, parts_of, waiting
from cloudtrail_processing.events.names import wire_name

_as_dict: Final = msgspec.structs.asdict
_new: Final = object.__new__
_set: Final = object.__setattr__


class Deferred(BaseModel):
    """A frozen model that is quick to make: single values are checked at once, nested parts at their first use.

    Made by ``_quickly`` it has its bytes, and instead of its parts theirs. Whatever looks at all of it (equality,
    hashes, copies, dumps, also inside other models) reads the rest first.
    """

    # Slots instead of private attributes: pydantic would fill those for every event, which doubles the cost of one.
    __slots__ = ("_raw",)

    model_config = ConfigDict(strict=True, frozen=True, alias_generator=wire_name)

    if TYPE_CHECKING:
        _raw: Any

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Let every field that holds a part be read when it is asked for."""
        super().__pydantic_init_subclass__(**options)
        for name, field in parts_of(cls):
            setattr(cls, name, _Later(cls, name, field))

    @classmethod
    def _quickly(cls, raw: bytes | msgspec.Raw) -> Self | None:
        """The model that ``raw`` holds; None when anything in it is unexpected: pydantic has to look at it then.

        ``raw`` is ASCII without numbers of thousands of digits: the decoder does not look at the values it skips.
        """
        # The hot path of the whole package: every call and every attribute set here costs each event.
        decode = head_of(cls)
        if decode is None:
            return None
        try:
            values = _as_dict(decode(raw))
        except (ValueError, RecursionError):
            return None
        made = _new(cls)
        _set(made, "__dict__", values)
        _set(made, "_raw", raw)
        return made

    def _complete(self) -> None:
        """Read every part, so that pydantic finds what it would have made itself."""
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


class _Later:
    """Reads one field of a model when it is first asked for; later Python finds it in ``__dict__`` by itself.

    The class itself has no such attribute, as with every field of pydantic's.
    """

    __slots__ = ("_default", "_field", "_model", "_name", "_quickly", "_waiting")

    def __init__(self, model: type[Deferred], name: str, field: FieldInfo) -> None:
        self._model = model
        self._name = name
        self._field = field
        self._default = field.default
        self._waiting = waiting(name)
        self._quickly: Callable[[msgspec.Raw], object] = getattr(model_in(field), "_quickly", _never)

    def __get__(self, made: Deferred | None, owner: type[Deferred]) -> Any:
        values = {} if made is None else made.__dict__
        if self._waiting not in values:
            raise AttributeError(self._name)
        raw = values[self._waiting]
        value = self._default if raw is ABSENT else self._quickly(raw)
        if value is None and raw is not ABSENT:
            value = self._thoroughly(raw)
        values[self._name] = value
        return value

    def _thoroughly(self, raw: msgspec.Raw) -> Any:
        """The value as pydantic reads it; as it came when it is of another type."""
        alone = _alone(self._model, self._name)
        data = b'{"%s":%s}' % ((self._field.alias or self._name).encode(), raw)
        with suppress(ValidationError):
            return getattr(alone.__pydantic_validator__.validate_json(data), self._name)
        # Forgiven outside of the handler, so that no error drags refused values along.
        return getattr(forgive(alone, data)[0], self._name)


def _never(_raw: msgspec.Raw) -> None:
    return None


@cache
def _alone(model: type[Deferred], name: str) -> type[BaseModel]:
    """A model with nothing but this field of ``model``."""
    field = model.model_fields[name]
    return create_model(model.__name__, __config__=ConfigDict(strict=True), **{name: (field.annotation, field)})  # type: ignore[call-overload, no-any-return]
