"""The embedded AWS announces logs as AWS does, and leaves no trace."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.flow import Ignored, Notification, QueueMessage
from cloudtrail_processing.notification import parse
from cloudtrail_processing.testing import EmbeddedAws

KEY = (
    "a b+c/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/01/"
    "111122223333_CloudTrail_eu-west-1_20260101T0005Z_AbC.json.gz"
)


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(region="eu-west-1") as running:
        yield running


def _messages(aws: EmbeddedAws, url: str) -> Sequence[QueueMessage]:
    async def receive() -> Sequence[QueueMessage]:
        async with aws.queue(url) as queue:
            return await queue.receive(limit=10, wait=0, visibility=30)

    return asyncio.run(receive())


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("via", ["s3", "sns", "cloudtrail"])
def test_a_stored_log_is_announced_in_a_form_that_we_read(aws: EmbeddedAws, via: str, *, raw: bool) -> None:
    name = f"{via}-{raw}".lower()
    aws.create_bucket(name)
    url = aws.create_queue(name)
    aws.notify(name, url, via=cast("Any", via), raw=raw)
    stored = aws.put_log(name, KEY, b"x")
    notices = [parse(message) for message in _messages(aws, url)]
    logs = [log for notice in notices if isinstance(notice, Notification) for log in notice.logs]
    assert [(log.bucket, log.key, log.account) for log in logs] == [(name, KEY, "111122223333")]
    assert stored.account == "111122223333"
    assert aws.store().fetch(logs[0], limit=10).body == b"x"
    tests = [notice for notice in notices if isinstance(notice, Ignored)]
    assert len(tests) == (0 if via == "cloudtrail" else 1)


def test_two_queues_may_hear_of_one_bucket(aws: EmbeddedAws) -> None:
    aws.create_bucket("two-queues")
    urls = [aws.create_queue(name, dead_letter=False) for name in ("one", "two")]
    for url in urls:
        aws.notify("two-queues", url)
    aws.put_log("two-queues", "key", b"x")
    assert all(aws.messages_left(url) >= 2 for url in urls)


def test_the_environment_is_left_alone_and_the_next_one_starts_empty() -> None:
    before = dict(os.environ)
    with EmbeddedAws() as first:
        first.create_bucket("trail")
        url = first.url
    with EmbeddedAws() as second:
        assert second.s3.list_buckets()["Buckets"] == []
        assert second.environment["AWS_ENDPOINT_URL"] == second.url != url
    assert dict(os.environ) == before


def test_it_says_so_when_it_is_not_running() -> None:
    with pytest.raises(SettingsError, match="not running"):
        _ = EmbeddedAws().url


def test_no_key_shows_in_its_options(aws: EmbeddedAws) -> None:
    assert "secret" not in repr(aws.options)
    assert "credentials" not in repr(aws.options)
