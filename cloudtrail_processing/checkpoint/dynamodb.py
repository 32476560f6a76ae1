"""Checkpoints in a DynamoDB table, shared by workers on any number of machines.

Every write is one conditional UpdateItem, so that two workers who disagree about a log find out there and then. One
item per log and processor; DynamoDB's time to live removes it. Permissions: ``dynamodb:UpdateItem``; for events also
``BatchGetItem`` and ``BatchWriteItem``.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.checkpoint import places
from cloudtrail_processing.checkpoint.places import Place
from cloudtrail_processing.checkpoint.table import AGAIN, MOST_READ, TRIES, Table, typed
from cloudtrail_processing.ports import Claim

_FREE = "attribute_not_exists(held_by) OR (is_finished = :false AND (held_until <= :now OR held_from > :now))"
_TAKE = (
    "SET held_by = :token, held_from = :from, held_until = :until, expires_at = :expires, log_id = :log, "
    "processor_name = :processor, next_index = if_not_exists(next_index, :zero), "
    "is_finished = if_not_exists(is_finished, :false)"
)
_MINE = "held_by = :token AND is_finished = :false"
_NOT_BACK = f"{_MINE} AND next_index <= :next"
_MOVE = "SET next_index = :next, held_from = :from, held_until = :until, expires_at = :expires"
_END = "SET is_finished = :true, held_from = :zero, held_until = :zero, expires_at = :expires"
_FREE_IT = "SET held_by = :nobody, held_from = :zero, held_until = :zero, expires_at = :expires"

_MOST_WRITTEN = 25  # items in one BatchWriteItem
_LOOKING = "looking up events already delivered"

_Attributes = Mapping[str, Any]


class DynamoCheckpoint:
    """A ``ports.Checkpoint`` in a table whose partition key is the string ``id``, without a sort key.

    ``claim_time`` is how many seconds a claim lasts; an item untouched for ``keep_days`` expires (SQS keeps no message
    longer than 14 days). Workers' clocks must agree to well within ``claim_time``; where they do not, a log is taken
    over early, which costs a repeated batch and nothing else. Every method raises ``TransientError`` or
    ``ConfigurationError``, as ``aws.failures`` decides. The client is made at first use.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
    """

    def __init__(
        self,
        table: str,
        options: AwsOptions | None = None,
        *,
        claim_time: float = 300,
        keep_days: float = 14,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._table = Table(table, options or AwsOptions())
        self._claim_time = claim_time
        self._keep = keep_days * 86_400
        self._now = now

    def create_table(self) -> None:
        """Make the table, where it is missing, and wait for it: paid per request, expiring by ``expires_at``."""
        self._table.create()

    def claim(self, log: str, *, processor: str) -> Claim:
        """Take the log and say where to resume, by one request; ``Claimed`` while another worker has it."""
        token, now = places.new_token(), self._now()
        values = {**self._times(now), ":now": now, ":token": token, ":zero": 0, ":false": False}
        values |= {":log": places.shown(log), ":processor": places.shown(processor)}
        done, item = self._update(log, processor, change=_TAKE, only_if=_FREE, values=values)
        place = _place(item)
        if done or place.finished or place.holder == token:  # ours: the answer to a first try got lost
            return Claim(log, processor, token, next_index=place.next_index, finished=place.finished)
        raise places.held(log, processor=processor, after=place.rest(now))

    def advance(self, claim: Claim, next_index: int) -> None:
        """Every record before ``next_index`` is settled; renews the claim. Raises ``ClaimLost``."""
        values = {**self._times(self._now()), ":token": claim.token, ":next": next_index, ":false": False}
        done, item = self._change(claim, change=_MOVE, only_if=_NOT_BACK, values=values)
        if done:
            return
        place = _place(item)
        if place.holder != claim.token:
            raise places.lost(claim)
        if not place.finished:  # it is further already: only the claim is renewed
            self.advance(claim, place.next_index)

    def finish(self, claim: Claim) -> None:
        """The whole log is settled, and is never claimed again; raises as ``advance`` does."""
        values = {":token": claim.token, ":true": True, ":zero": 0, ":expires": self._expires(self._now())}
        done, _ = self._change(claim, change=_END, only_if="held_by = :token", values=values)
        if not done:
            raise places.lost(claim)

    def release(self, claim: Claim) -> None:
        """Let others claim the log at once, from where it stands; no error when it was taken over."""
        values = {":token": claim.token, ":nobody": "", ":zero": 0, ":false": False}
        values[":expires"] = self._expires(self._now())
        self._change(claim, change=_FREE_IT, only_if=_MINE, values=values)

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._table.close()

    def _change(self, claim: Claim, *, change: str, only_if: str, values: _Attributes) -> tuple[bool, _Attributes]:
        return self._update(claim.log, claim.processor, change=change, only_if=only_if, values=values)

    def _update(
        self, log: str, processor: str, *, change: str, only_if: str, values: _Attributes
    ) -> tuple[bool, _Attributes]:
        with self._table.asked(f"checkpoint of {places.shown(log)}") as client:
            return _updated(
                client,
                TableName=self._table.name,
                Key=_key(log, processor),
                UpdateExpression=change,
                ConditionExpression=only_if,
                ExpressionAttributeValues={name: typed(value) for name, value in values.items()},
            )

    def _times(self, now: float) -> _Attributes:
        start, end = now - self._claim_time, now + self._claim_time
        return {":from": start, ":until": end, ":expires": self._expires(now)}

    def _expires(self, now: float) -> int:
        return int(now + self._keep) + 1


class DynamoSeen:
    """A ``ports.SeenEvents`` in a table as ``DynamoCheckpoint`` has it; it may be the same one.

    Remembers keys for ``window`` seconds. Raises as ``DynamoCheckpoint`` does. Each event costs a read and a write.
    """

    def __init__(
        self,
        table: str,
        options: AwsOptions | None = None,
        *,
        window: float,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(table, options or AwsOptions())
        self._window = window
        self._now = now
        self._sleep = sleep

    def create_table(self) -> None:
        """Make the table as ``DynamoCheckpoint.create_table`` does."""
        self._table.create()

    def unseen(self, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that were not remembered within the window; read consistently."""
        stored = {_seen(key): key for key in keys}
        ids = list(stored)
        for start in range(0, len(ids), MOST_READ):
            for item in self._table.items(ids[start : start + MOST_READ], what=_LOOKING, sleep=self._sleep):
                if float(item["expires_at"]["N"]) > self._now():  # expired items stay for hours
                    stored.pop(item["id"]["S"], None)
        return set(stored.values())

    def remember(self, keys: Sequence[str]) -> None:
        """Called after the events were delivered. May be repeated."""
        ids = list(dict.fromkeys(map(_seen, keys)))
        expires = {"N": str(int(self._now() + self._window) + 1)}
        for start in range(0, len(ids), _MOST_WRITTEN):
            part = ids[start : start + _MOST_WRITTEN]
            self._write([{"PutRequest": {"Item": {"id": {"S": each}, "expires_at": expires}}} for each in part])

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._table.close()

    def _write(self, requests: Any) -> None:
        for attempt in range(1, TRIES + 1):
            with self._table.asked("remembering delivered events") as client:
                answer = client.batch_write_item(RequestItems={self._table.name: requests})
            requests = answer.get("UnprocessedItems", {}).get(self._table.name)
            if not requests:
                return
            self._sleep(AGAIN.delay(attempt))
        raise self._table.throttled()


def _updated(client: Any, **request: Any) -> tuple[bool, _Attributes]:
    """Whether the condition held, and the item: as it is now, or as it was found instead."""
    try:
        answer = client.update_item(**request, ReturnValues="ALL_NEW", ReturnValuesOnConditionCheckFailure="ALL_OLD")
    except client.exceptions.ConditionalCheckFailedException as error:
        return False, error.response.get("Item", {})
    return True, answer["Attributes"]


def _place(item: _Attributes) -> Place:
    """The place in an item; an item that is missing is a place nobody holds."""
    if "held_by" not in item:
        return Place()
    number = {name: float(item[name]["N"]) for name in ("held_from", "held_until")}
    return Place(int(item["next_index"]["N"]), bool(item["is_finished"]["BOOL"]), item["held_by"]["S"], **number)


def _key(log: str, processor: str) -> _Attributes:
    """One key for both: the processor's name is quoted, so that no two pairs can look the same."""
    return {"id": {"S": places.name(f"{quote(processor, safe='', errors='surrogatepass')}|{log}")}}


def _seen(key: str) -> str:
    """A key that no place has: a quoted processor's name never holds ``%s``."""
    return places.name(f"%seen|{key}")
