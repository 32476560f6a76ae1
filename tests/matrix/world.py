"""What lies in the queue at the start of a cell of the matrix, and what must have become of it at the end."""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from cloudtrail_processing.allowed import Allowed
from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint, MemorySeen
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.letters import MESSAGE_ID
from cloudtrail_processing.quarantine import StoredQuarantine
from cloudtrail_processing.testing import FakeLogStore, FakeQueue, ManualClock
from cloudtrail_processing.testing.generator import messages, record

BUCKET, STRANGE_BUCKET = "trail", "somebody-elses"
BATCH_SIZE = 3
VISIBILITY = 30
CLAIM_TIME = 10
NOISE = "Noise"
"""Events of this name are not wanted by the first of the two processors."""
BAD = b"null"
ALLOWED = Allowed(buckets=[BUCKET])


class Kept(StoredQuarantine):
    """A quarantine in memory, with the names and lines of the real ones."""

    def __init__(self) -> None:
        super().__init__("memory")
        self.files: dict[str, bytes] = {}

    def _write(self, name: str, content: bytes) -> None:
        self.files[name] = content

    def _read(self, name: str) -> bytes:
        return self.files.get(name, b"")

    def _names(self) -> Iterable[str]:
        return sorted(self.files)

    def _delete(self, name: str) -> None:
        self.files.pop(name, None)


@dataclass(frozen=True)
class Content:
    """What a message names: events for each processor, bad records, and whether it can only be rejected."""

    wanted: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
    bad: frozenset[tuple[str, int]] = frozenset()
    poison: bool = False


class World:
    """What outlives a process: the queues, the store, the quarantine, the checkpoint, and what was delivered."""

    def __init__(self, *, bare: bool, remembering: bool) -> None:
        """``bare`` is a world without checkpoint, quarantine and dead-letter queue; ``remembering`` one that knows
        events again.
        """
        self.clock = ManualClock()
        self.queue = FakeQueue(clock=self.clock)
        self.grave = None if bare else FakeQueue(clock=self.clock)
        self.store = FakeLogStore()
        self.quarantine = None if bare else Kept()
        self.checkpoint = None if bare else MemoryCheckpoint(claim_time=CLAIM_TIME, now=self.clock.monotonic)
        self.seen = MemorySeen(10_000, now=self.clock.monotonic) if remembering else None
        self.taken: tuple[list[str], list[str]] = ([], [])
        self.contents: dict[str, Content] = {}
        self.bad = {("beta", 1): BAD, ("beta", 4): b'["no", "event"]'}
        self._fill()

    # ── what there is ──

    def _fill(self) -> None:
        alpha, beta, gamma = self._log("alpha", 8), self._log("beta", 6), self._log("gamma", 5)
        self._send(messages.s3_event(alpha), "alpha")
        self._send(messages.s3_event(beta, self._log("delta", 2)), "beta", "delta", poison=self.quarantine is None)
        self._send(messages.cloudtrail_raw(gamma), "gamma")
        self._send(messages.cloudtrail_sns(gamma), "gamma")
        self._send(messages.s3_event(self._log("skipped", 2)))
        self._send(messages.s3_test_event())
        self._send("of no known shape", poison=True)
        self._send(messages.s3_event(self._log("strange", 2, bucket=STRANGE_BUCKET)), poison=True)
        self._send(messages.s3_event(self._corrupt(), self._log("epsilon", 2)), "epsilon", poison=True)

    def _log(self, name: str, count: int, *, bucket: str = BUCKET) -> LogObject:
        raws = [self.bad.get((name, index)) or orjson.dumps(_event(name, index)) for index in range(count)]
        return self.store.put(bucket, key_of(name), gzip.compress(b'{"Records":[' + b",".join(raws) + b"]}", mtime=0))

    def _corrupt(self) -> LogObject:
        return self.store.put(BUCKET, key_of("corrupt"), b"\x1f\x8b no log at all")

    def _send(self, body: str, *names: str, poison: bool = False) -> None:
        events = [(name, index) for name in names for index in range(COUNTS[name])]
        good = [place for place in events if place not in self.bad]
        loud = frozenset(_id(*place) for place in good if not _is_noise(*place))
        bad = frozenset(place for place in events if place in self.bad)
        content = Content((loud, frozenset(_id(*place) for place in good)), bad, poison)
        self.contents[self.queue.send(body)] = content

    # ── what has become of it ──

    def copied(self, message_id: str) -> bool:
        """True when a copy of the message lies in the dead-letter queue."""
        held = self.grave._held.values() if self.grave else ()
        return any(letter.attributes[MESSAGE_ID] == message_id for letter in held)

    def delivered(self, content: Content) -> bool:
        """True when each processor took all that it wants of what the message names."""
        return all(wanted <= set(taken) for wanted, taken in zip(content.wanted, self.taken, strict=True))

    def is_settled(self, message_id: str) -> bool:
        """True when the message may be gone: on evidence, never by its absence."""
        content = self.contents[message_id]
        if self.copied(message_id):
            return True
        return not content.poison and self.delivered(content) and content.bad <= set(self.kept())

    def kept(self) -> list[tuple[str, int]]:
        """Log and index of every record in the quarantine, as often as it lies there."""
        entries = self.quarantine.entries() if self.quarantine else ()
        return [(name_of(entry.record.log.key), entry.record.index) for entry in entries]

    def claimed(self) -> list[str]:
        """The logs that a worker holds."""
        now = self.clock.monotonic()
        places = self.checkpoint._places.items() if self.checkpoint else ()
        return [log for (log, _), place in places if place.rest(now)]

    @property
    def is_over(self) -> bool:
        """True when all that is good is delivered, and nothing is left but what has to stay."""
        stays = {name for name, content in self.contents.items() if content.poison and self.grave is None}
        if set(self.queue._held) != stays:
            return False
        return all(self.copied(name) or self.delivered(content) for name, content in self.contents.items())


COUNTS = {"alpha": 8, "beta": 6, "gamma": 5, "delta": 2, "epsilon": 2}


def key_of(name: str) -> str:
    file = f"111122223333_CloudTrail_eu-west-1_20260101T0005Z_{name}.json.gz"
    return f"AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/01/{file}"


def name_of(key: str) -> str:
    return key.rpartition("_")[2].removesuffix(".json.gz")


def _id(name: str, index: int) -> str:
    return f"{name}/{index}"


def _is_noise(name: str, index: int) -> bool:
    return name == "gamma" and index % 2 == 1


def _event(name: str, index: int) -> dict[str, object]:
    event_name = NOISE if _is_noise(name, index) else "GetObject"
    return {**record(), "eventID": _id(name, index), "eventName": event_name}
