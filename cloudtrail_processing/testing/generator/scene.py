"""Where and when one record happens, and how its fields come together in CloudTrail's own order."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import orjson

from cloudtrail_processing.testing.generator import cast as names
from cloudtrail_processing.testing.generator.cast import Cast
from cloudtrail_processing.testing.generator.draw import Draw, Weighted

Record = dict[str, Any]
"""One CloudTrail record as parsed JSON, in wire names and native key order."""

MINOR_VERSIONS = Weighted(((5, 2), (6, 2), (7, 3), (8, 25), (9, 18), (10, 18), (11, 32)))
"""Minor parts of eventVersion. Several versions are mixed in one file, as in real ones."""

KEY_ORDER = (
    "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
    "userAgent", "errorCode", "errorMessage", "requestParameters", "responseElements", "additionalEventData",
    "requestID", "eventID", "readOnly", "resources", "eventType", "apiVersion", "managementEvent",
    "recipientAccountId", "serviceEventDetails", "sharedEventID", "insightDetails", "vpcEndpointId",
    "vpcEndpointAccountId", "eventCategory", "addendum", "edgeDeviceDetails", "tlsDetails",
    "sessionCredentialFromConsole", "eventContext",
)  # fmt: skip
"""Every top-level field of a record, in the order in which native records have them."""

SINCE: Mapping[str, int] = MappingProxyType(
    {
        "managementEvent": 6,
        "eventCategory": 7,
        "addendum": 8,
        "edgeDeviceDetails": 8,
        "sessionCredentialFromConsole": 8,
        "tlsDetails": 8,
        "vpcEndpointAccountId": 9,
        "eventContext": 11,
    }
)
"""The minor version that introduced a field; older records do not have it."""

_PLACEHOLDER = re.compile(r"\$(?:\{([a-z]+\d?)\}|([a-z]+\d?)|\$)")


@dataclass(slots=True)
class Scene:
    """One record's surroundings. ``values`` remembers what was drawn, so that a record agrees with itself."""

    draw: Draw
    cast: Cast
    region: str
    at: datetime
    home: bool
    neighbours: tuple[Cast, ...]
    minor: int
    values: dict[str, str] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The account in which it happens."""
        return self.cast.account

    def value(self, name: str) -> str:
        """The value of ``$name`` in this record, drawn when first asked for."""
        found = self.values.get(name)
        if found is None:
            found = self.values[name] = VALUES[name.rstrip("0123456789")](self)
        return found

    def fill(self, template: str) -> Any:
        """The JSON of ``template`` with its placeholders filled in."""
        if template == "null":
            return None
        return orjson.loads(_PLACEHOLDER.sub(self._replacement, template))

    def _replacement(self, match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return self.value(name) if name else "$"


def assemble(fields: Mapping[str, Any], *, minor: int) -> Record:
    """``fields`` as a record of version 1.``minor``: native order, without what that version did not have yet."""
    version = f"1.{minor:02d}"
    known = {"eventVersion": version, **fields}
    return {key: known[key] for key in KEY_ORDER if key in known and SINCE.get(key, 0) <= minor}


def wire_time(at: datetime) -> str:
    """``at`` as CloudTrail writes times: whole seconds, UTC, ``Z``."""
    return at.isoformat()[:19] + "Z"


def _prefixed(prefix: str, length: int = 17) -> Callable[[Scene], str]:
    return lambda scene: prefix + scene.draw.hex(length)


def _one_of(items: tuple[str, ...]) -> Callable[[Scene], str]:
    return lambda scene: scene.draw.one(items)


def _unique(prefix: str) -> Callable[[Scene], str]:
    return lambda scene: scene.draw.unique_id(prefix, scene.account)


def _session(scene: Scene) -> str:
    return scene.draw.one((*names.PEOPLE, *scene.cast.instances[:2], "botocore-session-1726241925"))


def _object_key(scene: Scene) -> str:
    folder = scene.draw.one(("orders", "invoices", "img", "year=2026/month=9", "exports/q3 report"))
    return f"{folder}/{scene.draw.hex(8)}.{scene.draw.one(('json', 'parquet', 'jpg', 'csv.gz'))}"


def _target_group(scene: Scene) -> str:
    where = f"{scene.region}:{scene.account}"
    return f"arn:aws:elasticloadbalancing:{where}:targetgroup/web/{scene.draw.hex(16)}"


def _expiration(scene: Scene) -> str:
    return f"{scene.at + timedelta(hours=1):%b %d, %Y, %I:%M:%S %p}"


VALUES: Mapping[str, Callable[[Scene], str]] = MappingProxyType(
    {
        "account": lambda scene: scene.account,
        "aida": _unique("AIDA"),
        "akia": _unique("AKIA"),
        "ami": _prefixed("ami-"),
        "aroa": _unique("AROA"),
        "asia": _unique("ASIA"),
        "bucket": lambda scene: scene.cast.bucket(scene.draw.one(names.BUCKETS)),
        "bytes": lambda scene: f"{scene.draw.number(200, 5_000_000)}{scene.draw.one(('', '', '.0'))}",
        "cluster": lambda scene: scene.draw.upper(24),
        "eni": _prefixed("eni-"),
        "epoch": lambda scene: f"{int(scene.at.timestamp())}000",
        "expiration": _expiration,
        "flowlog": _prefixed("fl-"),
        "function": _one_of(names.FUNCTIONS),
        "hostid": lambda scene: scene.draw.base64(56),
        "hex": lambda scene: scene.draw.hex(32),
        "instance": lambda scene: scene.draw.one(scene.cast.instances),
        "ip": lambda scene: f"10.0.{scene.draw.number(0, 9)}.{scene.draw.number(4, 250)}",
        "key": _object_key,
        "kmskey": lambda scene: scene.draw.one(scene.cast.key_ids),
        "loggroup": _one_of(names.LOG_GROUPS),
        "newuser": lambda scene: f"svc-{scene.draw.one(names.FUNCTIONS)}-{scene.draw.number(10, 99)}",
        "number": lambda scene: str(scene.draw.number(1, 40)),
        "other": lambda scene: scene.draw.one(scene.neighbours).account,
        "parameter": _one_of(names.PARAMETERS),
        "region": lambda scene: scene.region,
        "requestid": lambda scene: scene.draw.uuid(),
        "role": _one_of(names.ROLES),
        "secret": _one_of(names.SECRETS),
        "session": _session,
        "sg": _prefixed("sg-"),
        "snapshot": _prefixed("snap-"),
        "subnet": _prefixed("subnet-"),
        "table": _one_of(names.TABLES),
        "targetgroup": _target_group,
        "token": lambda scene: scene.draw.base64(240),
        "topic": lambda scene: f"arn:aws:sns:{scene.region}:{scene.account}:alarms",
        "trail": lambda scene: scene.cast.trail,
        "user": _one_of(names.PEOPLE),
        "uuid": lambda scene: scene.draw.uuid(),
        "volume": _prefixed("vol-"),
        "vpc": _prefixed("vpc-"),
        "when": lambda scene: f"{scene.at:%b %d, %Y, %I:%M:%S %p}",
        "zero": lambda scene: scene.draw.one(("0", "0.0")),
    }
)
"""What the placeholders of the call templates stand for."""
