import re
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudtrail_processing.errors import Refuse, SettingsError
from cloudtrail_processing.filters.logs import SourceFilter, source_filter
from cloudtrail_processing.flow import LogKind, LogObject, QueueMessage
from cloudtrail_processing.keys import log_object

ACCOUNT = "123456789012"
NAME = f"{ACCOUNT}_CloudTrail_us-east-2_20140527T1325Z_abcdefgh12345678.json.gz"
LOG = log_object("bucket", f"p/AWSLogs/o-1234567890/{ACCOUNT}/CloudTrail/us-east-2/2014/05/27/{NAME}")
FILE = log_object("", "/tmp/renamed.json")
MESSAGE = QueueMessage("id", "body", "receipt", receive_count=4, attributes={"team": "red", "SenderId": "AIDA"})
SLOT = datetime(2014, 5, 27, 13, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("conditions", "accepted"),
    [
        ({}, True),
        ({"account": ACCOUNT}, True),
        ({"account": ["999999999999", "1234*"]}, True),
        ({"account": "999999999999"}, False),
        ({"region": "us-*"}, True),
        ({"region": ["eu-west-1"]}, False),
        ({"organization": "o-1234567890"}, True),
        ({"organization": "o-0000000000"}, False),
        ({"kind": LogKind.EVENTS}, True),
        ({"kind": "CloudTrail"}, True),
        ({"kind": ["CloudTrail-Insight", LogKind.NETWORK_ACTIVITY]}, False),
        ({"kind": "CloudTrail*"}, True),
        ({"bucket": "buck?t"}, True),
        ({"bucket": "other"}, False),
        ({"key": "p/AWSLogs/*"}, True),
        ({"key": "AWSLogs/*"}, False),
        ({"key": re.compile(r"/2014/0[5-6]/")}, True),
        ({"key": re.compile(r"^AWSLogs")}, False),
        ({"slot_from": SLOT}, True),
        ({"slot_from": datetime(2014, 5, 27, 13, 26, tzinfo=UTC)}, False),
        ({"slot_until": SLOT}, False),
        ({"slot_until": datetime(2014, 5, 27, 13, 26, tzinfo=UTC)}, True),
        ({"attributes": {"team": "r*"}}, True),
        ({"attributes": {"team": "red", "SenderId": ["AIDA", "AROA"]}}, True),
        ({"attributes": {"team": "blue"}}, False),
        ({"attributes": {"absent": "*"}}, False),
        ({"max_receive_count": 4}, True),
        ({"account": ACCOUNT, "region": "eu-west-1"}, False),
    ],
)
def test_every_condition_decides_and_its_opposite_decides_the_opposite(conditions: Any, accepted: bool) -> None:
    wanted = SourceFilter(**conditions)
    assert wanted.accepts(LOG, MESSAGE) is accepted
    assert (~wanted).accepts(LOG, MESSAGE) is not accepted


@pytest.mark.parametrize(
    "conditions",
    [
        {"account": ACCOUNT},
        {"region": "us-east-2"},
        {"organization": "o-1234567890"},
        {"slot_from": SLOT},
        {"slot_until": SLOT},
        {"attributes": {"team": "red"}},
        {"max_receive_count": 1},
    ],
)
def test_what_neither_key_nor_message_tell_never_skips_a_log(conditions: Any) -> None:
    """Skipping settles a log for good, so that ignorance must not skip it, turned around or not."""
    wanted = SourceFilter(**conditions)
    assert wanted.accepts(FILE, None)
    assert (~wanted).accepts(FILE, None)
    assert (wanted & SourceFilter(key="*.json")).accepts(FILE, None)
    assert not (wanted & SourceFilter(key="*.csv")).accepts(FILE, None)


def test_a_log_outside_of_an_organization_is_known_to_be_so_by_its_folders() -> None:
    log = log_object("b", f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-2/2014/05/27/{NAME}")
    assert not SourceFilter(organization="*").accepts(log, MESSAGE)
    assert (~SourceFilter(organization="*")).accepts(log, MESSAGE)


def test_filters_combine_and_take_callables_on_the_right() -> None:
    asked: list[tuple[LogObject, QueueMessage | None]] = []

    def mine(log: LogObject, message: QueueMessage | None) -> bool:
        asked.append((log, message))
        return log.bucket == "bucket"

    other = SourceFilter(bucket="other")
    assert not (other & mine).accepts(LOG, MESSAGE)
    assert (other | mine).accepts(LOG, MESSAGE)
    assert (~other & mine).accepts(LOG, None)
    assert asked == [(LOG, MESSAGE), (LOG, MESSAGE), (LOG, None)]


def test_a_subclass_may_decide_for_itself_and_still_combines() -> None:
    class Odd(SourceFilter):
        def decide(self, log: LogObject, message: QueueMessage | None) -> bool | None:
            return message is not None and message.receive_count % 2 == 1

    assert not source_filter(Odd()).accepts(LOG, MESSAGE)
    assert (~Odd()).accepts(LOG, MESSAGE)


def test_no_filter_accepts_everything_and_what_a_callable_returns_counts_as_true_or_false() -> None:
    assert source_filter(None).accepts(FILE, None)
    assert source_filter(lambda log, _: log.account).accepts(LOG, None)
    assert not source_filter(lambda log, _: log.account).accepts(FILE, None)


def test_an_error_of_a_callable_goes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        source_filter(lambda *_: 1 / 0).accepts(LOG, None)


@pytest.mark.parametrize(
    "conditions",
    [
        {"account": []},
        {"account": ""},
        {"region": 5},
        {"kind": "cloudtrail"},
        {"kind": "Insight"},
        {"slot_from": datetime(2014, 5, 27)},  # noqa: DTZ001
        {"slot_until": "2014"},
        {"attributes": {"team": []}},
    ],
)
def test_a_condition_that_could_never_hold_is_refused(conditions: Any) -> None:
    with pytest.raises(SettingsError, match=next(iter(conditions)).removesuffix("s")):
        SourceFilter(**conditions)


def test_a_message_received_too_often_is_refused_not_skipped_because_skipping_would_delete_it() -> None:
    with pytest.raises(Refuse, match="received 4 times, more than the 3"):
        SourceFilter(max_receive_count=3).accepts(LOG, MESSAGE)


@pytest.mark.parametrize("conditions", [{"bucket": "trail"}, {"key": "AWSLogs/*"}, {"kind": "CloudTrail-Insight"}])
def test_events_sent_inside_a_message_are_never_skipped_for_a_bucket_or_key_they_do_not_have(conditions: Any) -> None:
    inline = LogObject(bucket="", key="message/1", kind=LogKind.EVENTS)
    assert SourceFilter(**conditions).accepts(inline, MESSAGE)


def test_the_bucket_of_a_file_on_disk_is_not_told_but_its_name_is() -> None:
    assert SourceFilter(bucket="trail").accepts(LogObject("", "/logs/a.json"), None)
    assert not SourceFilter(key="*.gz").accepts(LogObject("", "/logs/a.json"), None)
