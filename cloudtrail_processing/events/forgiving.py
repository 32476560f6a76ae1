"""Build a model from a record whose fields do not all have the documented types: no value costs the event."""

from typing import Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from cloudtrail_processing.events.names import field_of
from cloudtrail_processing.events.parsing import parse_object

Model = TypeVar("Model", bound=BaseModel)
Place: TypeAlias = tuple[int | str, ...]
"""Where a value stands in a record: wire names and list indexes, outermost first."""

_ROUNDS: Final = 12
"""More than the deepest declared path has levels; each round moves at least one level up."""


def forgive(model: type[Model], raw: bytes) -> tuple[Model, tuple[str, ...]]:
    """``model`` built from the record ``raw``, and the wire paths of the values that have another type than declared.

    Such a value stands in the model as it came: ``user_agent`` is the number 7 if the record says so. ``null`` means
    absent wherever it stands; the field has its default then, and no path is named. Raises ValueError when ``raw`` is
    no JSON object.
    """
    relaxed, places = _validate(model, parse_object(raw))
    return relaxed, _restore(relaxed, record=parse_object(raw), places=places)


def wire_path(place: Place) -> str:
    """``("resources", 0, "ARN")`` → ``resources[0].ARN``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")


def _validate(model: type[Model], data: dict[str, Any]) -> tuple[Model, list[Place]]:
    """Take refused values out of ``data``, round by round, until the rest is accepted."""
    places: dict[Place, None] = {}
    whole: list[Place] = [(key,) for key in data if field_of(model, key)]
    for _ in range(_ROUNDS):
        try:
            return model.__pydantic_validator__.validate_python(data), list(places)
        except ValidationError as refused:
            places.update(_relax(data, refused))
    return model.model_construct(), whole


def _relax(data: dict[str, Any], refused: ValidationError) -> dict[Place, None]:
    done: dict[Place, None] = {}
    for error in refused.errors(include_url=False, include_context=False, include_input=False):
        place: Place = error["loc"]
        if any(place[:length] in done for length in range(1, len(place) + 1)):
            continue
        while place and not _take_out(data, place, error["type"]):
            place = place[:-1]
        done[place] = None
    return done


def _take_out(data: dict[str, Any], place: Place, refusal: str) -> bool:
    """Remove a member, or put a stand-in for a list element; False when that is impossible or no help."""
    *way, last = place
    match _walk(data, way), last:
        case dict() as parent, str() if last in parent:
            del parent[last]
            return True
        case list() as parent, int() if last < len(parent):
            stand_in: Any = "" if refusal.startswith("string") else {}
            before, parent[last] = parent[last], stand_in
            return bool(before != stand_in)
        case _:
            return False


def _walk(start: Any, way: list[int | str]) -> Any:
    for step in way:
        match start, step:
            case BaseModel(), _:
                name = field_of(type(start), step)
                start = getattr(start, name) if name else None
            case dict(), str():
                start = start.get(step)
            case list(), int():
                start = start[step] if step < len(start) else None
            case _:
                return None
    return start


def _restore(built: BaseModel, *, record: dict[str, Any], places: list[Place]) -> tuple[str, ...]:
    """Put the values of ``record`` back where they were taken out, outermost first; return their paths."""
    restored: list[Place] = []
    for place in sorted(places, key=len):
        value = _walk(record, list(place))
        covered = any(place[: len(outer)] == outer for outer in restored)
        if value is not None and not covered and _put(built, place, value):
            restored.append(place)
    return tuple(wire_path(place) for place in restored)


def _put(built: BaseModel, place: Place, value: Any) -> bool:
    *way, last = place
    match _walk(built, way), last:
        case BaseModel() as parent, _ if name := field_of(type(parent), last):
            # The models are frozen for users; this is the one place that still builds them.
            parent.__dict__[name] = value
            parent.__pydantic_fields_set__.add(name)
            return True
        case list() as parent, int():
            parent[last] = value
            return True
        case _:
            return False
