"""Buckets take turns in being asked, and those that work are forgotten last."""

from cloudtrail_processing.buckets import IN_A_ROW, MOST_BUCKETS, Buckets
from cloudtrail_processing.errors import ConfigurationError
from cloudtrail_processing.flow import LogObject


def _log(bucket: str, key: str = "k") -> LogObject:
    return LogObject(bucket, key)


def test_the_last_log_of_a_bucket_stands_for_it() -> None:
    buckets = Buckets()
    buckets.known(_log("a", "first"), now=1)
    assert buckets.known(_log("a", "last"), now=2).log.key == "last"
    assert [bucket.at for bucket in buckets] == [2]


def test_a_bucket_is_blocked_by_failures_in_a_row_until_it_succeeds() -> None:
    buckets, error = Buckets(), ConfigurationError("denied")
    bucket = buckets.known(_log("a"), now=1)
    bucket.error, bucket.failures = error, IN_A_ROW - 1
    assert buckets.blocked() == {}
    bucket.failures += 1
    assert buckets.blocked() == {"a": error}
    bucket.succeeded()
    assert not buckets.blocked()
    assert bucket.works


def test_those_that_work_and_those_that_fail_are_asked_in_turns_beginning_with_the_last() -> None:
    buckets = Buckets()
    for now, name in enumerate("abc"):
        buckets.known(_log(name), now=now)
    buckets.known(_log("good"), now=9).succeeded()
    asked = []
    for now in range(10, 14):
        log = buckets.to_ask(working=False)
        assert log is not None
        asked.append(log.bucket)
        buckets.known(log, now=now).asked = now
    assert asked == ["c", "b", "a", "c"]
    assert buckets.to_ask(working=True) == _log("good")
    assert Buckets().to_ask(working=True) is None


def test_of_too_many_the_oldest_that_fails_is_forgotten_and_never_the_new_one() -> None:
    buckets = Buckets()
    buckets.known(_log("good"), now=0).succeeded()
    for number in range(MOST_BUCKETS):
        buckets.known(_log(f"bad{number}"), now=1 + number)
    assert len(list(buckets)) == MOST_BUCKETS
    assert buckets.get("bad0") is None
    assert buckets.get("good") is not None
    assert buckets.get(f"bad{MOST_BUCKETS - 1}") is not None
