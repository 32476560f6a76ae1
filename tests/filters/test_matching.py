import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.filters.matching import AddressTest, TextTest, both, either, known, opposite, plain_callable

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


@given(st.text("ab*?.", min_size=1, max_size=8), st.text("ab.\n", max_size=8))
def test_a_glob_means_what_the_plain_regular_expression_means(glob: str, value: str) -> None:
    pattern = re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".")
    assert TextTest("field", glob)(value) == (bool(value) and re.fullmatch(pattern, value, re.DOTALL) is not None)


def test_a_glob_of_many_stars_does_not_take_for_ever() -> None:
    """A plain translation to a regular expression would backtrack through some 10**30 ways."""
    assert not TextTest("user_agent", "*a" * 20 + "b")("a" * 1000)


@pytest.mark.parametrize("wanted", ["", [], (), ["a", ""], ["a", None], 5, None, {1}])
def test_a_test_that_could_match_nothing_is_refused_with_the_name_of_its_field(wanted: Any) -> None:
    with pytest.raises(SettingsError, match="event_name"):
        TextTest("event_name", wanted)


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


@pytest.mark.parametrize("network", ["10.0.0.0/33", "300.0.0.0/8", "::/129"])
def test_a_network_that_is_none_is_refused_instead_of_never_matching(network: str) -> None:
    with pytest.raises(SettingsError, match="source_ip"):
        AddressTest("source_ip", ["10.0.0.0/8", network])


@given(st.text())
def test_any_text_can_be_asked_about_as_an_address(value: str) -> None:
    assert AddressTest("source_ip", ["10.0.0.0/8", "*.amazonaws.com"])(value) in (True, False)


@pytest.mark.parametrize(("name", "meant"), [("eventName", "event_name"), ("evnt_name", "event_name"), ("x", None)])
def test_an_unknown_name_is_answered_with_the_known_ones_and_a_guess(name: str, meant: str | None) -> None:
    with pytest.raises(SettingsError, match="known: event_name, region") as caught:
        known("field", name, ["region", "event_name"])
    assert ("did you mean event_name?" in str(caught.value)) == (meant is not None)


class _Async:
    async def __call__(self, *_: object) -> bool:
        return False


async def _async(*_: object) -> bool:
    return False


@pytest.mark.parametrize("function", [_async, _Async(), _Async, "text", 5])
def test_what_cannot_answer_at_once_is_no_filter(function: Any) -> None:
    with pytest.raises(SettingsError):
        plain_callable("event filter", function)
