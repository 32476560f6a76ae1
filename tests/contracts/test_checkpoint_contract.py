"""What every ``ports.Checkpoint`` does: in memory, in SQLite, in DynamoDB of the embedded AWS."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from contracts.ledgers import CLAIM_TIME, Ledger, shared

from cloudtrail_processing.errors import Claimed, ClaimLost
from cloudtrail_processing.ports import Checkpoint, Claim

__all__ = ["shared"]

LOG = "s3://trail/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/24/log.json.gz?v1"
ODD_NAMES = [
    pytest.param("s3://trail/é日 +%23#?|", id="unicode"),
    pytest.param("s3://trail/k?version\nwith\x00controls", id="controls"),
    pytest.param("s3://trail/k?\ud800", id="half-a-character"),
    pytest.param("s3://trail/" + "日" * 3_000, id="long"),
]


def claim(worker: Checkpoint, log: str = LOG, processor: str = "Alarms") -> Claim:
    return worker.claim(log, processor=processor)


def test_a_log_that_nobody_knows_begins_at_its_first_record(shared: Ledger) -> None:
    taken = claim(shared.worker())
    assert (taken.log, taken.processor, taken.next_index, taken.finished) == (LOG, "Alarms", 0, False)
    assert len(taken.token) == 32


def test_a_log_in_work_is_claimed_for_as_long_as_its_claim_lasts(shared: Ledger) -> None:
    mine, other = shared.worker(), shared.worker()
    claim(mine)
    shared.time.at += 100
    for worker in (mine, other):
        with pytest.raises(Claimed, match=r"Alarms.* ends in 200 s") as caught:
            claim(worker)
        assert caught.value.after == pytest.approx(CLAIM_TIME - 100)


def test_processors_and_logs_are_claimed_apart(shared: Ledger) -> None:
    worker = shared.worker()
    worker.advance(claim(worker), 7)
    assert claim(worker, processor="Other").next_index == 0
    assert claim(worker, log=LOG + "2").next_index == 0


def test_a_log_that_was_released_resumes_where_it_stands_at_once(shared: Ledger) -> None:
    first = shared.worker()
    mine = claim(first)
    first.advance(mine, 200)
    first.release(mine)
    resumed = claim(shared.worker())
    assert (resumed.next_index, resumed.finished) == (200, False)
    assert resumed.token != mine.token


def test_a_position_never_goes_back_and_may_be_told_again(shared: Ledger) -> None:
    worker = shared.worker()
    mine = claim(worker)
    for position in (100, 200, 200, 100):
        worker.advance(mine, position)
    worker.release(mine)
    assert claim(worker).next_index == 200


@pytest.mark.parametrize("position", [50, 10])
def test_advancing_renews_the_claim_also_when_the_position_is_an_old_one(shared: Ledger, position: int) -> None:
    worker = shared.worker()
    mine = claim(worker)
    worker.advance(mine, 50)
    shared.time.at += CLAIM_TIME - 1
    worker.advance(mine, position)
    shared.time.at += CLAIM_TIME - 1
    with pytest.raises(Claimed):
        claim(worker)
    shared.time.at += 2
    assert claim(worker).next_index == 50


def test_a_dead_workers_log_is_taken_over_where_it_stands(shared: Ledger) -> None:
    dead = shared.worker()
    dead.advance(claim(dead), 300)
    shared.time.at += CLAIM_TIME
    assert claim(shared.worker()).next_index == 300


def lose_it(shared: Ledger) -> tuple[Checkpoint, Claim, Checkpoint, Claim]:
    slow, quick = shared.worker(), shared.worker()
    mine = claim(slow)
    shared.time.at += CLAIM_TIME + 1
    return slow, mine, quick, claim(quick)


def test_who_was_overtaken_can_neither_advance_nor_finish(shared: Ledger) -> None:
    slow, mine, quick, theirs = lose_it(shared)
    quick.advance(theirs, 20)
    with pytest.raises(ClaimLost, match="not valid any more"):
        slow.advance(mine, 10)
    with pytest.raises(ClaimLost):
        slow.finish(mine)
    quick.release(theirs)
    resumed = claim(quick)
    assert (resumed.next_index, resumed.finished) == (20, False)


def test_who_was_overtaken_may_release_without_any_effect(shared: Ledger) -> None:
    slow, mine, quick, theirs = lose_it(shared)
    slow.release(mine)
    with pytest.raises(Claimed):
        claim(slow)
    quick.advance(theirs, 20)


def test_a_claim_that_ran_out_and_that_nobody_took_still_works(shared: Ledger) -> None:
    worker = shared.worker()
    mine = claim(worker)
    shared.time.at += 10 * CLAIM_TIME
    worker.advance(mine, 5)
    with pytest.raises(Claimed):
        claim(worker)
    shared.time.at += 10 * CLAIM_TIME
    worker.finish(mine)
    assert claim(worker).finished


def test_a_finished_log_is_finished_for_ever_and_claiming_it_holds_nothing(shared: Ledger) -> None:
    worker = shared.worker()
    mine = claim(worker)
    worker.finish(mine)
    again = [claim(shared.worker()), claim(worker)]
    assert [each.finished for each in again] == [True, True]
    for harmless in (worker.finish, worker.release):
        harmless(mine)
    worker.advance(mine, 5)
    worker.release(again[0])
    with pytest.raises(ClaimLost):
        worker.advance(again[1], 1)
    shared.time.at += 10 * CLAIM_TIME
    assert claim(worker).finished


def test_what_was_released_is_ours_no_more(shared: Ledger) -> None:
    worker = shared.worker()
    mine = claim(worker)
    worker.release(mine)
    worker.release(mine)
    with pytest.raises(ClaimLost):
        worker.advance(mine, 1)
    with pytest.raises(ClaimLost):
        worker.finish(mine)


def test_a_claim_that_is_not_known_is_lost(shared: Ledger) -> None:
    worker = shared.worker()
    unknown = Claim("s3://trail/unknown", "Alarms", "0" * 32)
    with pytest.raises(ClaimLost):
        worker.advance(unknown, 1)
    with pytest.raises(ClaimLost):
        worker.finish(unknown)
    worker.release(unknown)
    assert claim(worker, log=unknown.log).next_index == 0


@pytest.mark.parametrize("jump", [400 * 86_400, 3 * CLAIM_TIME])
def test_a_claim_written_by_a_clock_that_was_set_back_holds_nobody_up(shared: Ledger, jump: float) -> None:
    worker = shared.worker()
    shared.time.at += jump
    mine = claim(worker)
    shared.time.at -= jump
    taken = claim(worker)
    assert taken.next_index == 0
    with pytest.raises(ClaimLost):
        worker.advance(mine, 10)


def test_a_clock_that_is_a_little_behind_still_respects_a_claim(shared: Ledger) -> None:
    worker = shared.worker()
    claim(worker)
    shared.time.at -= 5
    with pytest.raises(Claimed):
        claim(worker)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_of_a_log_or_a_processor_will_do(shared: Ledger, name: str) -> None:
    worker = shared.worker()
    mine = worker.claim(name, processor=name)
    worker.advance(mine, 3)
    worker.release(mine)
    assert worker.claim(name, processor=name).next_index == 3
    assert worker.claim(name + "x", processor=name).next_index == 0
    with pytest.raises(Claimed) as caught:
        worker.claim(name, processor=name)
    assert str(caught.value).isprintable()


def test_no_two_pairs_of_names_are_taken_for_one(shared: Ledger) -> None:
    worker = shared.worker()
    pairs = [("a", "b|c"), ("b|a", "c"), ("c|a", "b"), ("|a", "b%7Cc"), ("a", "b%7Cc"), ("", "b")]
    claims = [worker.claim(log, processor=processor) for log, processor in pairs]
    for position, mine in enumerate(claims, start=1):
        worker.advance(mine, position)
        worker.release(mine)
    assert [worker.claim(log, processor=processor).next_index for log, processor in pairs] == [1, 2, 3, 4, 5, 6]


def test_of_many_who_claim_at_once_exactly_one_gets_the_log(shared: Ledger) -> None:
    workers = [shared.worker() for _ in range(3)]

    def attempt(number: int) -> Claim | None:
        try:
            return claim(workers[number % 3])
        except Claimed:
            return None

    with ThreadPoolExecutor(12) as pool:
        won = [it for it in pool.map(attempt, range(12)) if it]
    assert len(won) == 1
    workers[0].finish(won[0])


def test_many_threads_may_use_one_checkpoint(shared: Ledger) -> None:
    worker = shared.worker()

    def work(number: int) -> None:
        mine = claim(worker, log=f"s3://trail/{number}")
        for position in (1, 2, 3):
            worker.advance(mine, position)
        worker.finish(mine)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    assert all(claim(worker, log=f"s3://trail/{number}").finished for number in range(16))


def test_closing_may_be_repeated_and_loses_nothing(shared: Ledger) -> None:
    worker = shared.worker()
    worker.advance(claim(worker), 4)
    worker.close()
    worker.close()
    shared.time.at += CLAIM_TIME
    assert claim(shared.worker()).next_index == 4
