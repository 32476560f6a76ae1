"""What every ``ports.Queue`` does, on the fake and on SQS's client against the embedded AWS."""

import pytest
from contracts.benches import QueueBench, Subject

from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.letters import ERROR, MESSAGE_ID, REASON, RECEIVE_COUNT
from cloudtrail_processing.ports import Letter


def test_a_message_arrives_whole_with_its_first_receive_count(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        sent = it.send("héllo\n{}")
        [message] = await it.queue.receive(limit=10, wait=0, visibility=30)
        assert (message.message_id, message.body, message.receive_count) == (sent, "héllo\n{}", 1)
        assert message.receipt
        assert message.group is None
        assert message.sent_at is not None
        assert message.sent_at.tzinfo is not None
        assert message.attributes["ApproximateReceiveCount"] == "1"

    bench.run(case)


def test_an_idle_receive_returns_nothing(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        assert list(await it.queue.receive(limit=10, wait=0, visibility=30)) == []

    bench.run(case)


def test_a_message_in_flight_comes_again_only_after_its_visibility_timeout(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        it.send("once")
        [first] = await it.queue.receive(limit=10, wait=0, visibility=30)
        it.elapse(29)
        assert not await it.queue.receive(limit=10, wait=0, visibility=30)
        it.elapse(2)
        [second] = await it.queue.receive(limit=10, wait=0, visibility=30)
        assert second.message_id == first.message_id
        assert second.receive_count == 2
        assert second.receipt != first.receipt

    bench.run(case)


def test_no_more_than_the_limit_are_received(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        for number in range(12):
            it.send(str(number))
        first = await it.queue.receive(limit=10, wait=0, visibility=30)
        second = await it.queue.receive(limit=1, wait=0, visibility=30)
        assert (len(first), len(second)) == (10, 1)

    bench.run(case)


def test_a_deleted_message_is_gone_for_good_and_deleting_it_again_succeeds(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        it.send("once")
        taken = await it.queue.receive(limit=10, wait=0, visibility=30)
        assert not await it.queue.delete(taken)
        assert not await it.queue.delete(taken)
        it.elapse(31)
        assert not await it.queue.receive(limit=10, wait=0, visibility=30)
        assert it.left() == 0

    bench.run(case)


def test_a_receipt_that_was_never_issued_fails_alone_and_as_gone(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        it.send("good")
        [good] = await it.queue.receive(limit=10, wait=0, visibility=30)
        forged = QueueMessage(message_id="forged", body="", receipt="a-receipt-nobody-issued")
        [failure] = await it.queue.delete([forged, good])
        assert failure.message is forged
        assert failure.gone
        assert forged.receipt not in failure.reason
        assert it.left() == 0
        [late] = await it.queue.change_visibility([(forged, 10)])
        assert late.gone

    bench.run(case)


def test_the_visibility_of_a_deleted_message_cannot_be_changed(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        it.send("once")
        [message] = await it.queue.receive(limit=10, wait=0, visibility=30)
        await it.queue.delete([message])
        [failure] = await it.queue.change_visibility([(message, 60)])
        assert failure.gone

    bench.run(case)


def test_an_extended_message_stays_invisible_for_the_new_time(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        it.send("slow")
        [message] = await it.queue.receive(limit=10, wait=0, visibility=30)
        it.elapse(20)
        assert not await it.queue.change_visibility([(message, 30)])
        it.elapse(20)
        assert not await it.queue.receive(limit=10, wait=0, visibility=30)
        it.elapse(11)
        assert await it.queue.receive(limit=10, wait=0, visibility=30)

    bench.run(case)


def test_a_released_message_is_visible_at_once(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        it.send("again")
        [message] = await it.queue.receive(limit=10, wait=0, visibility=30)
        assert not await it.queue.change_visibility([(message, 0)])
        [again] = await it.queue.receive(limit=10, wait=0, visibility=30)
        assert again.receive_count == 2

    bench.run(case)


def test_a_delayed_message_comes_when_its_time_has_come(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        it.send("later", delay=60)
        assert not await it.queue.receive(limit=10, wait=0, visibility=30)
        assert it.left() == 1
        it.elapse(61)
        assert await it.queue.receive(limit=10, wait=0, visibility=30)

    bench.run(case)


def test_a_message_received_too_often_goes_to_the_dead_letters(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        it.send("poison")
        for receive_count in (1, 2):
            [message] = await it.queue.receive(limit=10, wait=0, visibility=30)
            assert message.receive_count == receive_count
            it.elapse(31)
        assert not await it.queue.receive(limit=10, wait=0, visibility=30)
        assert (it.left(), it.dead()) == (0, 1)

    bench.run(case, max_receive_count=2)


def test_a_fifo_group_in_flight_gives_nothing_while_others_go_on(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b")):
            it.send(body, group=group)
        [first] = await it.queue.receive(limit=1, wait=0, visibility=30)
        assert (first.body, first.group) == ("a1", "a")
        assert [m.body for m in await it.queue.receive(limit=10, wait=0, visibility=30)] == ["b1"]
        await it.queue.delete([first])
        assert [m.body for m in await it.queue.receive(limit=10, wait=0, visibility=30)] == ["a2"]

    bench.run(case, fifo=True)


def test_a_fifo_group_keeps_its_order_after_a_failure(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        for body in ("1", "2", "3"):
            it.send(body)
        assert [m.body for m in await it.queue.receive(limit=1, wait=0, visibility=30)] == ["1"]
        it.elapse(31)
        again = await it.queue.receive(limit=10, wait=0, visibility=30)
        assert [message.body for message in again] == ["1", "2", "3"]

    bench.run(case, fifo=True)


def test_one_call_takes_ten_entries_and_an_empty_one_does_nothing(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        it.send("x")
        [message] = await it.queue.receive(limit=10, wait=0, visibility=30)
        for limit in (0, 11):
            with pytest.raises(ValueError, match="10 messages"):
                await it.queue.receive(limit=limit, wait=0, visibility=30)
        with pytest.raises(ValueError, match="10 messages"):
            await it.queue.delete([message] * 11)
        with pytest.raises(ValueError, match="10 messages"):
            await it.queue.change_visibility([(message, 1)] * 11)
        assert not await it.queue.delete([])
        assert not await it.queue.change_visibility([])
        assert it.left() == 1

    bench.run(case)


@pytest.mark.parametrize("fifo", [False, True])
def test_the_queue_tells_its_counts_and_its_redrive_policy(bench: QueueBench, *, fifo: bool) -> None:
    async def case(it: Subject) -> None:
        assert (await it.queue.info()).is_empty
        for group in "abc":
            it.send("x", group=group)
        await it.queue.receive(limit=1, wait=0, visibility=30)
        info = await it.queue.info()
        assert (info.visible, info.in_flight, info.delayed) == (2, 1, 0)
        assert (info.max_receive_count, info.fifo, info.is_empty) == (7, fifo, False)
        assert (info.dead_letter_arn or "").startswith("arn:aws:sqs:")

    bench.run(case, fifo=fifo, max_receive_count=7)


def rejected(number: int = 1, *, body: str = "{}", group: str | None = None, **attributes: str) -> Letter:
    message = QueueMessage(f"id-{number}", body, "receipt", receive_count=3, group=group, attributes=attributes)
    return Letter(message, "CorruptLog", "CorruptLog: s3://trail/é:\nnot gzip")


@pytest.mark.parametrize("fifo", [False, True])
def test_a_letter_arrives_with_its_body_unchanged_and_with_what_went_wrong(bench: QueueBench, *, fifo: bool) -> None:
    async def case(it: Subject) -> None:
        body = ' {"é": [1, 2]}\t\r\n\U0001f600'
        assert not await it.dead_letters.post([rejected(body=body, team="blue", SenderId="AIDA")])
        [message] = await it.queue.receive(limit=10, wait=0, visibility=30)
        assert message.body == body
        told = {name: text for name, text in message.attributes.items() if "CloudTrailProcessing" in name}
        assert told == {
            ERROR: "CorruptLog",
            REASON: "CorruptLog: s3://trail/é: not gzip",
            MESSAGE_ID: "id-1",
            RECEIVE_COUNT: "3",
        }
        assert message.attributes["team"] == "blue"
        assert message.attributes.get("SenderId") != "AIDA"

    bench.run(case, fifo=fifo)


def test_ten_letters_go_in_one_call_and_not_one_more(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        letters = [rejected(number) for number in range(11)]
        with pytest.raises(ValueError, match="10 messages"):
            await it.dead_letters.post(letters)
        assert not await it.dead_letters.post([])
        assert it.left() == 0
        assert not await it.dead_letters.post(letters[:10])
        assert it.left() == 10

    bench.run(case)


def test_on_a_fifo_queue_a_letter_keeps_its_group_and_is_stored_once(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        for _ in range(2):
            assert not await it.dead_letters.post([rejected(1, group="blue"), rejected(2)])
        received = await it.queue.receive(limit=10, wait=0, visibility=30)
        assert sorted((message.attributes[MESSAGE_ID], message.group) for message in received) == [
            ("id-1", "blue"),
            ("id-2", "id-2"),
        ]
        assert it.left() == 2

    bench.run(case, fifo=True)


def test_a_letter_that_is_rejected_again_tells_only_of_the_last_time(bench: QueueBench) -> None:
    async def case(it: Subject) -> None:
        await it.dead_letters.post([rejected(1)])
        [first] = await it.queue.receive(limit=10, wait=0, visibility=30)
        await it.dead_letters.post([Letter(first, "NotAllowed", "NotAllowed: no")])
        [second] = await it.queue.receive(limit=10, wait=0, visibility=30)
        assert (second.attributes[ERROR], second.attributes[MESSAGE_ID]) == ("NotAllowed", first.message_id)

    bench.run(case)
