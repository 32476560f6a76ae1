"""Texts that claims leave behind: names as they are stored, and messages for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.checkpoint.places import LONGEST_NAME, held, lost, name, shown
from cloudtrail_processing.ports import Claim

TEXTS = st.text(st.characters(), max_size=50) | st.integers(0, 3_000).map(lambda size: "é" * size)


@given(TEXTS, TEXTS)
def test_a_stored_name_is_short_valid_unicode_and_that_of_one_text_alone(text: str, other: str) -> None:
    assert len(name(text).encode()) <= LONGEST_NAME
    assert (name(text) == name(other)) is (text == other)


@pytest.mark.parametrize(
    ("text", "kept"), [("x" * 1024, True), ("x" * 1025, False), ("é" * 513, False), ("a\nb", False)]
)
def test_a_name_is_kept_readable_as_long_as_it_fits(text: str, *, kept: bool) -> None:
    assert (name(text) == text) is kept
    assert kept or name(text).startswith("sha256:")


def test_no_message_breaks_its_line_or_runs_on_for_ever() -> None:
    text = "s3://b/k?version\nforged line" + "x" * 5_000
    for message in (
        shown(text),
        str(held(text, processor=text, after=3)),
        str(lost(Claim(text, text, "token-of-claim"))),
    ):
        assert message.isprintable()
        assert len(message) < 900
        assert "token-of-claim" not in message
