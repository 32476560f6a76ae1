"""Whatever a client raises, wherever it raises it, what comes out of ``aws/`` is one of our errors."""

import asyncio
import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from foreign import CODES, KNOWN, OTHERS, answered, made, pairs

from cloudtrail_processing.aws.keys import S3Keys
from cloudtrail_processing.aws.quarantine import S3Quarantine
from cloudtrail_processing.aws.queue import SqsQueue
from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.aws.store import S3Store
from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.flow import LogObject, QueueMessage, RejectedRecord
from cloudtrail_processing.ports import Letter

FOREIGN: list[BaseException] = [
    *(made(kind) for kind in KNOWN.values()),
    *(error for error, _ in OTHERS),
    *(answered(code, "GetObject") for code, _ in pairs(CODES)),
]
"""One of each kind."""
WRONG_REGION = answered("PermanentRedirect", "GetObject")
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/trail"
MESSAGE = QueueMessage(message_id="m", body="b", receipt="r")
LOG = LogObject("trail", "log.json.gz")
ODD = LogObject("trail", "/odd//log.json.gz")
"""A key that goes by boto3, not by obstore."""


def _raising(error: BaseException) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise error

    return call


class Failing:
    """A client all of whose operations fail in the same way, ``error``, but for what is given."""

    def __init__(self, error: BaseException | None = None, **given: Any) -> None:
        self.error = error or OSError()
        self._given = given
        self.meta = SimpleNamespace(endpoint_url="http://127.0.0.1:1", region_name="eu-west-1")

    def __getattr__(self, name: str) -> Any:
        return self._given.get(name) or self.fail

    def fail(self, *_: object, **__: object) -> Any:
        raise self.error

    def close(self) -> None:
        """Nothing to close."""


class Session:
    """A boto3 session that hands out one client; ``credentials`` is called for the keys, ``making`` before a client."""

    def __init__(
        self,
        client: Failing,
        *,
        credentials: Callable[[], Any] = lambda: SimpleNamespace(),
        making: Callable[[], object] = lambda: None,
    ) -> None:
        self._client = client
        self._making = making
        self.get_credentials = credentials
        self.region_name = "eu-west-1"

    def client(self, *_: object, **__: object) -> Failing:
        self._making()
        return self._client


class AsyncFailing:
    """The same for aiobotocore."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        async def call(**_: object) -> Any:
            raise self._error

        return call


def _escaped(ask: Callable[[BaseException], object]) -> list[str]:
    """The foreign errors that came through, and those after which nothing was raised at all."""
    return [f"{type(error).__name__}: {seen}" for error in FOREIGN if (seen := _seen(ask, error)) is not None]


def _seen(ask: Callable[[BaseException], object], error: BaseException) -> str | None:
    try:
        ask(error)
    except CloudTrailProcessingError as ours:
        return None if ours.__cause__ is not None else "it is no cause"
    except BaseException as foreign:  # noqa: BLE001 - that none comes is what is tested
        return f"{type(foreign).__name__} escaped"
    return "nothing was raised"


@pytest.mark.parametrize(
    "ask",
    [
        lambda queue: queue.receive(limit=1, wait=0, visibility=30),
        lambda queue: queue.delete([MESSAGE]),
        lambda queue: queue.change_visibility([(MESSAGE, 1)]),
        lambda queue: queue.post([Letter(MESSAGE, "CorruptLog", "no gzip")]),
        lambda queue: queue.info(),
    ],
    ids=["receive", "delete", "change_visibility", "post", "info"],
)
def test_nothing_foreign_comes_out_of_the_queue(ask: Callable[[SqsQueue], Any]) -> None:
    def once(error: BaseException) -> object:
        client: Any = AsyncFailing(error)
        return asyncio.run(ask(SqsQueue(URL, client=client)))

    assert not _escaped(once)


@pytest.mark.parametrize(
    "options",
    [AwsOptions(profile="nobody"), AwsOptions(endpoint_url="no url"), AwsOptions(region="no region!")],
    ids=["profile", "endpoint", "region"],
)
@pytest.mark.parametrize("url", [URL, "no url at all", "https://[::1", "trail"])
def test_nothing_foreign_comes_out_of_a_queue_that_cannot_be_opened(options: AwsOptions, url: str) -> None:
    async def case() -> None:
        async with SqsQueue(url, options) as queue:
            await queue.info()

    with pytest.raises(CloudTrailProcessingError):
        asyncio.run(case())


def _of_store(client: Failing, ask: Callable[[S3Store, LogObject], object]) -> Callable[[BaseException], object]:
    """Asks one store again and again, whose client fails in another way each time."""
    session: Any = Session(client)
    store = S3Store(session=session)

    def once(error: BaseException) -> object:
        client.error = error
        return ask(store, ODD)

    return once


def _fetch(store: S3Store, log: LogObject) -> object:
    return store.fetch(log, limit=100)


def _identify(store: S3Store, log: LogObject) -> object:
    return store.identify(log)


reading = pytest.mark.parametrize("ask", [_fetch, _identify])


@reading
def test_nothing_foreign_comes_out_of_the_store_from_its_client(ask: Callable[[S3Store, LogObject], object]) -> None:
    client = Failing()
    assert not _escaped(_of_store(client, ask))


@reading
def test_nothing_foreign_comes_out_of_the_store_when_no_client_can_bemade(
    ask: Callable[[S3Store, LogObject], object],
) -> None:
    def once(error: BaseException) -> object:
        session: Any = Session(Failing(error), making=_raising(error))
        return ask(S3Store(session=session), LOG)

    assert not _escaped(once)


@reading
def test_nothing_foreign_comes_out_of_the_store_from_its_credentials(
    ask: Callable[[S3Store, LogObject], object],
) -> None:
    def once(error: BaseException) -> object:
        session: Any = Session(Failing(error), credentials=_raising(error))
        return ask(S3Store(session=session), LOG)

    assert not _escaped(once)


def test_nothing_foreign_comes_out_of_the_search_for_a_bucket_in_another_region() -> None:
    client = Failing(get_object=_raising(WRONG_REGION))
    assert not _escaped(_of_store(client, _fetch))


def test_nothing_foreign_comes_out_of_a_body_that_breaks() -> None:
    body = SimpleNamespace(close=io.BytesIO().close)
    client = Failing(get_object=lambda **_: {"Body": body, "ContentLength": 10})
    body.read = client.fail
    assert not _escaped(_of_store(client, _fetch))


@pytest.mark.parametrize(
    "answer", [{}, {"Body": io.BytesIO()}, {"ContentLength": 1}, None], ids=["nothing", "no size", "no body", "None"]
)
def test_an_answer_without_its_parts_is_one_of_our_errors(answer: Any) -> None:
    session: Any = Session(Failing(OSError(), get_object=lambda **_: answer, head_object=lambda **_: answer))
    for ask in (_fetch, _identify):
        if answer == {"ContentLength": 1} and ask is _identify:
            continue
        with pytest.raises(CloudTrailProcessingError):
            ask(S3Store(session=session), ODD)


@pytest.mark.parametrize("moment", ["making the client", "listing", "a later page"])
def test_nothing_foreign_comes_out_of_a_listing(moment: str) -> None:
    def once(error: BaseException) -> object:
        def pages(**_: object) -> Any:
            if moment == "a later page":
                yield {"Contents": [{"Key": "a", "Size": 1, "ETag": '"e"'}]}
            raise error

        client = Failing(error, get_paginator=lambda _: SimpleNamespace(paginate=pages))
        session: Any = Session(client, making=_raising(error) if moment == "making the client" else lambda: None)
        return list(S3Keys("s3://trail/", session=session, everything=True).logs())

    assert not _escaped(once)


def test_nothing_foreign_comes_out_of_a_quarantine() -> None:
    def once(error: BaseException) -> None:
        session: Any = Session(Failing(error))
        S3Quarantine("s3://trail/bad", session=session).keep([RejectedRecord(LOG, 0, b"1", "no object")])

    assert not _escaped(once)
