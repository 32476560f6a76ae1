"""What a record must hold to have a text that is asked for: how ``Where`` tells its needles."""

import re
from collections.abc import Iterable
from typing import Final

from cloudtrail_processing.needles import PLAIN

Needles = tuple[bytes, ...]

MOST: Final = 32
"""Each is searched for in every log, at some 0.04 µs per record; reading a header takes sixty times as long."""
_SHORTEST = 5  # bytes, quotes included: shorter ones stand in most records
_RUN = re.compile(rb'["/\\]?(?:(?![*?])' + PLAIN + rb')+(?:"\Z)?')
_OF_A_SERVICE = b'.amazonaws.com"'


def needles_of(texts: Iterable[str]) -> Needles | None:
    """One for each of these texts or globs; None when one of them has none, or when there are too many."""
    found = list(map(_needle, texts))
    return None if None in found else _few(needle for needle in found if needle)


def any_of(first: Needles | None, second: Needles | None) -> Needles | None:
    """Those of either; None when one has none, or when there are too many."""
    return None if first is None or second is None else _few((*first, *second))


def best_of(several: Iterable[Needles | None]) -> Needles | None:
    """Of several that all stand in a record, those that find fewest records at the lowest cost; None without any."""
    return min((needles for needles in several if needles is not None), key=_cost, default=None)


def _cost(needles: Needles) -> tuple[bool, int, int]:
    """No name of a service, which many records hold; few, and long, which stand in fewer records."""
    services = any(needle.endswith(_OF_A_SERVICE) for needle in needles)
    return services, len(needles), -min(map(len, needles), default=0)


def _needle(text: str) -> bytes | None:
    """The longest run of characters that can be searched for; of an ARN the last, where the particular stands."""
    quoted = f'"{text}"'.encode("ascii", "replace")
    runs = [run for run in _RUN.findall(quoted) if len(run) >= _SHORTEST]
    return runs[-1] if runs and text.startswith("arn:") else max(runs, key=len, default=None)


def _few(needles: Iterable[bytes]) -> Needles | None:
    distinct = tuple(dict.fromkeys(needles))
    return distinct if len(distinct) <= MOST else None
