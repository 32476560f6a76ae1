"""What every event can do because it keeps the exact bytes that it was read from."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import ConfigDict

from cloudtrail_processing.events.deferred import Deferred, heads_of, made_of, quick_reader, set_each
from cloudtrail_processing.events.metadata import EventMetadata, Origin, SourceLog
from cloudtrail_processing.events.parsing import parse_object, to_bytes, write_object

_WITHOUT_RECORD: Final = (
    "this {} was made without a record, so it has no bytes, no free-form parts and no unknown fields; "
    "make events with from_json or from_dict"
)
_LONGEST_NUMBER: Final = 4300
"""Digits: no more are read as an integer, see ``sys.get_int_max_str_digits``."""
_set: Final = object.__setattr__


class Record(Deferred):
    """A frozen model over one raw record. Fields that have a schema are validated, the rest is read when asked for."""

    model_config = ConfigDict(extra="ignore")

    __slots__ = ("_index", "_odd", "_origin", "_parsed")

    if TYPE_CHECKING:
        _raw: bytes
        _odd: tuple[str, ...]
        _index: int
        _origin: Origin
        _parsed: dict[str, Any]

    # ── making events ──

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """The event that the JSON text ``data`` holds.

        ``CloudTrailEvent.from_json`` gives the right subclass for its kind; called on a subclass it gives that class
        always. A value of an unexpected type never costs the event, see ``anomalies``. Raises ValueError when ``data``
        is no JSON object; the error never shows the data.
        """
        return cls._build(data if type(data) is bytes else to_bytes(data))

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The event that ``record``, a parsed record in wire names, holds. ``raw`` is its compact JSON.

        Raises ValueError when the record holds something that JSON cannot.
        """
        return cls._build(write_object(record))

    @classmethod
    def from_record(cls, raw: bytes, *, index: int, origin: Origin) -> Self:
        """Like ``from_json``, for record number ``index`` of the log in ``origin``."""
        event = cls._build(raw)
        _set_index(event, index)
        _set_origin(event, origin)
        return event

    @classmethod
    def from_records(cls, raws: Sequence[bytes], *, indexes: Sequence[int], origin: Origin) -> Sequence[Self | None]:
        """Like ``from_record`` for many, but None for each that only ``from_record`` can tell about."""
        heads = heads_of(cls, raws if _are_quick(raws) else [raw if _is_quick(raw) else b"" for raw in raws])
        events = made_of(cls, heads, raws)
        set_each(_set_index, events, indexes)
        set_each(_set_origin, events, repeat(origin))
        if cls._are_plain(heads):
            return events
        return [event if head and cls._is_plain(head) else None for event, head in zip(events, heads, strict=True)]

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """The same as ``from_dict``; an event is returned as it is. ``options`` have no effect."""
        del options
        if isinstance(obj, cls):
            return obj
        if isinstance(obj, Mapping):
            return cls.from_dict(obj)
        problem = f"{cls.__name__} is made from a mapping, not from {type(obj).__name__}"
        raise ValueError(problem)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """The same as ``from_json``. ``options`` have no effect."""
        del options
        return cls._build(to_bytes(json_data))

    @classmethod
    def _build(cls, raw: bytes) -> Self:
        event = quick_reader(cls)(raw) if _is_quick(raw) else None
        if event is None:
            event = cls._thoroughly(raw)
        kind = cls._kind_of(event)
        return event if kind is cls else kind.from_json(raw)

    @classmethod
    def _thoroughly(cls, raw: bytes) -> Self:
        event, odd = cls._validated(raw)
        _set(event, "_raw", raw)
        _set(event, "_odd", odd)
        return event

    @classmethod
    def _is_plain(cls, values: Any) -> bool:
        """True when the single values of an event, or of its head, tell at once that it is of this class."""
        del values
        return True

    @classmethod
    def _are_plain(cls, heads: Sequence[Any]) -> bool:
        """True when each of these is a head, and tells that; False is no proof of the contrary."""
        return None not in heads and all(map(cls._is_plain, heads))

    @classmethod
    def _kind_of(cls, event: Self) -> type[Self]:
        """The class that the record of ``event`` should have."""
        del event
        return cls

    # ── the record itself ──

    @property
    def raw(self) -> bytes:
        """The record's exact bytes as they stood in the log."""
        try:
            return self._raw
        except AttributeError:
            problem = _WITHOUT_RECORD.format(type(self).__name__)
        raise TypeError(problem)

    def to_dict(self) -> dict[str, Any]:
        """The whole record in wire names, parsed anew: yours to change. Nothing is added, dropped or converted."""
        return parse_object(self.raw)

    def get(self, path: str, default: Any = None) -> Any:
        """The value at a dotted path in wire names, such as ``requestParameters.tagSet.0.key``; else ``default``.

        A number in the path is an index when it meets a list. A key that itself has a dot in it cannot be reached so;
        take ``to_dict()``. Objects and lists are shared with the event: do not change them.
        """
        value: Any = self._record
        for step in path.split("."):
            if isinstance(value, dict) and step in value:
                value = value[step]
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return default
        return value

    @property
    def metadata(self) -> EventMetadata:
        """Which log the event came from, and where in it. Empty for an event that came from no log."""
        origin: Origin | None = getattr(self, "_origin", None)
        index: int | None = getattr(self, "_index", None)
        size = len(self.raw)
        if origin is None:
            return EventMetadata(index=index, size=size)
        return EventMetadata(log=origin.log, index=index, size=size, start_of=origin.start_of)

    @property
    def anomalies(self) -> tuple[str, ...]:
        """Wire paths of values that have another type than documented, such as ``resources[0].ARN``.

        The event holds these values as they came. Free-form parts are never checked.
        """
        if not hasattr(self, "_odd"):
            _set(self, "_odd", self._validated(self._raw)[1] if hasattr(self, "_raw") else ())
        return self._odd

    @property
    def model_extra(self) -> dict[str, Any]:
        """Top-level fields of the record that this class does not know, in wire names.

        The parts of an event have their own ``model_extra``.
        """
        known = {field.alias for field in type(self).model_fields.values()}
        known.update(field.alias for field in type(self).model_computed_fields.values())
        return {name: value for name, value in self._record.items() if name not in known}

    @property
    def _record(self) -> dict[str, Any]:
        """The parsed record, kept for the properties that read from it."""
        try:
            return self._parsed
        except AttributeError:
            parsed = self.to_dict()
        _set(self, "_parsed", parsed)
        return parsed

    # ── as a Python object ──

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """The declared fields as pydantic dumps them; ``to_dict`` is the whole record."""
        return super().model_dump(**_quietly(options))

    def model_dump_json(self, **options: Any) -> str:
        """The declared fields as pydantic dumps them; ``raw`` is the whole record."""
        return super().model_dump_json(**_quietly(options))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return type(self) is type(other) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self.raw)

    def _identity(self) -> object:
        return getattr(self, "_raw", None) or self.__dict__

    def __copy__(self) -> Self:
        return self._with_record(super().__copy__())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self._with_record(super().__deepcopy__(memo))

    def _with_record(self, copied: Self) -> Self:
        for name in ("_raw", "_odd", "_index", "_origin"):
            if hasattr(self, name):
                _set(copied, name, getattr(self, name))
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        metadata = self.metadata
        return _revive, (type(self), self.raw, metadata.index, metadata.log)


_set_index: Final = Record.__dict__["_index"].__set__
_set_origin: Final = Record.__dict__["_origin"].__set__


def _is_quick(raw: bytes) -> bool:
    """The decoder does not look at what it skips: whether it is UTF-8, or a number longer than Python reads."""
    return len(raw) < _LONGEST_NUMBER and raw.isascii()


def _are_quick(raws: Sequence[bytes]) -> bool:
    """The same of all of them."""
    return max(map(len, raws), default=0) < _LONGEST_NUMBER and all(map(bytes.isascii, raws))


def _quietly(options: dict[str, Any]) -> dict[str, Any]:
    """Pydantic warns of odd values and shows them in the warning; ``anomalies`` names those that are odd, without."""
    return {"warnings": False, **options}


def _revive(kind: type[Record], raw: bytes, index: int | None, log: SourceLog | None) -> Record:
    """Unpickle an event. Where its record starts in the log is not pickled: that needs the log itself."""
    event = kind.from_json(raw)
    if index is not None and log is not None:
        _set(event, "_index", index)
        _set(event, "_origin", Origin(log=log, start_of=_unknown_start))
    return event


def _unknown_start(index: int) -> None:
    """After pickling nobody knows where record ``index`` started."""
