"""One event or one batch for a unit test, in one line."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.flow import LogKind, LogObject
from cloudtrail_processing.testing.generator import callers
from cloudtrail_processing.testing.generator.api import Call
from cloudtrail_processing.testing.generator.cast import make_cast
from cloudtrail_processing.testing.generator.draw import Draw
from cloudtrail_processing.testing.generator.logs import Place, slot_end
from cloudtrail_processing.testing.generator.records import CALLS, call_fields, fail
from cloudtrail_processing.testing.generator.scene import KEY_ORDER, Record, Scene, assemble, wire_time
from cloudtrail_processing.testing.generator.signins import login_data, sign_in_record, user_identity
from cloudtrail_processing.testing.generator.source import ACCOUNTS, REGIONS, START

_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WIRE_NAMES: Mapping[str, str] = MappingProxyType({_WORD_START.sub("_", key).lower(): key for key in KEY_ORDER})
_READING = re.compile(r"Get|List|Describe|Head|Lookup|Search|Batch(Get|Describe)")
_NEWEST = 11


def event(*, account: str = ACCOUNTS[0], region: str = REGIONS[0], seed: int = 0, **fields: Any) -> CloudTrailEvent:
    """One realistic event, with the ``fields`` that a test is about: ``event(event_name="DeleteTrail")``.

    Fields have Python's names or those of the wire (``error_code`` or ``errorCode``); values are those of the wire,
    a ``datetime`` is written as CloudTrail does, and None is an explicit null. A name with an underscore that is no
    field raises TypeError; any other unknown name becomes an unknown field of the record.

    What is not given fits what is: a known ``event_name`` brings its service, parameters, response and resources;
    with an ``error_code`` there is a message and no response. The same arguments give the same event, also the same
    eventID: use ``seed`` to have different ones.
    """
    return CloudTrailEvent.from_dict(record(account=account, region=region, seed=seed, **fields))


def record(*, account: str = ACCOUNTS[0], region: str = REGIONS[0], seed: int = 0, **fields: Any) -> Record:
    """As ``event``, but the record as a dict in wire names."""
    given = {_wire_name(name): _wire_value(value) for name, value in fields.items()}
    draw = Draw(f"event/{seed}")
    cast, other = make_cast(account, draw.fork(account)), make_cast("777788889999", draw.fork("other"))
    scene = Scene(draw, cast, region, at=START, home=True, neighbours=(other,), minor=_minor(given))
    name = given.get("eventName") or "DescribeInstances"
    base = _sign_in(scene) if name == "ConsoleLogin" else _called(scene, str(name), error=given.get("errorCode"))
    known = {**base, **given}
    return {key: known[key] for key in (*(key for key in KEY_ORDER if key in known), *(known.keys() - set(KEY_ORDER)))}


def batch(
    events: Iterable[CloudTrailEvent | Mapping[str, Any]], *, log: LogObject | None = None, first_index: int = 0
) -> EventBatch:
    """``events`` as one batch of one log, as a processor receives it: ``MyProcessor().process(batch([event()]))``.

    Records in wire names are taken as well. Without ``log`` one is made up that fits the first event.
    """
    built = tuple(item if isinstance(item, CloudTrailEvent) else CloudTrailEvent.from_dict(item) for item in events)
    return EventBatch(
        log=log or _log_of(built[0] if built else event()),
        events=built,
        first_index=first_index,
        next_index=first_index + len(built),
    )


def _called(scene: Scene, name: str, *, error: str | None) -> Record:
    call = CALLS.get(name) or Call("ec2", name, "{}", read_only=bool(_READING.match(name)))
    fields = call_fields(scene, call=call, caller=_alice(scene))
    if error:
        fail(scene, fields, code=error)
    return assemble(fields, minor=scene.minor)


def _alice(scene: Scene) -> callers.Caller:
    alice = scene.cast.users[0]
    return callers.Caller({**user_identity(scene, alice), "accessKeyId": alice.access_key}, alice.address, alice.agent)


def _sign_in(scene: Scene) -> Record:
    alice = scene.cast.users[0]
    device = f"arn:aws:iam::{scene.account}:mfa/{alice.name}"
    return sign_in_record(scene, identity=user_identity(scene, alice), extra=login_data(scene, mfa=device))


def _wire_name(name: str) -> str:
    wire = _WIRE_NAMES.get(name, name)
    if "_" in wire:
        raise TypeError(f"CloudTrail records have no field {name!r}; known are {', '.join(sorted(_WIRE_NAMES))}")
    return wire


def _wire_value(value: Any) -> Any:
    return wire_time(value.astimezone(UTC)) if isinstance(value, datetime) else value


def _minor(given: Mapping[str, Any]) -> int:
    major, _, minor = str(given.get("eventVersion", "")).partition(".")
    return int(minor) if major == "1" and minor.isdecimal() else _NEWEST


def _log_of(first: CloudTrailEvent) -> LogObject:
    account, region = first.account_id or ACCOUNTS[0], first.aws_region or REGIONS[0]
    slot = slot_end(first.event_time or START)
    place, kind = Place("example-trail-logs"), LogKind.EVENTS
    key = place.key(kind=kind, account=account, region=region, name=f"{slot:%Y%m%dT%H%MZ}_abcdefgh12345678", at=slot)
    return LogObject(place.bucket, key, kind=kind, account=account, region=region, slot_time=slot)
