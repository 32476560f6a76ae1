r"""Which records of a log may hold a text, found by searching its bytes: no record is read.

JSON has few ways to spell a text. A needle is made of ASCII characters that can only be written as themselves or as
``\u00XX``: so a record that holds neither the needle nor such an escape does not have the text.
"""

import codecs
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from operator import itemgetter
from typing import Final

from pydantic_core import SchemaValidator, core_schema

PLAIN: Final = rb"[ !#-.0-\[\]-~]"
"""A character that JSON writes as itself or as an escape: printable ASCII but for the quote and the two slashes."""

_NEEDLE = re.compile(rb'["/\\]?' + PLAIN + rb'+"?')
_WORTH = 4  # a search that finds more than one record in so many spares too little
_STRETCH = 2**14  # bytes: few hold a needle, and they stay in the cache while each needle is looked for
_PIECE = 2**16


def is_needle(needle: bytes) -> bool:
    r"""True for a run of plain characters: what is written as itself unless it is written as ``\u00XX``.

    ``"``, ``/`` or ``\`` may begin it, as each is the last byte of its own escape; a quote may end it, and must then
    be the one that closes the text.
    """
    return _NEEDLE.fullmatch(needle) is not None


class Haystack:
    """The text of a log whose records are known to be valid JSON, but for their UTF-8, and where each one begins."""

    def __init__(self, data: bytes, starts: Callable[[], Sequence[int]]) -> None:
        self._data = data
        self._starts = starts

    @cached_property
    def is_utf8(self) -> bool:
        """True when every text in it can be read; takes a twentieth of a microsecond per record where all is ASCII."""
        return self._data.isascii() or _is_utf8(self._data)

    def holding(self, needles: Sequence[bytes]) -> Sequence[int] | None:
        """The records that hold one of ``needles``, or of which that cannot be told, in order.

        It cannot be told of those in which a character of a needle is written as an escape; and whatever is no object
        is among them, so that it comes to light. None when that finds so many that it spares too little, and when it
        proves nothing: without needles, where a text is no UTF-8, or a needle none.
        """
        searches = _searches(tuple(needles))
        if not needles or not searches or not self.is_utf8:
            return None
        starts = self._starts()
        found: set[int] = set()
        for index in chain(self._no_objects(starts), self._hits(starts, searches)):
            found.add(index)
            if len(found) * _WORTH > len(starts):
                return None
        return sorted(found)

    def _no_objects(self, starts: Sequence[int]) -> Iterator[int]:
        firsts = bytes(itemgetter(*starts, 0)(self._data)) if starts else b""
        if firsts.count(b"{", 0, len(starts)) < len(starts):
            yield from (index for index in range(len(starts)) if firsts[index : index + 1] != b"{")

    def _hits(self, starts: Sequence[int], searches: Sequence["_Search"]) -> Iterator[int]:
        """The records in which a search finds something, in no order, some more than once."""
        overlap = max(search.reach for search in searches) - 1
        data = memoryview(self._data)
        for place in range(starts[0] if starts else len(data), len(data), _STRETCH):
            end = place + _STRETCH + overlap
            text = str(data[place:end], "latin-1")
            for search in searches:
                if search.may_find(text):
                    yield from self._records(search, starts, place, end)

    def _records(self, search: "_Search", starts: Sequence[int], place: int, end: int) -> Iterator[int]:
        """The records in which the search finds something between these places."""
        while (place := search.find(self._data, place, end)) >= 0:
            following = bisect_right(starts, place)
            yield following - 1
            place = starts[following] if following < len(starts) else end


class _Search:
    """Looks for a needle."""

    def __init__(self, needle: bytes) -> None:
        self.needle = needle
        self.reach = len(needle)
        # Whether it is there at all, the engine of pydantic's patterns tells ten times as quickly as bytes.find.
        pattern = "".join(f"\\x{byte:02x}" for byte in needle)
        schema = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")
        self.may_find: Callable[[str], bool] = SchemaValidator(schema).isinstance_python

    def find(self, data: bytes, place: int, end: int) -> int:
        """Where it begins between these places; -1 when it is not there."""
        return data.find(self.needle, place, end)


class _SearchEscapes(_Search):
    """Looks for escapes of any of these characters: they can hide a needle."""

    def __init__(self, characters: Iterable[int]) -> None:
        super().__init__(rb"\u00")
        self.reach = len(rb"\u00XX")
        escaped = "|".join(f"{character:02x}" for character in set(characters))
        self._pattern = re.compile(rf"\\u00(?i:{escaped})".encode())

    def find(self, data: bytes, place: int, end: int) -> int:
        found = self._pattern.search(data, place, end)
        return found.start() if found else -1


@lru_cache(maxsize=64)
def _searches(needles: tuple[bytes, ...]) -> tuple[_Search, ...]:
    """One for each needle, and one for whatever can hide it; none when one of them is no needle."""
    return (_SearchEscapes(chain(*needles)), *map(_Search, needles)) if all(map(is_needle, needles)) else ()


def _is_utf8(data: bytes) -> bool:
    decode = codecs.getincrementaldecoder("utf-8")().decode
    try:
        for place in range(0, len(data), _PIECE):
            decode(data[place : place + _PIECE], final=place + _PIECE >= len(data))
    except UnicodeDecodeError:
        return False
    return True
