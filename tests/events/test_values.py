from datetime import UTC, datetime
from typing import Any

import pytest

from cloudtrail_processing.events import HIDDEN, EventVersion, is_omitted, parse_time
from cloudtrail_processing.events.values import as_bool, as_text, reach


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.0", (1, 0)),
        ("1.08", (1, 8)),
        ("1.8", (1, 8)),
        ("1.09", (1, 9)),
        ("1.10", (1, 10)),
        ("2.00", (2, 0)),
        ("1", (0, 0)),
        ("1.12.1", (0, 0)),
        ("1.x", (0, 0)),
        ("-1.0", (0, 0)),
        (" 1.0", (0, 0)),
        ("1.\u0661", (0, 0)),
        ("1." + "9" * 5000, (0, 0)),
        ("", (0, 0)),
        (1.1, (0, 0)),
        (None, (0, 0)),
    ],
)
def test_a_version_is_two_integers_and_never_raises(text: object, version: tuple[int, int]) -> None:
    assert EventVersion.parse(text) == version


def test_versions_are_ordered_by_number_not_by_text() -> None:
    texts = ["1.10", "1.0", "1.9", "1.11", "1.08", "2.0", "1.05"]
    assert sorted(texts, key=EventVersion.parse) == ["1.0", "1.05", "1.08", "1.9", "1.10", "1.11", "2.0"]


NOON = datetime(2023, 7, 10, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-07-10T12:00:00Z", NOON),
        ("20230710T120000Z", NOON),
        ("20230710T120000", NOON),
        ("2023-07-10 12:00:00", NOON),
        ("2023-07-10T14:00:00+02:00", NOON),
        ("2023-07-10T12:00:00.000000000Z", NOON),
        ("2023-07-10 12:00:00.000000000", NOON),
        ("2023-07-10T12:00:00.5Z", NOON.replace(microsecond=500_000)),
        ("2023-07-10T12:00:00.123456789Z", NOON.replace(microsecond=123_456)),
    ],
)
def test_every_spelling_of_a_time_is_understood_as_utc(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment
    assert parse_time(text).tzinfo is UTC  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text", [None, 7, "", "soon", "2023-07-10", "2023-13-10T12:00:00Z", "0001-01-01T00:00:00+14:00", HIDDEN, [], {}]
)
def test_what_spells_no_moment_is_none(text: object) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("False", False),
        ("yes", None),
        (1, None),
        (None, None),
        ({}, None),
    ],
)
def test_booleans_are_understood_as_text_too(value: object, meaning: bool | None) -> None:
    assert as_bool(value) is meaning


@pytest.mark.parametrize(
    ("value", "omitted"),
    [
        ({"reason": "requestParameters too large", "omitted": "true", "originalSize": "149893"}, True),
        ({"omitted": True}, True),
        ({"omitted": "false"}, False),
        ({"omitted": ["true"]}, False),
        ({"bucketName": "logs"}, False),
        ("omitted", False),
        (None, False),
    ],
)
def test_omitted_content_is_recognised(value: Any, omitted: bool) -> None:
    assert is_omitted(value) is omitted


def test_helpers_for_odd_values_never_raise() -> None:
    assert as_text("") is None
    assert as_text(7) is None
    assert reach("text", "session_context", "session_issuer") is None
    assert reach(NOON, "tzinfo") is UTC
