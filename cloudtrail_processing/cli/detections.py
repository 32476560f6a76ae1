"""A small detector: what in a stream of events somebody should look at."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.processor import EventProcessor


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing worth a look; ``time`` is when it happened, or began."""

    time: datetime
    what: str
    actor: str
    address: str


class Detector(EventProcessor):
    """Finds signs of an attack in single events, and in bursts of them by one actor.

    Events may come in any order and more than once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: set[Finding] = set()
        self._signs: defaultdict[tuple[_Burst, str], set[_Sign]] = defaultdict(set)
        self._taken: defaultdict[_Theft, set[_Download]] = defaultdict(set)

    def process(self, batch: EventBatch) -> None:
        """Look at every event of the batch."""
        for event in batch:
            if event.event_time is not None:
                self._look_at(event, event.event_time)

    def findings(self) -> list[Finding]:
        """What was found so far, in order of time."""
        with self._lock:
            signs = [(burst, sorted(seen)) for (burst, _), seen in self._signs.items()]
            taken = [(theft, sorted(seen)) for theft, seen in self._taken.items()]
            found = set(self._found).union(*(theft.found_in(downloads) for theft, downloads in taken))
        return sorted(found.union(*(burst.found_in(seen) for burst, seen in signs)))

    def _look_at(self, event: CloudTrailEvent, time: datetime) -> None:
        look = None if event.failed else _SINGLE.get(event.event_name or "")
        what = look(event) if look else None
        burst = next((burst for burst in _BURSTS if burst.counts(event)), None)
        size = _large(event)
        with self._lock:
            if size:
                theft = _Theft(event.actor, str(event.source_ip_address or ""), _bucket(event))
                self._taken[theft].add(_Download(time, size, str(event.get("eventID"))))
            if what:
                self._found.add(_finding(event, time, what))
            if burst:
                self._signs[burst, event.actor].add(_Sign(time, burst.item(event), _finding(event, time, burst.name)))


def _finding(event: CloudTrailEvent, time: datetime, what: str) -> Finding:
    return Finding(time, what, event.actor, str(event.source_ip_address or ""))


# ── signs in a single event ──


def _new_key(event: CloudTrailEvent) -> str | None:
    user = event.get("requestParameters.userName")
    return f"new access key for another user: {user}" if user and user != event.get("userIdentity.userName") else None


def _new_password(event: CloudTrailEvent) -> str:
    return f"console password for user {event.get('requestParameters.userName')}"


def _admin_policy(event: CloudTrailEvent) -> str | None:
    policy = str(event.get("requestParameters.policyArn", ""))
    name = event.get("requestParameters.userName") or event.get("requestParameters.roleName") or "a group"
    return f"administrator policy attached to {name}" if policy.endswith("/AdministratorAccess") else None


def _sign_in(event: CloudTrailEvent) -> str | None:
    own = event.get("userIdentity.type") in ("IAMUser", "Root")
    return "console sign-in without MFA" if own and event.get("additionalEventData.MFAUsed") == "No" else None


_LARGE = 100 * 2**20
"""Bytes in one GetObject that are worth a look."""


def _large(event: CloudTrailEvent) -> float:
    """The bytes of a download that is worth a look, else 0."""
    size = event.get("additionalEventData.bytesTransferredOut")
    wanted = event.event_name == "GetObject" and not event.failed and isinstance(size, (int, float)) and size > _LARGE
    return size if wanted else 0


def _bucket(event: CloudTrailEvent) -> str:
    return str(event.get("requestParameters.bucketName"))


_SINGLE: Mapping[str, Callable[[CloudTrailEvent], str | None]] = MappingProxyType(
    {
        "AttachGroupPolicy": _admin_policy,
        "AttachRolePolicy": _admin_policy,
        "AttachUserPolicy": _admin_policy,
        "ConsoleLogin": _sign_in,
        "CreateAccessKey": _new_key,
        "CreateLoginProfile": _new_password,
        "DeleteFlowLogs": lambda _: "flow logs deleted",
        "DeleteTrail": lambda _: "trail deleted",
        "StopLogging": lambda _: "trail stopped",
    }
)


# ── bursts ──


class _Sign(NamedTuple):
    time: datetime
    item: str
    finding: Finding


class _Burst(NamedTuple):
    """``least`` different items by one actor within ``within``."""

    name: str
    counts: Callable[[CloudTrailEvent], bool]
    item: Callable[[CloudTrailEvent], str]
    least: int
    within: timedelta = timedelta(minutes=1)

    def found_in(self, signs: list[_Sign]) -> Iterator[Finding]:
        """The beginnings of bursts among signs in order of time; bursts that overlap are one."""
        over: datetime | None = None
        for place, first in enumerate(signs):
            window = [sign for sign in signs[place:] if sign.time - first.time <= self.within]
            if _distinct(window) >= self.least:
                if over is None or first.time > over:
                    yield first.finding
                over = window[-1].time


class _Download(NamedTuple):
    time: datetime
    size: float
    event: str


class _Theft(NamedTuple):
    """Large downloads from one bucket by one actor; one after a longer pause begins a new theft."""

    actor: str
    address: str
    bucket: str

    def found_in(self, downloads: list[_Download], pause: timedelta = timedelta(minutes=10)) -> Iterator[Finding]:
        """One finding for each theft among downloads in order of time, with all that it took."""
        starts = [at for at, one in enumerate(downloads) if not at or one.time - downloads[at - 1].time > pause]
        for start, end in zip(starts, [*starts[1:], len(downloads)], strict=True):
            size = sum(one.size for one in downloads[start:end])
            what = f"{size / 1e6:,.0f} MB taken from {self.bucket}"
            yield Finding(downloads[start].time, what, self.actor, self.address)


def _distinct(signs: Iterable[_Sign]) -> int:
    return len({sign.item for sign in signs})


def _is_refused(event: CloudTrailEvent) -> bool:
    code = str(event.error_code or "")
    return "AccessDenied" in code or "Unauthorized" in code


_BURSTS = (
    _Burst(
        "burst of secrets read",
        counts=lambda event: event.event_name == "GetSecretValue" and not event.failed,
        item=lambda event: str(event.get("requestParameters.secretId")),
        least=4,
    ),
    _Burst(
        "burst of refused calls: what can this key do?",
        counts=_is_refused,
        item=lambda event: str(event.event_name),
        least=5,
    ),
)
