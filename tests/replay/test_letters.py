"""A dead letter leaves its queue when it was delivered; any other stays, tried once, and is visible in the end."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from bench import BUCKET, finished, key_of, log_of
from collecting import Collecting, log_body, record

from cloudtrail_processing.errors import TransientError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.letters import ERROR, REASON
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.replay import LettersReplayed, preview_letters, replay_letters
from cloudtrail_processing.replay.letters import Letters
from cloudtrail_processing.testing import FailEntries, FakeLogStore, FakeQueue, Faults, ManualClock, messages
from cloudtrail_processing.worker import Worker

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/dead"
PATIENCE = 20.0


class Grave:
    """A dead-letter queue and the store to which its letters point."""

    def __init__(self, *, fifo: bool = False, faults: Faults | None = None) -> None:
        self.clock = ManualClock()
        self.queue = FakeQueue(clock=self.clock, fifo=fifo, faults=faults)
        self.store = FakeLogStore()

    def bury(self, name: str, *, error: str | None = "CorruptLog", body: bytes | None = None) -> str:
        log = self.store.put(BUCKET, key_of(name), log_of(name) if body is None else body)
        attributes = {} if error is None else {ERROR: error, REASON: f"{error}: of {name}"}
        return self.queue.send(messages.s3_event(log), attributes=attributes)

    def replay(self, *processors: Any, **values: Any) -> LettersReplayed:
        parts = Parts(queue=self.queue, store=self.store, clock=self.clock)
        usual: dict[str, Any] = {"threads": 1, "wait_time": 1, "visibility_timeout": 30, "fetch_attempts": 1}

        async def drained(worker: Worker) -> None:
            await asyncio.wait_for(finished(worker.drain(), self.clock), PATIENCE)

        return replay_letters(processors, URL, parts=parts, drain=drained, **{**usual, **values})

    @property
    def visible(self) -> int:
        return asyncio.run(self.queue.info()).visible


CORRUPT = b"\x1f\x8bno gzip at all"


def test_what_can_be_delivered_now_is_deleted_and_what_is_rejected_again_stays_visible() -> None:
    grave = Grave()
    grave.bury("good")
    bad = grave.bury("bad", body=CORRUPT)
    processor = Collecting()
    replayed = grave.replay(processor)
    assert processor.ids == ["good/0"]
    assert (replayed.delivered, list(replayed.kept)) == (1, [bad])
    assert replayed.kept[bad].endswith("(CorruptLog)")
    assert key_of("bad") in replayed.kept[bad]
    assert (grave.queue.messages_left, grave.visible) == (1, 1)


def test_a_letter_is_tried_once_in_a_run_however_it_fails() -> None:
    grave = Grave()
    names = [grave.bury(name) for name in ("a", "b")]
    processor = Collecting(LookupError(), LookupError())
    replayed = grave.replay(processor, retry_delay=1, max_retry_delay=1, visibility_timeout=10)
    assert processor.calls == 2
    assert sorted(replayed.kept) == sorted(names)
    assert grave.visible == 2


def test_only_letters_of_the_error_classes_that_are_asked_for_are_tried() -> None:
    """There are more of the others than a drain is patient for."""
    grave = Grave()
    for number in range(45):
        grave.bury(f"other{number}", error="LogGone")
    grave.bury("native", error=None)
    grave.bury("wanted")
    processor = Collecting()
    replayed = grave.replay(processor, errors=["CorruptLog"])
    assert processor.ids == ["wanted/0"]
    assert replayed == LettersReplayed(1, {}, Counter(LogGone=45, unknown=1))
    assert (grave.queue.messages_left, grave.visible) == (46, 46)


def test_letters_that_tell_no_class_are_asked_for_as_unknown() -> None:
    grave = Grave()
    grave.bury("native", error=None)
    grave.bury("told")
    processor = Collecting()
    grave.replay(processor, errors=["unknown"])
    assert processor.ids == ["native/0"]


def test_nothing_is_sent_to_a_dead_letter_queue_even_where_the_settings_name_one() -> None:
    grave, other = Grave(), FakeQueue()
    grave.bury("bad", body=CORRUPT)
    grave.replay(Collecting(), dead_letter_url=URL)
    parts = Parts(queue=grave.queue, store=grave.store, clock=grave.clock, dead_letters=other)

    async def drained(worker: Worker) -> None:
        await asyncio.wait_for(finished(worker.drain(), grave.clock), PATIENCE)

    replay_letters(Collecting(), URL, parts=parts, drain=drained, threads=1, wait_time=1)
    assert (grave.queue.messages_left, other.messages_left) == (1, 0)


def test_progress_that_a_checkpoint_kept_is_not_repeated(tmp_path: Any) -> None:
    grave = Grave()
    grave.bury("long", body=log_body(record(number) for number in range(4)))
    place = f"sqlite:{tmp_path}/places"
    first, second = Collecting(None, LookupError()), Collecting()
    assert grave.replay(first, batch_size=2, checkpoint=place).delivered == 0
    assert grave.replay(second, batch_size=2, checkpoint=place).delivered == 1
    assert (first.ids, second.ids) == (["id-0", "id-1"], ["id-2", "id-3"])


def test_in_a_fifo_queue_letters_are_taken_one_by_one() -> None:
    grave = Grave(fifo=True)
    for name in "abc":
        grave.bury(name)
    processor = Collecting()
    assert grave.replay(processor).delivered == 3
    assert processor.ids == ["a/0", "b/0", "c/0"]


def test_a_delete_that_fails_leaves_the_letter_and_says_so() -> None:
    grave = Grave(faults=Faults(delete=[FailEntries()] * 20))
    name = grave.bury("a")
    replayed = grave.replay(Collecting())
    assert (replayed.delivered, list(replayed.kept), grave.queue.messages_left) == (0, [name], 1)


def test_letters_are_shown_again_when_the_run_breaks_off() -> None:
    grave = Grave(faults=Faults(receive=[None, *[TransientError("the network is away")] * 20]))
    grave.bury("a")
    grave.bury("b", error="LogGone")
    with pytest.raises(TransientError, match="the network is away"):
        grave.replay(Collecting(), errors=["LogGone"], threads=4)
    assert (grave.queue.messages_left, grave.visible) == (1, 1)


def test_a_preview_shows_what_is_asked_for_and_leaves_every_letter_as_it_was() -> None:
    grave = Grave()
    bodies = [grave.bury(f"log{number}") for number in range(12)]
    grave.bury("other", error="LogGone")
    parts = Parts(queue=grave.queue, clock=grave.clock)
    preview = preview_letters(URL, errors=["CorruptLog"], parts=parts, most=3, wait_time=0)
    assert (preview.counts, preview.left_out) == (Counter(CorruptLog=12), Counter(LogGone=1))
    assert [row[0] for row in preview.first] == bodies[:3]
    assert preview.first[0][1:2] + preview.first[0][3:] == ("CorruptLog", "CorruptLog: of log0")
    assert (grave.queue.messages_left, grave.visible) == (13, 13)


# ── the queue as a worker sees it ──


async def received(letters: Letters, *, visibility: int = 30) -> Sequence[QueueMessage]:
    return await letters.receive(limit=10, wait=0, visibility=visibility)


def test_a_letter_that_comes_back_is_not_handed_out_again_and_is_shown_by_its_newest_receipt() -> None:
    async def case() -> None:
        grave = Grave()
        grave.bury("a")
        letters = Letters(grave.queue)
        [_] = await received(letters)
        await grave.clock.elapse(31)
        assert await received(letters) == []
        await letters.release()
        assert (await grave.queue.info()).visible == 1

    asyncio.run(case())


def test_letters_that_cannot_be_shown_again_are_told(caplog: pytest.LogCaptureFixture) -> None:
    async def case(*faults: Any) -> None:
        grave = Grave(faults=Faults(change_visibility=faults))
        for number in range(11):
            grave.bury(f"log{number}")
        letters = Letters(grave.queue)
        assert len([*await received(letters), *await received(letters)]) == 11
        await letters.release()

    asyncio.run(case(TransientError("the network is away")))
    assert "11 dead letter(s) could not be shown again: the network is away" in caplog.text
    asyncio.run(case(FailEntries((1,), reason="busy")))
    assert "1 dead letter(s) could not be shown again: busy" in caplog.text


def test_a_dead_letter_queue_has_nothing_to_complain_of_at_its_start(caplog: pytest.LogCaptureFixture) -> None:
    grave = Grave()
    grave.bury("a")
    grave.replay(Collecting(), allowed_buckets=(BUCKET,))
    assert [line for line in caplog.messages if "redrive policy" in line] == []
