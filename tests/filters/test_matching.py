import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.filters.matching import (
    AddressTest,
    TextTest,
    both,
    either,
    known,
    moment,
    opposite,
    plain_callable,
)

THREE = [True, False, None]
_meant = st.sampled_from(THREE)


@pytest.mark.parametrize("first", THREE)
@pytest.mark.parametrize("second", THREE)
def test_an_answer_is_given_only_when_no_later_knowledge_could_change_it(
    first: bool | None, second: bool | None
) -> None:
    firsts = [True, False] if first is None else [first]
    seconds = [True, False] if second is None else [second]
    for operation, python in ((both, all), (either, any)):
        possible = {python((one, other)) for one in firsts for other in seconds}
        assert operation(first, second) == (possible.pop() if len(possible) == 1 else None)
    assert opposite(both(first, second)) == either(opposite(first), opposite(second))
    assert [opposite(value) for value in THREE] == [False, True, None]


@pytest.mark.parametrize(
    ("wanted", "yes", "no"),
    [
        ("DeleteUser", ["DeleteUser"], ["deleteuser", "DeleteUsers", "", None]),
        (["A", "B"], ["A", "B"], ["C", "AB"]),
        ({"A", "B*"}, ["A", "B", "Bx"], ["Ax"]),
        ("Delete*", ["Delete", "DeleteUser"], ["UnDelete", None]),
        ("*", ["x", "x\ny"], ["", None]),
        ("?", ["x", "\n"], ["", "xx"]),
        ("*a*b", ["ab", "aab", "xaxbxb", "ba b"], ["ba", "abc"]),
        ("a*b*c*d", ["abcd", "a-b-b-c-c-d-d"], ["acbd", "abdc"]),
        ("a.c[x]", ["a.c[x]"], ["abc[x]", "a.cx"]),
        ("a.?[x]*", ["a.b[x]", "a.b[x]y"], ["aab[x]", "a.bx"]),
        (["Get*", "List*"], ["GetUser", "ListUsers"], ["xGet", "PutListX"]),
    ],
)
def test_texts_are_exact_or_alternatives_or_globs(wanted: Any, yes: list[str], no: list[str | None]) -> None:
    test = TextTest("field", wanted)
    assert [value for value in yes if not test(value)] == []
    assert [value for value in no if test(value)] == []


def test_a_test_without_globs_can_list_all_that_it_accepts() -> None:
    assert TextTest("field", ["A", "B"]).finite == frozenset({"A", "B"})
    assert TextTest("field", ["A", "B*"]).finite is None


@given(st.text("ab*?.", min_size=1, max_size=8), st.text("ab.\n", max_size=8))
def test_a_glob_means_what_the_plain_regular_expression_means(glob: str, value: str) -> None:
    pattern = re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".")
    assert TextTest("field", glob)(value) == (bool(value) and re.fullmatch(pattern, value, re.DOTALL) is not None)


def test_a_glob_of_many_stars_does_not_take_for_ever() -> None:
    """A plain translation to a regular expression would backtrack through some 10**30 ways."""
    assert not TextTest("user_agent", "*a" * 20 + "b")("a" * 1000)


@pytest.mark.parametrize("wanted", ["", [], (), ["a", ""], ["a", None], 5, None, {1}])
def test_a_test_that_could_match_nothing_is_refused_with_the_name_of_its_field(wanted: Any) -> None:
    for test in (TextTest, AddressTest):
        with pytest.raises(SettingsError, match="event_name"):
            test("event_name", wanted)


@pytest.mark.parametrize(
    ("wanted", "yes", "no"),
    [
        ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], ["11.0.0.0", "AWS Internal", "", None]),
        ("10.1.2.3/8", ["10.9.9.9"], ["11.0.0.0"]),
        ("10.1.2.3", ["10.1.2.3", "::ffff:10.1.2.3"], ["10.1.2.30", "10.1.2.4"]),
        ("2001:db8::/32", ["2001:db8::1", "2001:0DB8:0:0::1"], ["2001:db9::", "10.0.0.1"]),
        ("2001:DB8:0::1", ["2001:db8::1", "2001:DB8:0::1"], ["2001:db8::2"]),
        ("10.0.*", ["10.0.1.1"], ["10.1.0.1"]),
        ("*.amazonaws.com", ["cloudtrail.amazonaws.com"], ["amazonaws.com.example", "10.0.0.1"]),
        ("AWS Internal/1", ["AWS Internal/1"], ["AWS Internal"]),
        (["AWS Internal", "192.0.2.0/24"], ["AWS Internal", "192.0.2.9"], ["AWS Internal/1", "192.0.3.9"]),
    ],
)
def test_addresses_match_by_network_by_address_and_by_name(wanted: Any, yes: list[str], no: list[str | None]) -> None:
    test = AddressTest("source_ip", wanted)
    assert [value for value in yes if not test(value)] == []
    assert [value for value in no if test(value)] == []


@pytest.mark.parametrize("network", ["10.0.0.0/33", "300.0.0.0/8", "::/129", f"{'0:' * 100}/1"])
def test_a_network_that_is_none_is_refused_instead_of_never_matching(network: str) -> None:
    with pytest.raises(SettingsError) as caught:
        AddressTest("source_ip", ["10.0.0.0/8", network])
    assert str(caught.value) == f"source_ip: {network[:64]!r} looks like a network and is none"


@given(st.text())
def test_any_text_can_be_asked_about_as_an_address(value: str) -> None:
    assert AddressTest("source_ip", ["10.0.0.0/8", "*.amazonaws.com"])(value) in (True, False)


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("eventName", "; did you mean event_name?"),
        ("EVENTNAME", "; did you mean event_name?"),
        ("evnt_name", "; did you mean event_name?"),
        ("userName", "; did you mean user_name?"),
        ("Regio", "; did you mean region?"),
        ("x" * 65, ""),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones_and_a_guess(name: str, guess: str) -> None:
    """A guess takes the Java spelling for ours, before it looks for what has the most letters in common."""
    with pytest.raises(SettingsError) as caught:
        known("field", name, ["username", "region", "event_name", "user_name"])
    assert str(caught.value) == (f"unknown field {name[:64]!r}{guess} (known: event_name, region, user_name, username)")


class _Async:
    async def __call__(self, *_: object) -> bool:
        return False


async def _async(*_: object) -> bool:
    return False


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (_async, "is async: its answer would always count as true"),
        (_Async(), "is async: its answer would always count as true"),
        (_Async, "is an instance or a function, not <class"),
        (int, "is an instance or a function, not <class 'int'>"),
        ("text", "is an instance or a function, not 'text'"),
        (5, "is an instance or a function, not 5"),
    ],
    ids=["async function", "async callable", "class of one", "class", "text", "number"],
)
def test_what_cannot_answer_at_once_is_no_filter(function: Any, why: str) -> None:
    with pytest.raises(SettingsError) as caught:
        plain_callable("event filter", function)
    assert why in str(caught.value)
    assert "event filter" in str(caught.value)


def test_what_can_answer_is_taken_as_it_is() -> None:
    assert plain_callable("event filter", bool.__and__) is bool.__and__


@pytest.mark.parametrize("wanted", [datetime(2026, 1, 1), "2026-01-01", None, 5], ids=repr)  # noqa: DTZ001
def test_a_time_without_its_zone_is_no_moment(wanted: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        moment("since", wanted)
    assert str(caught.value) == f"since takes a datetime with a time zone, such as tzinfo=UTC, not {wanted!r}"


def test_a_time_with_its_zone_is_a_moment() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert moment("since", noon) is noon
