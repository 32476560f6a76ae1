"""Does a value match what was asked for: exact texts, globs, addresses; and what follows when nobody can tell yet.

Three-valued logic, after Kleene: True, False, and None for "cannot tell yet". A None never decides anything, so that
a filter which lacks knowledge keeps what it cannot judge until somebody knows more.
"""

import inspect
import ipaddress
import re
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from difflib import get_close_matches
from typing import TypeVar

from cloudtrail_processing.errors import SettingsError

Texts = str | Collection[str]
"""One text or several alternatives; ``*`` stands for any characters, ``?`` for one. Case counts."""

_LAST_OF_ADDRESS = frozenset("0123456789abcdefABCDEF:")
F = TypeVar("F", bound=Callable[..., object])
_CIDR = re.compile(r"[0-9A-Fa-f:.]+/[0-9]+")


def both(first: bool | None, second: bool | None) -> bool | None:
    """Kleene's AND: one False is enough."""
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def either(first: bool | None, second: bool | None) -> bool | None:
    """Kleene's OR: one True is enough."""
    if first is True or second is True:
        return True
    return None if first is None or second is None else False


def opposite(value: bool | None) -> bool | None:
    """Kleene's NOT: what cannot be told stays so."""
    return None if value is None else not value


class TextTest:
    """True for a text that equals one of the alternatives or matches one of the globs; False for no text at all.

    Raises ``SettingsError`` for no alternatives, empty texts, and what is no text: such a test would match nothing, and
    what a filter does not want is gone for good.
    """

    __slots__ = ("_globs", "_texts", "finite")

    def __init__(self, field: str, wanted: Texts) -> None:
        alternatives = texts_of(field, wanted)
        self._texts = frozenset(text for text in alternatives if not is_glob(text))
        self._globs = _compile(text for text in alternatives if is_glob(text))
        self.finite = None if self._globs else self._texts
        """Everything that the test accepts, where that can be listed; None with globs."""

    def __call__(self, value: str | None) -> bool:
        """Whether ``value`` is one of those asked for."""
        if not value:
            return False
        return value in self._texts or (self._globs is not None and self._globs.fullmatch(value) is not None)


class AddressTest:
    """Like ``TextTest``, but networks (``10.0.0.0/8``) hold their addresses and an address may be spelled in any way.

    Service names (``*.amazonaws.com``) and ``AWS Internal`` are texts like any other. An IPv4 address written in IPv6
    is the IPv4 address. A network with host bits is taken as the network it lies in.
    """

    __slots__ = ("_addresses", "_networks", "_text")

    def __init__(self, field: str, wanted: Texts) -> None:
        alternatives = texts_of(field, wanted)
        self._text = TextTest(field, alternatives)
        self._networks = tuple(_network(field, text) for text in alternatives if _CIDR.fullmatch(text))
        self._addresses = frozenset(found for text in alternatives if (found := _address(text)) is not None)

    def __call__(self, value: str | None) -> bool:
        """Whether ``value`` is one of those asked for."""
        if not value:
            return False
        if self._text(value):
            return True
        # Asking for an address costs more than the rest of a filter; most values are names of services.
        is_worth_asking = (self._networks or self._addresses) and value[-1] in _LAST_OF_ADDRESS
        address = _address(value) if is_worth_asking else None
        return address is not None and (
            address in self._addresses or any(address in network for network in self._networks)
        )


def texts_of(field: str, wanted: Texts) -> tuple[str, ...]:
    """The alternatives as a tuple; ``SettingsError`` when there are none, or one is empty or no text."""
    alternatives = (wanted,) if isinstance(wanted, str) else tuple(wanted) if isinstance(wanted, Collection) else ()
    if not alternatives or not all(isinstance(text, str) and text for text in alternatives):
        raise SettingsError(f"{field} takes a text or a list of texts, none of them empty, not {wanted!r:.80}")
    return alternatives


def is_glob(text: str) -> bool:
    """True when the text holds ``*`` or ``?``."""
    return "*" in text or "?" in text


def is_address(text: str) -> bool:
    """True when ``text`` spells an address or a network: others may spell the same one."""
    return _CIDR.fullmatch(text) is not None or _address(text) is not None


def moment(field: str, wanted: datetime) -> datetime:
    """``wanted`` when it is a moment in time; ``SettingsError`` for a time of day without a time zone."""
    if not isinstance(wanted, datetime) or wanted.utcoffset() is None:
        raise SettingsError(f"{field} takes a datetime with a time zone, such as tzinfo=UTC, not {wanted!r:.80}")
    return wanted


def plain_callable(what: str, function: F) -> F:
    """``function`` when it can be called and answers at once; else ``SettingsError``."""
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        raise SettingsError(f"the {what} {function!r:.80} is async: its answer would always count as true")
    if isinstance(function, type) or not callable(function):
        raise SettingsError(f"a {what} is an instance or a function, not {function!r:.80}")
    return function


def known(kind: str, name: str, names: Iterable[str]) -> str:
    """``name`` when it is one of ``names``; else a ``SettingsError`` that names them and the nearest one."""
    if name in (choices := sorted(names)):
        return name
    spelled = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    near = get_close_matches(spelled, choices, n=1) or get_close_matches(name, choices, n=1)
    guess = f"; did you mean {near[0]}?" if near else ""
    raise SettingsError(f"unknown {kind} {name[:64]!r}{guess} (known: {', '.join(choices)})")


def _compile(globs: Iterable[str]) -> re.Pattern[str] | None:
    pattern = "|".join(_regex(glob) for glob in globs)
    return re.compile(pattern, re.DOTALL) if pattern else None


def _regex(glob: str) -> str:
    """The parts between stars, each found at its first place and never moved: no glob takes more than linear time."""
    first, *rest = (_literal(part) for part in re.split(r"\*+", glob))
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{part})" for part in middle) + ".*" + last


def _literal(part: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in part)


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_parse_address: Callable[[str], _Address] = ipaddress.ip_address


def _address(text: str) -> _Address | None:
    try:
        address = _parse_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(field: str, text: str) -> _Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise SettingsError(f"{field}: {text[:64]!r} looks like a network and is none") from None
