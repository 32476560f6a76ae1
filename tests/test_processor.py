"""What users write: the base classes do nothing, and say so."""

import asyncio

import pytest

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import TransientError
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.processor import EventProcessor, ExceptionHandler, Failure, Stage
from cloudtrail_processing.testing.generator import batch, event


class Ten(EventProcessor):
    """The ten lines that a newcomer writes."""

    def __init__(self) -> None:
        self.found: list[str | None] = []

    def process(self, batch: EventBatch) -> None:
        self.found += [it.event_name for it in batch if it.event_name and it.event_name.startswith("Delete")]


def test_a_processor_is_tested_by_calling_it() -> None:
    processor = Ten()
    processor.process(batch([event(event_name="DeleteTrail"), event(event_name="GetUser")]))
    assert processor.found == ["DeleteTrail"]


def test_a_processor_is_called_by_the_name_of_its_class_unless_it_has_its_own() -> None:
    class Named(Ten):
        name = "sink"

    class Outer:
        class Inner(Ten):
            pass

    assert Ten().name == "Ten"
    assert Named().name == "sink"
    assert Outer.Inner().name.endswith("Outer.Inner")


def test_start_and_stop_may_be_left_out() -> None:
    processor = Ten()
    assert processor.start() is None
    assert processor.stop() is None
    assert processor.filter is None
    assert processor.Options is None


def test_process_may_not_be_left_out() -> None:
    with pytest.raises(NotImplementedError, match="EventProcessor must define process"):
        EventProcessor().process(EventBatch(LogObject("b", "k"), (), first_index=0, next_index=0))


def test_every_hook_may_be_async() -> None:
    class Async(EventProcessor):
        async def start(self) -> None:
            """As a type checker sees it, a coroutine is an awaitable."""

        async def process(self, batch: EventBatch) -> None:
            self.taken = len(batch)

        async def stop(self) -> None:
            """Likewise."""

    processor = Async()
    asyncio.run(processor.process(batch([event()])))
    assert processor.taken == 1


def test_a_handler_that_is_not_overridden_changes_nothing() -> None:
    assert ExceptionHandler().handle(Failure(Stage.FETCH, TransientError("busy"))) is None


def test_stages_are_told_in_the_words_of_the_life_of_a_message() -> None:
    assert [stage.value for stage in Stage] == ["poll", "parse", "filter", "fetch", "read", "process", "settle"]


def is_deletion(event: CloudTrailEvent) -> bool:
    return event.event_name == "DeleteTrail"


class ByFunction(EventProcessor):
    filter = is_deletion


class ByLambda(EventProcessor):
    filter = lambda event: event.event_name == "DeleteTrail"  # noqa: E731 - as people write it


class ByMethod(EventProcessor):
    name_wanted = "DeleteTrail"

    def filter(self, event: CloudTrailEvent) -> bool:
        return event.event_name == self.name_wanted


class ByInstance(EventProcessor):
    def __init__(self) -> None:
        self.filter = is_deletion


@pytest.mark.parametrize("kind", [ByFunction, ByLambda, ByMethod, ByInstance])
def test_a_function_may_be_the_filter_however_it_is_put_there(kind: type[EventProcessor]) -> None:
    wanted = kind().filter
    assert callable(wanted)
    assert [bool(wanted(event(event_name=name))) for name in ("DeleteTrail", "GetObject")] == [True, False]
