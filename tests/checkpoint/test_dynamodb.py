"""What only the DynamoDB checkpoint does; the rest is in the contract tests."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cloudtrail_processing.aws.session import AwsOptions, dynamodb_client
from cloudtrail_processing.checkpoint.dynamodb import DynamoCheckpoint, DynamoSeen
from cloudtrail_processing.checkpoint.dynamodb_ledger import DynamoLedger
from cloudtrail_processing.errors import CloudTrailProcessingError, ConfigurationError, TransientError
from cloudtrail_processing.ports import Entry
from cloudtrail_processing.testing import EmbeddedAws

NOW = 1_790_000_000.0


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as running:
        yield running


def items(aws: EmbeddedAws, table: str) -> list[dict[str, Any]]:
    client = dynamodb_client(aws.options)
    try:
        found: list[dict[str, Any]] = client.scan(TableName=table)["Items"]
        return found
    finally:
        client.close()


def test_a_table_is_made_once_is_paid_per_request_and_expires(aws: EmbeddedAws) -> None:
    checkpoint = DynamoCheckpoint("made", aws.options)
    checkpoint.create_table()
    checkpoint.create_table()
    client = dynamodb_client(aws.options)
    described = client.describe_table(TableName="made")["Table"]
    expiry = client.describe_time_to_live(TableName="made")["TimeToLiveDescription"]
    client.close()
    checkpoint.close()
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert described["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_one_item_per_log_and_processor_that_people_can_read_and_that_expires(aws: EmbeddedAws) -> None:
    checkpoint = DynamoCheckpoint("items", aws.options, keep_days=14, now=lambda: NOW)
    checkpoint.create_table()
    claim = checkpoint.claim("s3://trail/log?v1", processor="Alarms")
    checkpoint.advance(claim, 7)
    checkpoint.finish(claim)
    checkpoint.close()
    [item] = items(aws, "items")
    assert item["id"] == {"S": "Alarms|s3://trail/log?v1"}
    assert (item["log_id"], item["processor_name"]) == ({"S": "s3://trail/log?v1"}, {"S": "Alarms"})
    assert (item["next_index"], item["is_finished"]) == ({"N": "7"}, {"BOOL": True})
    assert int(item["expires_at"]["N"]) == NOW + 14 * 86_400 + 1


def test_a_missing_table_is_named_with_what_to_do(aws: EmbeddedAws) -> None:
    checkpoint = DynamoCheckpoint("missing", aws.options)
    with pytest.raises(ConfigurationError, match=r"no DynamoDB table missing in us-east-1: create it with .* id "):
        checkpoint.claim("s3://trail/log", processor="p")
    checkpoint.close()
    seen = DynamoSeen("missing", aws.options, window=10)
    with pytest.raises(ConfigurationError, match="no DynamoDB table missing"):
        seen.unseen(["a"])
    seen.close()


def test_a_service_that_does_not_answer_is_a_passing_failure(aws: EmbeddedAws) -> None:
    nobody = replace(aws.options, endpoint_url="http://127.0.0.1:9", connect_timeout=0.2)
    checkpoint = DynamoCheckpoint("t", nobody)
    with pytest.raises(TransientError, match="checkpoint of s3://trail/log in the DynamoDB table t failed"):
        checkpoint.claim("s3://trail/log", processor="p")
    checkpoint.close()


def test_a_profile_that_does_not_exist_raises_our_error_and_no_other() -> None:
    checkpoint = DynamoCheckpoint("t", AwsOptions(profile="no-such-profile"))
    with pytest.raises(CloudTrailProcessingError, match="table t failed"):
        checkpoint.claim("s3://trail/log", processor="p")
    checkpoint.close()


class Reluctant:
    """A DynamoDB that leaves the last key or item of each request undone for so many times."""

    def __init__(self, client: Any, times: int) -> None:
        self.exceptions, self.meta, self.times, self._client = client.exceptions, client.meta, times, client

    def batch_get_item(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - boto3's name
        [(table, wanted)] = RequestItems.items()
        now, later = self._split(wanted["Keys"])
        answer = self._client.batch_get_item(RequestItems={table: {**wanted, "Keys": now}})
        left = {table: {**wanted, "Keys": later}} if later else {}
        return {"Responses": answer["Responses"], "UnprocessedKeys": left}

    def batch_write_item(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - boto3's name
        [(table, wanted)] = RequestItems.items()
        now, later = self._split(wanted)
        if now:
            self._client.batch_write_item(RequestItems={table: now})
        return {"UnprocessedItems": {table: later} if later else {}}

    def close(self) -> None:
        self._client.close()

    def _split(self, every: list[Any]) -> tuple[list[Any], list[Any]]:
        self.times -= 1
        return (every, []) if self.times < 0 else (every[:-1] or every, every[-1:])


@pytest.mark.parametrize("times", [0, 3])
def test_what_dynamodb_left_undone_is_asked_again(aws: EmbeddedAws, times: int) -> None:
    seen = reluctant(aws, times)
    seen.remember(["a", "b", "c"])
    seen.close()
    seen = reluctant(aws, times)
    assert seen.unseen(["a", "b", "c", "d"]) == {"d"}
    seen.close()


def test_what_dynamodb_leaves_undone_for_long_is_never_taken_for_done(aws: EmbeddedAws) -> None:
    seen = reluctant(aws, 100)
    with pytest.raises(TransientError, match="did not take every item in 6 tries"):
        seen.remember(["x", "y"])
    with pytest.raises(TransientError, match="did not take every item"):
        seen.unseen(["x", "y"])
    seen.close()


def reluctant(aws: EmbeddedAws, times: int) -> DynamoSeen:
    seen = DynamoSeen("events", aws.options, window=60, sleep=lambda _seconds: None)
    seen.create_table()
    seen._table._client = Reluctant(seen._table._client, times)
    return seen


def test_a_table_without_the_index_of_lists_is_told_what_it_lacks(aws: EmbeddedAws) -> None:
    checkpoint, ledger = DynamoCheckpoint("without-lists", aws.options), DynamoLedger("without-lists", aws.options)
    checkpoint.create_table()
    checkpoint.close()
    ledger.change("log", lambda _: Entry("x", "chain"))
    with pytest.raises(ConfigurationError, match=r"no index entry_list.*global secondary index"):
        ledger.listed("chain")
    ledger.create_table()
    ledger.create_table()
    assert list(ledger.listed("chain").values()) == [Entry("x", "chain")]
    ledger.close()
