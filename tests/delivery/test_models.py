"""A processor receives what it asks for: whole events, a model of its own, or bytes; and pays for nothing else."""

import json
import pickle
import re
from typing import Any

import msgspec
import pytest
from collecting import Keeping, log_body, record
from pydantic import BaseModel, ConfigDict, Field, field_validator

from cloudtrail_processing import CloudTrailEvent, EventBatch, EventProcessor, SettingsError, Where
from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint, MemorySeen
from cloudtrail_processing.delivery import Delivered, Delivery, Lane
from cloudtrail_processing.errors import ProcessorError, RejectedRecords
from cloudtrail_processing.filters import event_filter
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.logfile import Records, split
from cloudtrail_processing.usercode import UserCode

LOG = LogObject("trail", "AWSLogs/log.json.gz", etag="e")
CALLER = {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice"}


class Caller(BaseModel):
    arn: str


class Call(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name: str = Field(alias="eventName")
    caller: Caller = Field(alias="userIdentity")


class Struct(msgspec.Struct):
    name: str = msgspec.field(name="eventName")
    caller: dict[str, str] = msgspec.field(name="userIdentity", default_factory=dict)


class Taking(EventProcessor[Any]):
    """Keeps what it receives, as ``model``."""

    def __init__(self, model: Any = CloudTrailEvent, wants: Any = None) -> None:
        self.model = model
        self.filter = wants
        self.batches: list[EventBatch[Any]] = []

    def process(self, batch: EventBatch[Any]) -> None:
        self.batches.append(batch)

    @property
    def items(self) -> list[Any]:
        return [item for batch in self.batches for item in batch]


class TakingToo(Taking):
    """The same under another name."""


def deliver(records: Records, *processors: Taking, lane: dict[str, Any] | None = None, **options: Any) -> Delivered:
    lanes = [Lane(it, None if it.filter is None else event_filter(it.filter), **(lane or {})) for it in processors]
    user_code = UserCode()
    try:
        job = Delivery(lanes, user_code=user_code, **options).begin(LOG)
        job.claim(LOG)
        return job.run(records)
    finally:
        job.end()
        user_code.close()


def calls(*names: str) -> Records:
    return split(log_body([record(ord(name), eventName=name, userIdentity=CALLER) for name in names]))


def test_a_processor_receives_its_own_model() -> None:
    taking = Taking(Call)
    assert deliver(calls("A", "B"), taking).delivered == 2
    assert taking.items == [Call(name="A", caller=Caller(**CALLER)), Call(name="B", caller=Caller(**CALLER))]


def test_a_processor_receives_its_own_struct() -> None:
    taking = Taking(Struct)
    assert deliver(calls("A", "B"), taking).delivered == 2
    assert taking.items == [Struct(name="A", caller=CALLER), Struct(name="B", caller=CALLER)]


@pytest.mark.parametrize(
    ("caller", "place"), [(CALLER | {"secret": {}}, r"\$\.userIdentity\[\.\.\.\]"), ("s3cret", r"\$\.userIdentity")]
)
def test_what_a_struct_refuses_is_a_bad_record_and_its_content_is_not_told(caller: Any, place: str) -> None:
    taking = Taking(Struct)
    records = split(log_body([record(1, eventName="A", userIdentity=caller), record(2, eventName="B")]))
    delivered = deliver(records, taking)
    (failure,) = delivered.failures
    assert isinstance(failure.error, RejectedRecords)
    assert re.search(f"the model Struct does not take it: {place}", str(failure.error))
    assert "s3cret" not in str(failure.error)
    assert [item.name for item in taking.items] == ["B"]


def test_a_processor_receives_bytes() -> None:
    taking, records = Taking(bytes), calls("A", "B")
    assert deliver(records, taking).delivered == 2
    assert taking.items == list(records)


def test_the_brackets_of_the_class_name_the_model() -> None:
    class Named(EventProcessor[Call]):
        pass

    class Again(Named):
        pass

    class Whole(EventProcessor):
        pass

    assert (Named.model, Again.model, Whole.model) == (Call, Call, CloudTrailEvent)


def test_a_model_named_outright_wins_over_the_brackets() -> None:
    class Named(EventProcessor[Any]):
        model = Call

    assert Named.model is Call


def test_any_in_brackets_names_no_model() -> None:
    """A base for processors of several models says so in its brackets, and receives events itself."""

    class Base(EventProcessor[Any]):
        def process(self, batch: EventBatch[Any]) -> None:
            """Take anything."""

    assert Base.model is CloudTrailEvent


def test_every_lane_has_a_model_of_its_own() -> None:
    whole, own, raw = Taking(), Taking(Call), Taking(bytes)
    assert deliver(calls("A", "B"), whole, own, raw).delivered == 2
    assert [event.event_name for event in whole.items] == [call.name for call in own.items] == ["A", "B"]
    assert [json.loads(item)["eventName"] for item in raw.items] == ["A", "B"]


def test_a_subclass_of_the_event_is_made_of_every_record() -> None:
    class Marked(CloudTrailEvent):
        __slots__ = ()

    taking = Taking(Marked)
    deliver(calls("A"), taking)
    assert [type(item) for item in taking.items] == [Marked]


@pytest.mark.parametrize("model", [Call, Struct, bytes])
def test_a_filter_stands_in_front_of_any_model(model: Any) -> None:
    taking = Taking(model, wants=Where(event_name="B"))
    delivered = deliver(calls("A", "B", "C"), taking)
    assert (delivered.delivered, delivered.filtered) == (1, 2)
    assert taking.batches[0].whole(0).event_name == "B"


@pytest.mark.parametrize("model", [Call, Struct, bytes])
def test_a_filter_that_needs_the_event_gets_it_whatever_the_model(model: Any) -> None:
    taking = Taking(model, wants=lambda event: event.event_name == "B")
    assert deliver(calls("A", "B", "C"), taking).delivered == 1
    assert taking.batches[0].whole(0).event_name == "B"


@pytest.mark.parametrize("model", [CloudTrailEvent, Call, Struct, bytes])
def test_a_batch_leads_back_to_the_records(model: Any) -> None:
    taking, records = Taking(model, wants=~Where(event_name="A")), calls("A", "B", "A", "C")
    deliver(records, taking)
    [batch] = taking.batches
    assert (batch.indexes, batch.first_index, batch.next_index) == ((1, 3), 1, 4)
    assert [batch.raw(place) for place in range(2)] == [records.raw(1), records.raw(3)]
    whole = batch.whole(-1)
    assert (whole.event_name, whole.metadata.index, whole.metadata.log) == ("C", 3, LOG)


@pytest.mark.parametrize("model", [CloudTrailEvent, Call, Struct, bytes])
def test_a_batch_can_be_sent_to_another_process_with_its_bytes(model: Any) -> None:
    taking, records = Taking(model), calls("A", "B")
    deliver(records, taking)
    sent = pickle.loads(pickle.dumps(taking.batches[0]))
    assert sent == taking.batches[0]
    assert [type(sent.raw(place)) for place in range(2)] == [bytes, bytes]
    assert [sent.raw(place) for place in range(2)] == list(records)


def test_a_batch_made_by_hand_has_no_bytes_to_lead_back_to() -> None:
    batch = EventBatch(LOG, (Call(name="A", caller=Caller(arn="a")),), first_index=0, next_index=1)
    with pytest.raises(ValueError, match="made without the bytes"):
        batch.whole(0)


def test_what_a_model_refuses_goes_to_the_quarantine_and_holds_nobody_up() -> None:
    records = split(log_body([record(1, eventName="A", userIdentity=CALLER), record(2, eventName="B")]))
    quarantine, own, whole = Keeping(), Taking(Call), TakingToo()
    delivered = deliver(records, own, whole, quarantine=quarantine)
    assert not delivered.failures
    assert [call.name for call in own.items] == ["A"]
    assert len(whole.items) == 2
    assert (delivered.records, delivered.delivered, delivered.rejected, delivered.filtered) == (2, 1, 1, 0)
    [kept] = quarantine.kept
    assert (kept.index, kept.raw) == (1, records.raw(1))
    assert kept.error == "processor Taking: the model Call does not take it: userIdentity (missing)"


def test_without_a_quarantine_the_log_fails_after_the_good_ones() -> None:
    records = split(log_body([record(1, eventName="B"), record(2, eventName="A", userIdentity=CALLER)]))
    own = Taking(Call)
    [failure] = deliver(records, own).failures
    assert isinstance(failure.error, RejectedRecords)
    assert [call.name for call in own.items] == ["A"]


def test_the_reason_tells_nothing_of_the_record() -> None:
    records = split(log_body([record(1, eventName={"canary": "secret"}, userIdentity={"arn": 7})]))
    quarantine = Keeping()
    deliver(records, Taking(Call), quarantine=quarantine)
    assert [it.error for it in quarantine.kept] == [
        "processor Taking: the model Call does not take it: eventName (string_type), userIdentity.arn (string_type)"
    ]


def test_a_validator_that_breaks_fails_its_processor_alone() -> None:
    class Breaking(BaseModel):
        event_name: str = Field(alias="eventName")

        @field_validator("event_name")
        @classmethod
        def look(cls, value: str) -> str:
            raise KeyError(value)

    whole = TakingToo()
    [failure] = deliver(calls("A"), Taking(Breaking), whole).failures
    assert isinstance(failure.error, ProcessorError)
    assert failure.processor == "Taking"
    assert len(whole.items) == 1


@pytest.mark.parametrize("model", [Call, Struct, bytes])
@pytest.mark.parametrize("bad", [b"7", b'"text"', b"null", b"[]", b'{"eventName":}'])
def test_a_record_that_is_no_event_is_rejected_whatever_the_model(model: Any, bad: bytes) -> None:
    good = json.dumps(record(1, eventName="A", userIdentity=CALLER)).encode()
    quarantine, taking = Keeping(), Taking(model)
    delivered = deliver(split(b'{"Records":[' + good + b"," + bad + b"]}"), taking, quarantine=quarantine)
    assert (delivered.delivered, delivered.rejected) == (1, 1)
    assert [(it.index, it.raw) for it in quarantine.kept] == [(1, bad)]


@pytest.mark.parametrize("model", [Call, Struct, bytes])
def test_records_that_came_in_a_message_are_checked_too(model: Any) -> None:
    good = json.dumps(record(1, eventName="A", userIdentity=CALLER)).encode()
    taking = Taking(model)
    delivered = deliver(Records.of([good, b"{not json"]), taking, quarantine=Keeping())
    assert (len(taking.items), delivered.rejected) == (1, 1)


@pytest.mark.parametrize("model", [Call, Struct, bytes])
def test_a_log_is_resumed_whatever_the_model(model: Any) -> None:
    class Failing(Taking):
        def process(self, batch: EventBatch[Any]) -> None:
            super().process(batch)
            if len(self.batches) == 2:
                raise RuntimeError

    failing, checkpoint = Failing(model), MemoryCheckpoint()
    for _ in range(2):
        deliver(calls(*"ABCDE"), failing, lane={"checkpoint": checkpoint}, batch_size=2)
    assert [batch.indexes for batch in failing.batches] == [(0, 1), (2, 3), (2, 3), (4,)]


@pytest.mark.parametrize("model", [Call, Struct, bytes])
def test_a_copy_of_an_event_is_known_whatever_the_model(model: Any) -> None:
    taking, seen = Taking(model), MemorySeen(window=60)
    for _ in range(2):
        delivered = deliver(calls("A", "B", "A"), taking, lane={"seen": seen})
    assert len(taking.items) == 2
    assert delivered.duplicates == 3


@pytest.mark.parametrize("model", [dict, "Call", CALLER, None])
def test_what_is_no_model_is_refused_at_the_start(model: Any) -> None:
    with pytest.raises(SettingsError, match="the model of a processor is a pydantic model, a msgspec struct or bytes"):
        Lane(Taking(model))
