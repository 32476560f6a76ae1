"""The parts of a pipeline: a user's own in the place of ours, or refused when they could never work."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from collecting import Collecting, Handler, Keeping, Reporter

from cloudtrail_processing.assembly import make_pipeline, opened, warnings
from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.parts import Parts, aws_options
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.processor import ExceptionHandler
from cloudtrail_processing.progress import ProgressReporter
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.testing import FakeLogStore
from cloudtrail_processing.usercode import UserCode


def make(parts: Parts, **values: Any) -> Pipeline:
    settings = Settings.load(**values)
    parts = replace(parts, store=parts.store or FakeLogStore())
    with ExitStack() as closing:
        return make_pipeline([Collecting()], settings=settings, parts=parts, user_code=UserCode(), closing=closing)


class AsyncHandler(ExceptionHandler):
    async def handle(self, failure: Any) -> None:  # type: ignore[override]
        del failure


class AsyncReporter(ProgressReporter):
    async def report_end(self, status: Any, token: object) -> None:  # type: ignore[override]
        del status, token


async def async_parser(message: QueueMessage) -> None:
    del message


async def async_filter(*_: object) -> bool:
    return True


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (Parts(exception_handler=Handler), "Handler is a class: pass an instance"),  # type: ignore[arg-type]
        (Parts(reporter=Reporter), "Reporter is a class: pass an instance"),  # type: ignore[arg-type]
        (Parts(quarantine=Keeping), "Keeping is a class: pass an instance"),  # type: ignore[arg-type]
        (Parts(store=FakeLogStore), "FakeLogStore is a class: pass an instance"),  # type: ignore[arg-type]
        (Parts(exception_handler=AsyncHandler()), "AsyncHandler.handle is async"),  # type: ignore[abstract, unused-ignore]
        (Parts(reporter=AsyncReporter()), "AsyncReporter.report_end is async"),
        (Parts(parser=async_parser), "async_parser is async"),  # type: ignore[arg-type]
        (Parts(source_filter=async_filter), "is async"),
    ],
)
def test_a_hook_that_would_fail_at_every_call_is_refused_before_anything_starts(parts: Parts, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        make(parts)


def test_a_quarantine_may_be_async_like_a_processor() -> None:
    class AsyncKeeping:
        async def keep(self, records: Any) -> None:
            del records

    assert isinstance(make(Parts(quarantine=AsyncKeeping())), Pipeline)  # type: ignore[arg-type]


def test_conditions_that_cannot_be_understood_are_refused_before_anything_starts() -> None:
    with pytest.raises(SettingsError, match="event_name"):
        make(Parts(), where="event_nam=x")


def test_aws_is_reached_as_the_settings_say() -> None:
    settings = Settings.load(
        region="eu-west-1",
        profile="audit",
        endpoint_url="http://a",
        s3_endpoint_url="http://b",
        request_payer=True,
        connect_timeout=1,
        read_timeout=2,
    )
    expected = AwsOptions(
        region="eu-west-1",
        profile="audit",
        endpoint_url="http://a",
        s3_endpoint_url="http://b",
        request_payer=True,
        connect_timeout=1,
        read_timeout=2,
    )
    assert aws_options(settings, Parts()) == expected
    assert aws_options(settings, Parts(aws=AwsOptions(region="x"))) == AwsOptions(region="x")


def test_what_is_open_is_said_at_start_and_nothing_else() -> None:
    assert [text.split()[0] for text in warnings(Settings.load())] == ["allowed_buckets"]
    assert [text.split()[0] for text in warnings(Settings.load(allowed_buckets="a", verify_sns=True))] == ["verify_sns"]
    assert warnings(Settings.load(allowed_buckets="a", verify_sns=True, allowed_topics="arn:aws:sns:*:1:t")) == []


def test_two_processors_of_one_name_cannot_share_a_checkpoint() -> None:
    """One would take the other's finished logs for its own, and never see them."""
    with ExitStack() as closing, pytest.raises(SettingsError, match="two processors"):
        parts = Parts(store=FakeLogStore(), checkpoint=MemoryCheckpoint())
        settings = Settings.load()
        make_pipeline(
            [Collecting(), Collecting()], settings=settings, parts=parts, user_code=UserCode(), closing=closing
        )


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("checkpoint", "redis:x", "none of"),
        ("quarantine", "s3://", "names no bucket"),
        ("checkpoint", "sqlite:", "none"),
    ],
)
def test_a_place_that_cannot_be_one_is_refused(name: str, value: str, wrong: str) -> None:
    with ExitStack() as closing, pytest.raises(SettingsError, match=wrong):
        opened(Settings.load(**{name: value}), Parts(), closing=closing)


def test_what_settings_name_is_opened_and_closed_and_what_was_passed_is_left_alone(tmp_path: Path) -> None:
    own = FakeLogStore()
    settings = Settings.load(
        checkpoint=f"sqlite:{tmp_path / 'c.db'}", deduplicate=60, quarantine=str(tmp_path / "bad records")
    )
    with ExitStack() as closing:
        parts = opened(settings, Parts(store=own), closing=closing)
        assert parts.store is own
        assert parts.checkpoint is not None
        assert parts.seen is not None
        parts.checkpoint.release(parts.checkpoint.claim("log", processor="p"))
        parts.seen.remember(["key"])
        assert parts.seen.unseen(["key", "other"]) == {"other"}
        assert (tmp_path / "c.db-wal").exists()
    assert not (tmp_path / "c.db-wal").exists()
