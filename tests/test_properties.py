"""The Java library's properties file, read as Java reads it, without the defects of its reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.properties import SAME, WITHOUT_EFFECT, java_settings, pairs
from cloudtrail_processing.settings import Settings

SAMPLE = """\
# AWS access keys
accessKey = your_access_key
secretKey = your_secret_key

! SQS
sqsUrl = https://sqs.us-east-1.amazonaws.com/123456789012/trail
sqsRegion = us-east-1
visibilityTimeout = 60
s3Region = us-east-1
threadCount = 1
numOfParallelReaders = 1
threadTerminationDelaySeconds = 60
maxEventsPerEmit = 10
enableRawEventInfo = false
deleteMessageUponFailure = false
"""


def test_all_keys_of_the_java_library_are_known() -> None:
    assert {*SAME, *WITHOUT_EFFECT} == {
        "accessKey",
        "secretKey",
        "sqsUrl",
        "sqsRegion",
        "s3Region",
        "visibilityTimeout",
        "threadCount",
        "numOfParallelReaders",
        "threadTerminationDelaySeconds",
        "maxEventsPerEmit",
        "enableRawEventInfo",
        "deleteMessageUponFailure",
    }
    assert set(SAME.values()) <= set(Settings.model_fields)


def test_the_sample_file_of_the_java_library_is_read_as_it_is() -> None:
    values, remarks = java_settings(SAMPLE)
    assert values == {
        "queue_url": "https://sqs.us-east-1.amazonaws.com/123456789012/trail",
        "region": "us-east-1",
        "visibility_timeout": "60",
        "threads": "1",
        "pollers": "1",
        "grace_time": "60",
        "batch_size": "10",
    }
    assert [remark.split()[0] for remark in remarks] == [
        "accessKey",
        "secretKey",
        "s3Region",
        "enableRawEventInfo",
        "deleteMessageUponFailure",
    ]


def test_warnings_say_what_to_do_and_never_show_a_value() -> None:
    _, remarks = java_settings(
        "secretKey=canary\naccessKey=canary\nunheardOf=canary\nnumOfParallelReaders=9\nthreadCount=2"
    )
    assert len(remarks) == 4
    assert "canary" not in " ".join(remarks)
    assert "credentials come through boto3's own chain" in remarks[0]


def test_missing_keys_keep_our_defaults() -> None:
    assert java_settings("") == ({}, [])


def test_an_unknown_key_has_no_effect_and_says_so_with_the_nearest_known_one() -> None:
    values, (remark,) = java_settings("sqsURL=https://x/1/q")
    assert values == {}
    assert "sqsURL" in remark
    assert "sqsUrl" in remark


def test_more_readers_than_threads_are_lowered_with_a_warning() -> None:
    values, (remark,) = java_settings("threadCount=4\nnumOfParallelReaders=15")
    assert values == {"threads": "4", "pollers": "4"}
    assert "numOfParallelReaders" in remark


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key=value", [("key", "value")]),
        ("key:value", [("key", "value")]),
        ("key value", [("key", "value")]),
        ("  key \t=\f value", [("key", "value")]),
        ("key = = value", [("key", "= value")]),
        ("key", [("key", "")]),
        ("key=", [("key", "")]),
        ("threadCount=1  \t", [("threadCount", "1")]),
        ("# comment\n! comment\n  # comment\n\n \t\nkey=1", [("key", "1")]),
        ("key=#no comment", [("key", "#no comment")]),
        ("key=a,\\\n    b,\\\n  c", [("key", "a,b,c")]),
        ("key=a\\\\\nother=b", [("key", "a\\"), ("other", "b")]),
        ("key=a\\\n\nother=b", [("key", "a"), ("other", "b")]),
        ("key=a\\\n#b", [("key", "a#b")]),
        ("key=a\\", [("key", "a")]),
        ("# comment \\\nkey=1", [("key", "1")]),
        ("key=1\r\nother=2\rthird=3", [("key", "1"), ("other", "2"), ("third", "3")]),
        (r"a\=b=c", [("a=b", "c")]),
        (r"a\ b=c", [("a b", "c")]),
        (r"a\\=c", [("a\\", "c")]),
        (r"a\\\=b=c", [("a\\=b", "c")]),
        (r"key=\u0041\t\n\q\\", [("key", "A\t\nq\\")]),
        (r"\u006bey=1", [("key", "1")]),
        ("key=1\nkey=2", [("key", "1"), ("key", "2")]),
        ("key=a\x85b\u2028c\x0bd\x1ce", [("key", "a\x85b\u2028c\x0bd\x1ce")]),
        ("key\xa0=1", [("key\xa0", "1")]),
        ("=value", [("", "value")]),
    ],
)
def test_lines_are_read_as_java_reads_them(text: str, expected: list[tuple[str, str]]) -> None:
    assert list(pairs(text)) == expected


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=4))
def test_what_java_would_write_is_read_back(values: dict[str, str]) -> None:
    """Blanks at the end of a value are the exception: they are dropped."""
    text = "".join(f"{escaped(key)}={escaped(value)}\n" for key, value in values.items())
    assert dict(pairs(text)) == {key: value.rstrip(" \t\f") for key, value in values.items()}


def escaped(text: str) -> str:
    """Every character as Java's ``Properties.store`` may write it."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
