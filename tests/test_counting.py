"""How many records a log may have, and what counting them costs: little memory, whatever the log is."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.errors import CorruptLog, LogTooLarge
from cloudtrail_processing.logfile import Limits, split

FEW = Limits(records=3)
_CHILD = """
import resource, sys
from cloudtrail_processing.errors import LogTooLarge
from cloudtrail_processing.logfile import Limits, split
head, element, tail = (bytes.fromhex(text) for text in sys.argv[1:])
data = head + element * (16 * 2**20 // len(element)) + tail
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(len(split(data, limits=Limits(records=100_000))))
except LogTooLarge as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def text_of(*elements: object) -> bytes:
    return json.dumps({"Records": elements}, separators=(",", ":")).encode()


def test_as_many_records_as_the_limit_are_read_and_one_more_is_not() -> None:
    assert len(split(text_of({}, {}, {}), limits=FEW)) == 3
    with pytest.raises(LogTooLarge, match="more than 3 records, the limit on a log"):
        split(text_of({}, {}, {}, {}), limits=FEW)


@pytest.mark.parametrize(
    "data",
    [
        b"[1,1,1,1]",
        b'["","","",""]',
        b"[[],[],[],[]]",
        b"[,,,]",
        b"[{},{},{},tru]",
        b"[{},{},{},{}x]",
        b' { "Records" : [ {} , {} , {} , {} ] } ',
        b'{"x":[1,2,3],"Records":[{},{},{},{}]}',
        b'{"Records":[{},{},{},{}],"x":1}',
        b'\xef\xbb\xbf{"Records":[{},{},{},1]}',
    ],
    ids=repr,
)
def test_too_many_records_are_refused_in_every_layout_damaged_or_not(data: bytes) -> None:
    with pytest.raises(LogTooLarge):
        split(data, limits=FEW)


@pytest.mark.parametrize(
    "data",
    [
        text_of({"a": [1, 2, 3, 4, 5, 6, 7]}, {"b": {"c": 1, "d": 2, "e": 3, "f": 4}}, {}),
        text_of([[1, 2, 3, 4, 5]], "a,b,c,d,e", '\\",\\",\\",\\",'),
        b'{"x":[{},{},{},{},{}],"Records":[{}]}',
        b'{"Records":[{}],"x":[{},{},{},{},{}]}',
        b'[{"a":tru,"b":1,"c":2,"d":3},{"e":1,"f":2}]',
    ],
    ids=repr,
)
def test_commas_inside_of_records_and_elsewhere_count_for_nothing(data: bytes) -> None:
    assert 1 <= len(split(data, limits=FEW)) <= 3


@given(st.lists(st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=6)), st.integers(1, 8))
def test_the_limit_is_on_the_number_of_records_and_on_nothing_else(records: list[object], limit: int) -> None:
    data = text_of(*records)
    if len(records) <= limit:
        assert len(split(data, limits=Limits(records=limit))) == len(records)
    else:
        with pytest.raises(LogTooLarge):
            split(data, limits=Limits(records=limit))


@pytest.mark.parametrize("data", [b"[{},{},{}", b"[{},{},{}],,", b'{"x":[1,2,3,4,5]}', b"{,,,,,,}", b",,,,,,,"])
def test_what_is_no_log_is_corrupt_and_not_too_large(data: bytes) -> None:
    with pytest.raises(CorruptLog) as caught:
        split(data, limits=FEW)
    assert not isinstance(caught.value, LogTooLarge)


@pytest.mark.parametrize(
    ("head", "element", "tail"),
    [
        (b"[", b"1,", b"1]"),
        (b"[", b"{},", b"{}]"),
        (b"[", b"[],", b"[]]"),
        (b'{"Records":[', b'"",', b"1]}"),
        (b'{"Records":[', b" {} ,", b"{}]}"),
        (b'{"Records":[{}', b",", b"]}"),
        (b'{"Records":[1', b',{"a":x}', b"]}"),
        (b"[", b"[", b"]"),
        (b'{"Records":[]', b',"":1', b"}"),
        (b'{"x":1', b',"x":1', b"}"),
        (b'{"Records":[]', b',"Records":[]', b"}"),
    ],
    ids=["numbers", "objects", "arrays", "texts", "spaced", "nothing", "damaged", "deep", "names", "none", "twice"],
)
def test_a_log_of_16_mib_that_is_all_records_or_names_takes_less_than_150_mib_to_refuse(
    head: bytes, element: bytes, tail: bytes
) -> None:
    """Unlimited, its list of records alone would take some 600 MiB. In a process of its own, to see its peak."""
    command = [sys.executable, "-c", _CHILD, head.hex(), element.hex(), tail.hex()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert "CorruptLog" in done.stderr or "more than 100000 records" in done.stdout
    if not done.returncode:
        assert int(done.stdout.split()[-1]) < 150
