"""Checkpoints in the memory of one process: they end with it, but spare it duplicates while it lives."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from cloudtrail_processing.checkpoint import places
from cloudtrail_processing.checkpoint.places import Place
from cloudtrail_processing.ports import Claim, Entry


class MemoryCheckpoint:
    """A ``ports.Checkpoint`` for one process. Nothing in it outlives the process, nothing in it can fail.

    It remembers ``most`` logs; then those untouched for longest are dropped, but never one in work. A log that was
    dropped is delivered again from its start, should its message come again. A claim lasts ``claim_time`` seconds.
    """

    def __init__(self, *, claim_time: float = 300, most: int = 100_000, now: Callable[[], float] = time.time) -> None:
        self._claim_time = claim_time
        self._most = most
        self._now = now
        self._lock = threading.Lock()
        self._places: OrderedDict[tuple[str, str], Place] = OrderedDict()

    def claim(self, log: str, *, processor: str) -> Claim:
        """Take the log and say where to resume; ``Claimed`` while somebody else has it."""
        key = (log, processor)
        with self._lock:
            now = self._now()
            place, claim = places.taken(
                self._places.get(key), log=log, processor=processor, now=now, claim_time=self._claim_time
            )
            self._put(key, place)
            self._drop(now)
            return claim

    def advance(self, claim: Claim, next_index: int) -> None:
        """Every record before ``next_index`` is settled; renews the claim. Raises ``ClaimLost``."""
        with self._lock:
            moved = places.advanced(
                self._places.get(_key(claim)),
                claim,
                next_index=next_index,
                now=self._now(),
                claim_time=self._claim_time,
            )
            self._put(_key(claim), moved)

    def finish(self, claim: Claim) -> None:
        """The whole log is settled. Raises ``ClaimLost``."""
        with self._lock:
            self._put(_key(claim), places.finished(self._places.get(_key(claim)), claim))

    def release(self, claim: Claim) -> None:
        """Let others claim the log at once, from where it stands; no error when it was taken over."""
        with self._lock:
            if free := places.released(self._places.get(_key(claim)), claim):
                self._put(_key(claim), free)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _put(self, key: tuple[str, str], place: Place) -> None:
        self._places[key] = place
        self._places.move_to_end(key)

    def _drop(self, now: float) -> None:
        """Make room. Logs in work at the old end are few, as their claims end; they are stepped over."""
        excess = len(self._places) - self._most
        if excess <= 0:
            return
        idle = (key for key, place in self._places.items() if not place.rest(now))
        for key in [key for key, _ in zip(idle, range(excess), strict=False)]:
            del self._places[key]


class MemorySeen:
    """A ``ports.SeenEvents`` for one process: remembers keys for ``window`` seconds, ``most`` of them at most."""

    def __init__(self, window: float, *, most: int = 250_000, now: Callable[[], float] = time.time) -> None:
        self._window = window
        self._most = most
        self._now = now
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, float] = OrderedDict()

    def unseen(self, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that were not remembered within the window."""
        with self._lock:
            since = self._now() - self._window
            return {key for key in keys if self._seen.get(key, since) <= since}

    def remember(self, keys: Sequence[str]) -> None:
        """Called after the events were delivered. May be repeated."""
        with self._lock:
            now = self._now()
            for key in keys:
                self._seen[key] = now
                self._seen.move_to_end(key)
            self._forget(now - self._window)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _forget(self, since: float) -> None:
        while self._seen and (len(self._seen) > self._most or next(iter(self._seen.values())) <= since):
            self._seen.popitem(last=False)


class MemoryLedger:
    """A ``ports.Ledger`` for one process: what is untouched for ``keep_days`` is forgotten, and the oldest of too many.

    It remembers ``most`` entries.
    """

    def __init__(self, *, keep_days: float = 14, most: int = 200_000, now: Callable[[], float] = time.time) -> None:
        self._keep = keep_days * 86_400
        self._most = most
        self._now = now
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[Entry, float]] = OrderedDict()
        self._lists: dict[str, set[str]] = {}

    def read(self, names: Sequence[str]) -> Mapping[str, Entry]:
        """The entries of those names that are remembered."""
        with self._lock:
            self._forget()
            return {name: self._entries[name][0] for name in names if name in self._entries}

    def change(self, name: str, change: Callable[[Entry | None], Entry], *, durable: bool = False) -> Entry:
        """Remember what ``change`` makes of the entry."""
        del durable  # nothing is
        with self._lock:
            self._forget()
            old = self._entries[name][0] if name in self._entries else None
            new = change(old)
            if new != old:
                self._drop(name)
                self._entries[name] = (new, self._now() + self._keep)
                if new.of:
                    self._lists.setdefault(new.of, set()).add(name)
            return new

    def listed(self, of: str) -> Mapping[str, Entry]:
        """All entries of one list."""
        with self._lock:
            self._forget()
            return {name: self._entries[name][0] for name in self._lists.get(of, ())}

    def close(self) -> None:
        """There is nothing to let go of."""

    def _drop(self, name: str) -> None:
        entry, _ = self._entries.pop(name, (None, 0))
        if entry is not None and entry.of:
            self._lists[entry.of].discard(name)
            if not self._lists[entry.of]:
                del self._lists[entry.of]

    def _forget(self) -> None:
        now = self._now()
        while self._entries and (len(self._entries) > self._most or next(iter(self._entries.values()))[1] <= now):
            self._drop(next(iter(self._entries)))


def _key(claim: Claim) -> tuple[str, str]:
    return claim.log, claim.processor
