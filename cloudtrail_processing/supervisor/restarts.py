"""When a process that died is started again: soon at first, later when it keeps dying."""

from dataclasses import dataclass

FIRST = 1.0
"""Seconds before the first restart."""
MOST = 60.0
"""Seconds before a restart at most."""
GOOD_LIFE = 60.0
"""Seconds of life after which a death is the first one again."""


@dataclass(slots=True)
class Restarts:
    """The deaths of one process. It asks no clock: times come in, in monotonic seconds."""

    deaths: int = 0

    def delay(self, *, born: float, died: float) -> float:
        """Seconds until the process may be started again; doubled by each death that followed a short life."""
        self.deaths = 1 if died - born >= GOOD_LIFE else self.deaths + 1
        return min(MOST, FIRST * 2.0 ** min(self.deaths - 1, 16))
