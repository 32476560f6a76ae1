import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.filters.text import SpelledCondition, spelled_conditions


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("a=b", [("a", False, ("b",))]),
        ("a=b,c!=d", [("a", False, ("b",)), ("c", True, ("d",))]),
        ("a=b|c|d*,e=f", [("a", False, ("b", "c", "d*")), ("e", False, ("f",))]),
        ("  a = b c | d , e != f ", [("a", False, ("b c", "d")), ("e", True, ("f",))]),
        ('a="b,c|d"|e', [("a", False, ("b,c|d", "e"))]),
        (r'a="say \"hi\" \\"', [("a", False, (r'say "hi" \ '.rstrip(),))]),
        ("a='b,\"c\"'", [("a", False, ('b,"c"',))]),
        ("a=Bob's=1", [("a", False, ("Bob's=1",))]),
        ("a=!b", [("a", False, ("!b",))]),
    ],
)
def test_conditions_are_split_at_commas_alternatives_at_bars_and_quotes_hold_both(
    text: str, conditions: list[tuple[str, bool, tuple[str, ...]]]
) -> None:
    assert list(spelled_conditions(text)) == [SpelledCondition(*condition) for condition in conditions]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "at its end"),
        ("a", "at 'a'"),
        ("a=", "at its end"),
        ("a=b,", "at its end"),
        ("a=b,,c=d", "at ',c=d'"),
        ("a=|b", "at '|b'"),
        ("a=b|", "at its end"),
        ("=b", "at '=b'"),
        ("a=b c,d", "at 'd'"),
        ('a="b', "at '\"b'"),
        ('a="b"c', "at '\"b\"c'"),
        ("a<b", "at 'a<b'"),
        ("é=b", "at 'é=b'"),
    ],
)
def test_a_text_that_cannot_be_understood_is_refused_with_the_place(text: str, place: str) -> None:
    with pytest.raises(SettingsError, match="cannot be understood") as caught:
        list(spelled_conditions(text))
    assert place in str(caught.value)


@given(
    st.lists(st.tuples(st.from_regex(r"[a-z_]{1,5}", fullmatch=True), st.booleans(), st.lists(st.text(), min_size=1)))
)
def test_whatever_is_quoted_comes_back_as_it_was(conditions: list[tuple[str, bool, list[str]]]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = ",".join(
        f"{field}{'!=' if negated else '='}{'|'.join(map(quoted, values))}" for field, negated, values in conditions
    )
    if conditions:
        assert list(spelled_conditions(text)) == [
            SpelledCondition(field, negated, tuple(values)) for field, negated, values in conditions
        ]


@given(st.text() | st.text("a=!|,\"' \\"))
def test_any_text_gives_conditions_or_a_settings_error_and_nothing_else(text: str) -> None:
    try:
        assert list(spelled_conditions(text))
    except SettingsError:
        assert True
