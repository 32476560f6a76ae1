"""Draws made-up values from one seeded stream: the same seed gives the same values in the same order."""

import base64
import random
import string
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

T = TypeVar("T")

_ALNUM = string.ascii_letters + string.digits
_UPPER = string.ascii_uppercase + string.digits
_KEY_CHARACTERS = string.ascii_uppercase + "234567"


class Weighted(Generic[T]):
    """Items with weights, to pick from. Frozen; built once from ``(item, weight)`` pairs."""

    __slots__ = ("cumulative", "items")

    def __init__(self, pairs: Iterable[tuple[T, float]]) -> None:
        taken = [(item, weight) for item, weight in pairs if weight > 0]
        self.items = tuple(item for item, _ in taken)
        self.cumulative = tuple(accumulate(weight for _, weight in taken))


class Draw:
    """One stream of drawn values. ``fork`` opens another one that does not disturb this one."""

    def __init__(self, seed: int | str) -> None:
        self._seed = str(seed)
        self._random = random.Random(self._seed)  # noqa: S311 - made-up data, nothing here is a secret

    def fork(self, name: str) -> "Draw":
        """A stream of its own, the same for the same seed and name."""
        return Draw(f"{self._seed}/{name}")

    def chance(self, probability: float) -> bool:
        """True in ``probability`` of the cases."""
        return self._random.random() < probability

    def one(self, items: Sequence[T]) -> T:
        """Any item, all equally likely."""
        return items[int(self._random.random() * len(items))]

    def pick(self, weighted: Weighted[T]) -> T:
        """Any item, as likely as its weight says."""
        return self._random.choices(weighted.items, cum_weights=weighted.cumulative)[0]

    def number(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def around(self, *, low: float, high: float, mode: float) -> float:
        """A number from ``low`` to ``high``, most likely near ``mode``."""
        return self._random.triangular(low, high, mode)

    def long_tail(self, *, median: float, sigma: float) -> float:
        """A log-normal number: half of them below ``median``, a few far above."""
        return median * self._random.lognormvariate(0, sigma)

    def shuffle(self, items: list[T]) -> None:
        """Put ``items`` into another order, in place."""
        self._random.shuffle(items)

    def hex(self, length: int) -> str:
        """``length`` lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * length):0{length}x}"

    def uuid(self) -> str:
        """A lower-case UUID, version 4."""
        text = self.hex(32)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) % 4]}{text[17:20]}-{text[20:]}"

    def alnum(self, length: int) -> str:
        """``length`` letters and digits, as in the unique part of a log's name."""
        return "".join(self._random.choices(_ALNUM, k=length))

    def upper(self, length: int) -> str:
        """``length`` upper-case letters and digits, as in S3's request ids."""
        return "".join(self._random.choices(_UPPER, k=length))

    def base64(self, size: int) -> str:
        """``size`` random bytes in base64, as in session tokens."""
        return base64.b64encode(self._random.randbytes(size)).decode()

    def unique_id(self, prefix: str, account: str) -> str:
        """An IAM unique id or access key id (``AIDA…``, ``AROA…``, ``AKIA…``, ``ASIA…``), alike within an account."""
        family = "".join(_KEY_CHARACTERS[(int(digit) * 7 + place) % 32] for place, digit in enumerate(account[:7]))
        rest = 9 if prefix in ("AKIA", "ASIA") else 10
        return prefix + family + "".join(self._random.choices(_KEY_CHARACTERS, k=rest))
