"""A ledger in a DynamoDB table, shared by workers on any number of machines.

Every write is one conditional PutItem: who comes second finds out there and then, and makes his change anew.
Permissions: ``dynamodb:PutItem`` and ``BatchGetItem``, and ``Query`` on the table's index of lists.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.checkpoint import places
from cloudtrail_processing.checkpoint.table import AGAIN, LIST, MOST_READ, Table, typed
from cloudtrail_processing.errors import ConfigurationError
from cloudtrail_processing.ports import Entry

_FREE = "attribute_not_exists(id) OR expires_at <= :now"
_SAME = "entry_version = :version"
_NO_INDEX = ("ValidationException", "ResourceNotFoundException")
_ROUNDS = 30  # each of them is won by somebody

_Item = Mapping[str, Any]


class DynamoLedger:
    """A ``ports.Ledger`` in a table as ``DynamoCheckpoint`` has it; it may be the same one.

    The table needs a global secondary index ``entry_list`` with the partition key ``entry_list`` (a string) and all
    attributes projected; only what is still open lies in it. What is untouched for ``keep_days`` expires. Raises as
    ``DynamoCheckpoint`` does.
    """

    def __init__(
        self,
        table: str,
        options: AwsOptions | None = None,
        *,
        keep_days: float = 14,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(table, options or AwsOptions())
        self._keep = keep_days * 86_400
        self._now = now
        self._sleep = sleep

    def create_table(self) -> None:
        """Make the table as ``DynamoCheckpoint.create_table`` does, or its index alone where the table is there."""
        self._table.create(with_lists=True)

    def read(self, names: Sequence[str]) -> Mapping[str, Entry]:
        """The entries of those names that are remembered, read consistently."""
        ids = {_id(name): name for name in names}
        found: dict[str, Entry] = {}
        keys = list(ids)
        for start in range(0, len(keys), MOST_READ):
            part = keys[start : start + MOST_READ]
            for item in self._table.items(part, what="reading the integrity ledger", sleep=self._sleep):
                if self._is_kept(item):
                    found[ids[item["id"]["S"]]] = _entry(item)
        return found

    def change(self, name: str, change: Callable[[Entry | None], Entry], *, durable: bool = False) -> Entry:
        """Put what ``change`` makes of the entry; most are new, so the first try supposes that it is."""
        del durable  # everything is
        item: _Item = {}
        for attempt in range(1, _ROUNDS + 1):
            old = _entry(item) if item and self._is_kept(item) else None
            new = change(old)
            if new == old:
                return new
            found = self._put(name, new, over=item)
            if found is None:
                return new
            item = found
            if attempt > 1:
                self._sleep(AGAIN.delay(attempt - 1))
        raise self._table.throttled()

    def listed(self, of: str) -> Mapping[str, Entry]:
        """All entries of one list; what was written within the last moments may be left out."""
        return {item["id"]["S"]: _entry(item) for item in self._query(of) if self._is_kept(item)}

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._table.close()

    def _put(self, name: str, entry: Entry, *, over: _Item) -> _Item | None:
        """None when it was put, else the item that lies there instead."""
        now = self._now()
        version = int(over["entry_version"]["N"]) if over else 0
        item: dict[str, Any] = {"id": _id(name), "entry_text": entry.text, "entry_version": version + 1}
        item |= {"expires_at": int(now + self._keep) + 1} | ({LIST: entry.of} if entry.of else {})
        values = {":version": version} if over else {":now": now}
        with self._table.asked("writing the integrity ledger") as client:
            try:
                client.put_item(
                    TableName=self._table.name,
                    Item={key: typed(value) for key, value in item.items()},
                    ConditionExpression=_SAME if over else _FREE,
                    ExpressionAttributeValues={key: typed(value) for key, value in values.items()},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except client.exceptions.ConditionalCheckFailedException as error:
                found: _Item = error.response.get("Item", {})
                return found
        return None

    def _query(self, name: str) -> Iterator[_Item]:
        question: dict[str, Any] = {
            "TableName": self._table.name,
            "IndexName": LIST,
            "KeyConditionExpression": f"{LIST} = :list",
            "ExpressionAttributeValues": {":list": {"S": name}},
        }
        while True:
            with self._table.asked("listing what is open in the integrity ledger") as client:
                try:
                    answer = client.query(**question)
                except client.exceptions.ClientError as error:
                    if error.response["Error"]["Code"] not in _NO_INDEX:
                        raise
                    raise ConfigurationError(_cure(self._table.name)) from error
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            question["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _is_kept(self, item: _Item) -> bool:
        return float(item["expires_at"]["N"]) > self._now()  # expired items stay for hours


def _cure(table: str) -> str:
    return (
        f"the DynamoDB table {table} has no index {LIST}, which verify needs, or is missing: create a global secondary "
        f"index of that name with the partition key {LIST} (a string) and all attributes projected"
    )


def _entry(item: _Item) -> Entry:
    return Entry(item["entry_text"]["S"], item.get(LIST, {"S": ""})["S"])


def _id(name: str) -> str:
    """A key that neither a place nor a remembered event has."""
    return places.name(f"%entry|{name}")
