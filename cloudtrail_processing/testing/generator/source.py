"""The generator: one seed, any number of realistic records, logs and the attack among them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice, product
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from cloudtrail_processing.flow import LogKind
from cloudtrail_processing.testing.generator import logs as objects
from cloudtrail_processing.testing.generator import story
from cloudtrail_processing.testing.generator.cast import Cast, make_cast
from cloudtrail_processing.testing.generator.digests import digest_document
from cloudtrail_processing.testing.generator.draw import Draw, Weighted
from cloudtrail_processing.testing.generator.logs import SLOT, GeneratedLog, Place
from cloudtrail_processing.testing.generator.records import (
    console_action,
    data,
    management,
    network_activity,
    service_event,
    shared_pair,
)
from cloudtrail_processing.testing.generator.scene import MINOR_VERSIONS, Record, Scene
from cloudtrail_processing.testing.generator.signins import console_sign_in
from cloudtrail_processing.testing.generator.summaries import aggregated, insight_pair

ACCOUNTS = ("111122223333", "444455556666", "123456789012")
"""Account numbers that AWS's documentation uses."""
REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")
START = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)

_OUTSIDER = "777788889999"
_Maker = Callable[[Scene], Sequence[Record]]


def _single(make: Callable[[Scene], Record]) -> _Maker:
    return lambda scene: (make(scene),)


_CALLS: tuple[tuple[_Maker, float], ...] = (
    (_single(management), 72),
    (_single(data), 18),
    (_single(service_event), 3),
    (_single(console_sign_in), 3),
    (shared_pair, 2),
    (_single(console_action), 0.5),
)
_SUMMARIES: tuple[tuple[_Maker, float], ...] = (
    (insight_pair, 0.8),
    (_single(network_activity), 1.5),
    (_single(aggregated), 1),
)
_EVERYTHING = Weighted(_CALLS + _SUMMARIES)
_BY_KIND: Mapping[LogKind, Weighted[_Maker]] = MappingProxyType(
    {
        LogKind.EVENTS: Weighted(_CALLS),
        LogKind.INSIGHT: Weighted([(insight_pair, 1.0)]),
        LogKind.NETWORK_ACTIVITY: Weighted([(_single(network_activity), 1.0)]),
        LogKind.AGGREGATED: Weighted([(_single(aggregated), 1.0)]),
    }
)
_RARE_KINDS = MappingProxyType({6: LogKind.INSIGHT, 11: LogKind.NETWORK_ACTIVITY, 16: LogKind.AGGREGATED})
"""Of every 20 logs, those at these places are of another kind than ordinary events."""


class _Plan(NamedTuple):
    account: str
    region: str
    slot: datetime
    kind: LogKind


class Generator:
    """Realistic CloudTrail records and logs; the same arguments and the same calls give the same results.

    ``start`` (UTC) is when the first record happens and the first slot begins. ``bucket``, ``prefix`` and
    ``organization`` shape the keys. Global services report in us-east-1, or in the first region without it.
    Records are dicts in wire names, in the key order of native records; they are the caller's to change.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        accounts: Sequence[str] = ACCOUNTS,
        regions: Sequence[str] = REGIONS,
        start: datetime = START,
        bucket: str = "example-trail-logs",
        prefix: str = "",
        organization: str | None = None,
    ) -> None:
        self._draw = Draw(seed)
        self._casts = {account: make_cast(account, self._draw.fork(account)) for account in (*accounts, _OUTSIDER)}
        self._regions = tuple(regions)
        self._accounts = tuple(accounts)
        self._home = "us-east-1" if "us-east-1" in self._regions else self._regions[0]
        self._start = start.astimezone(UTC)
        self._now = self._start
        self._place = Place(bucket, prefix.strip("/"), organization)

    # ── records ──

    def records(self, count: int) -> list[Record]:
        """``count`` records of every kind in the proportions of a busy organization, one after another in time."""
        made: list[Record] = []
        while len(made) < count:
            made += self._draw.pick(_EVERYTHING)(self._scene())
        return made[:count]

    def management(self, *, read_only: bool | None = None) -> Record:
        """A management event; ``read_only`` chooses between reading and writing ones, None takes either."""
        return management(self._scene(), read_only=read_only)

    def data(self) -> Record:
        """A data event of S3, Lambda, DynamoDB or SQS."""
        return data(self._scene())

    def console_sign_in(self) -> Record:
        """A sign-in to the console: success, failure, MFA check, role switch."""
        return console_sign_in(self._scene())

    def console_action(self) -> Record:
        """Something done in the console that is no API call."""
        return console_action(self._scene())

    def service_event(self) -> Record:
        """Something that a service did by itself; userIdentity has no type."""
        return service_event(self._scene())

    def network_activity(self) -> Record:
        """A call through a VPC endpoint, as the endpoint's owner sees it."""
        return network_activity(self._scene())

    def aggregated(self) -> Record:
        """Five minutes of data events, counted."""
        return aggregated(self._scene())

    def insight_pair(self) -> tuple[Record, Record]:
        """The Start and the End of one unusual burst."""
        return insight_pair(self._scene())

    def shared_pair(self) -> tuple[Record, Record]:
        """One call across accounts: the caller's copy and the owner's copy, with the same sharedEventID."""
        return shared_pair(self._scene())

    def attack_story(self, *, at: datetime | None = None) -> list[Record]:
        """One compromise in 27 ordered records, in the first account, beginning ``at`` (default: the start).

        A leaked key is tried, denied, finds that it may create users; the new administrator signs in without
        MFA, reads secrets, takes data and erases traces. The same ``at`` gives the same records.
        """
        cast = self._casts[self._accounts[0]]
        return story.tell(
            self._draw.fork("story"), cast=cast, region=self._home, start=(at or self._start).astimezone(UTC)
        )

    # ── logs ──

    def log(
        self,
        *,
        records: int | Sequence[Record] | None = None,
        kind: LogKind = LogKind.EVENTS,
        account: str | None = None,
        region: str | None = None,
        slot: datetime | None = None,
    ) -> GeneratedLog:
        """One log. ``records`` is how many to make, or the records themselves; None draws a realistic number.

        ``kind`` is any kind of log; ``slot`` the end of its slot (cut up to a multiple of five minutes).
        """
        plan = _Plan(
            account=account or self._accounts[0],
            region=region or self._home,
            slot=objects.slot_end(slot or self._start + SLOT),
            kind=kind,
        )
        if isinstance(records, Sequence):
            return self._write(plan, list(records))
        return self._write(plan, self._filled(plan, records))

    def logs(self, count: int, *, records: int | None = None, story: bool = False) -> list[GeneratedLog]:
        """``count`` logs of all accounts, regions and kinds, in order of their slots.

        ``records`` is the number in each, None draws realistic ones. With ``story`` the attack is told in logs of
        its own in the middle, among ordinary records; ValueError when ``count`` is too small for that.
        """
        plans = list(islice(self._plans(), count))
        told = self._story_logs(plans) if story else []
        if len(told) > count:
            raise ValueError(f"the story takes {len(told)} logs, more than the {count} asked for")
        kept = plans[: count - len(told)]
        made = [self._write(plan, self._filled(plan, records)) for plan in kept]
        return sorted(told + made, key=lambda log: log.slot_time or self._start)

    def digest(self, logs: Sequence[GeneratedLog] = (), *, end: datetime | None = None) -> GeneratedLog:
        """An unsigned digest file that names ``logs``; its shape and key are authentic. ``SignedTrail`` signs them."""
        account, region = self._accounts[0], self._home
        at = (end or self._start + timedelta(hours=1)).astimezone(UTC)
        name = f"{self._casts[account].trail}_{region}_{at:%Y%m%dT%H%M%SZ}"
        key = self._place.key(kind=LogKind.DIGEST, account=account, region=region, name=name, at=at)
        nobodys = hashlib.md5(region.encode(), usedforsecurity=False).hexdigest()
        document = digest_document(
            bucket=self._place.bucket, key=key, account=account, end=at, fingerprint=nobodys, logs=logs
        )
        return self._object(_Plan(account, region, at, LogKind.DIGEST), key=key, body=objects.pack(document))

    def folder(self) -> GeneratedLog:
        """The object of size zero that CloudTrail writes when a trail is created."""
        account = self._accounts[0]
        key = f"{self._place.folder(account)}{LogKind.EVENTS}/"
        return GeneratedLog(self._place.bucket, key, b"", [], LogKind.FOLDER, account)

    # ── inside ──

    def _scene(self) -> Scene:
        self._now += timedelta(seconds=self._draw.number(0, 12))
        account, region = self._draw.one(self._accounts), self._draw.one(self._regions)
        return self._scene_at(self._now, account=account, region=region)

    def _scene_at(self, at: datetime, *, account: str, region: str) -> Scene:
        neighbours = tuple(cast for name, cast in self._casts.items() if name != account)
        minor = self._draw.pick(MINOR_VERSIONS)
        home = region == self._home
        return Scene(self._draw, self._cast(account), region, at=at, home=home, neighbours=neighbours, minor=minor)

    def _cast(self, account: str) -> Cast:
        if account not in self._casts:
            self._casts[account] = make_cast(account, self._draw.fork(account))
        return self._casts[account]

    def _plans(self) -> Iterator[_Plan]:
        slot, number = objects.slot_end(self._start), 0
        while True:
            slot += SLOT
            for account, region in product(self._accounts, self._regions):
                for _ in range(self._draw.one((1, 1, 2))):
                    yield _Plan(account, region, slot, _RARE_KINDS.get(number % 20, LogKind.EVENTS))
                    number += 1

    def _story_logs(self, plans: Sequence[_Plan]) -> list[GeneratedLog]:
        begin = plans[len(plans) // 2].slot if plans else self._start
        written = []
        for slot, told in groupby(self.attack_story(at=begin), key=_slot_of):
            plan = _Plan(self._accounts[0], self._home, slot, LogKind.EVENTS)
            mixed = [*self._fill(plan, self._draw.number(3, 12)), *told]
            written.append(self._write(plan, sorted(mixed, key=itemgetter("eventTime"))))
        return written

    def _filled(self, plan: _Plan, count: int | None) -> list[Record]:
        return self._fill(plan, objects.log_size(self._draw) if count is None else count)

    def _fill(self, plan: _Plan, count: int) -> list[Record]:
        times = objects.event_times(self._draw, slot=plan.slot, count=count)
        makers, made = _BY_KIND[plan.kind], list[Record]()
        while len(made) < count:
            scene = self._scene_at(times[len(made)], account=plan.account, region=plan.region)
            made += [
                r for r in self._draw.pick(makers)(scene) if r.get("recipientAccountId", plan.account) == plan.account
            ]
        return made[:count]

    def _write(self, plan: _Plan, records: list[Record]) -> GeneratedLog:
        account, kind, region, slot = plan.account, plan.kind, plan.region, plan.slot
        name = f"{slot:%Y%m%dT%H%MZ}_{self._draw.alnum(16)}"
        key = self._place.key(kind=kind, account=account, region=region, name=name, at=slot)
        return self._object(plan, key=key, body=objects.pack({"Records": records}), records=records)

    def _object(self, plan: _Plan, *, key: str, body: bytes, records: list[Record] | None = None) -> GeneratedLog:
        return GeneratedLog(
            bucket=self._place.bucket,
            key=key,
            body=body,
            records=records or [],
            kind=plan.kind,
            account=plan.account,
            region=plan.region,
            organization=self._place.organization,
            slot_time=plan.slot,
        )


def _slot_of(record: Record) -> datetime:
    return objects.slot_end(datetime.fromisoformat(record["eventTime"]) + timedelta(minutes=1))
