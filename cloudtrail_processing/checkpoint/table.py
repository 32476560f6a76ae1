"""A table in DynamoDB, used by many threads: the client to it, and what is asked in the same way everywhere."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from cloudtrail_processing.aws.failures import mapped
from cloudtrail_processing.aws.session import AwsOptions, dynamodb_client
from cloudtrail_processing.errors import ConfigurationError, TransientError
from cloudtrail_processing.retry import Backoff

MOST_READ: Final = 100
"""Keys in one BatchGetItem at most."""
TRIES: Final = 6
"""How often what DynamoDB did not take at once is given again."""
AGAIN: Final = Backoff(first=0.05, cap=2)
"""The seconds between these tries."""
LIST: Final = "entry_list"
"""The attribute by which entries of a ledger are found together; that of an index of this name, all projected."""
_PATIENCE = {"Delay": 1, "MaxAttempts": 60}


class Table:
    """A table and the client to it; boto3's clients may be used by many threads, but not made by them."""

    def __init__(self, name: str, options: AwsOptions) -> None:
        self.name = name
        self._options = options
        self._lock = threading.Lock()
        self._client: Any = None

    @contextmanager
    def asked(self, what: str) -> Iterator[Any]:
        """The client; what it raises is ours, and names the table."""
        with mapped(f"{what} in the DynamoDB table {self.name}"):
            client = self._made()
            try:
                yield client
            except client.exceptions.ResourceNotFoundException as error:
                raise ConfigurationError(
                    f"{what} failed: there is no DynamoDB table {self.name} in {client.meta.region_name}: create it "
                    "with the partition key id (a string) and time to live on expires_at, or correct the name"
                ) from error

    def items(self, ids: Sequence[str], *, what: str, sleep: Callable[[float], None]) -> Iterator[Mapping[str, Any]]:
        """The items with these ids, at most ``MOST_READ``, read consistently; those that are missing are left out."""
        wanted: Any = {"Keys": [{"id": {"S": each}} for each in ids], "ConsistentRead": True}
        for attempt in range(1, TRIES + 1):
            with self.asked(what) as client:
                answer = client.batch_get_item(RequestItems={self.name: wanted})
            yield from answer["Responses"].get(self.name, ())
            wanted = answer.get("UnprocessedKeys", {}).get(self.name)
            if not wanted:
                return
            sleep(AGAIN.delay(attempt))
        raise self.throttled()

    def create(self, *, with_lists: bool = False) -> None:
        """Make the table, or only its index of lists where it is there already, and wait for it."""
        with self.asked("making the table") as client:
            try:
                client.create_table(
                    TableName=self.name,
                    BillingMode="PAY_PER_REQUEST",
                    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                )
            except client.exceptions.ResourceInUseException:
                self._index(client, wanted=with_lists)
                return
            client.get_waiter("table_exists").wait(TableName=self.name, WaiterConfig=_PATIENCE)
            expiry = {"Enabled": True, "AttributeName": "expires_at"}
            client.update_time_to_live(TableName=self.name, TimeToLiveSpecification=expiry)
            self._index(client, wanted=with_lists)

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def throttled(self) -> TransientError:
        """The error for a table that does not keep up."""
        return TransientError(
            f"the DynamoDB table {self.name} did not take every item in {TRIES} tries: it is tried "
            "again later; raise the table's capacity should it go on"
        )

    def _index(self, client: Any, *, wanted: bool) -> None:
        table = client.describe_table(TableName=self.name)["Table"]
        there = [index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())]
        if not wanted or LIST in there:
            return
        index = {
            "IndexName": LIST,
            "KeySchema": [{"AttributeName": LIST, "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
        names = [{"AttributeName": name, "AttributeType": "S"} for name in ("id", LIST)]
        client.update_table(
            TableName=self.name, AttributeDefinitions=names, GlobalSecondaryIndexUpdates=[{"Create": index}]
        )

    def _made(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = dynamodb_client(self._options)
            return self._client


def typed(value: object) -> Mapping[str, object]:
    """A value as DynamoDB takes it."""
    match value:
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": f"{value:.6f}" if isinstance(value, float) else str(value)}
        case _:
            return {"S": str(value)}
