"""Another process for the tests of proof: it works through messages, says what it found, and may be killed."""

import pickle
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from proven import Bucket, Life, Listening

from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint
from cloudtrail_processing.checkpoint.sqlite_ledger import SqliteLedger
from cloudtrail_processing.flow import Delete, PublicKey
from cloudtrail_processing.testing import ManualClock, SignedTrail, StoredObject


class Carried(NamedTuple):
    """A signed trail for another process, where its keys would be others."""

    objects: dict[tuple[str, str], tuple[bytes, dict[str, str], datetime]]
    public_keys: Sequence[PublicKey]
    now: datetime

    @classmethod
    def of(cls, trail: SignedTrail, *, now: datetime) -> "Carried":
        objects = {
            place: (stored.body, dict(stored.metadata), stored.last_modified) for place, stored in trail.objects.items()
        }
        return cls(objects, [key for keys in trail.public_keys.values() for key in keys], now)

    def keys(self, **asked: object) -> Sequence[PublicKey]:
        del asked
        return self.public_keys


class CarriedTrail:
    """As much of a trail as a bucket needs."""

    def __init__(self, carried: Carried) -> None:
        self.objects = {place: StoredObject(*stored) for place, stored in carried.objects.items()}


def say(text: object) -> None:
    print(text, flush=True)  # noqa: T201 - the test reads it


def main(folder: Path, keys: Sequence[str]) -> None:
    """Take each message until it is deleted, and say so; what was found is said before."""
    carried = pickle.loads((folder / "trail").read_bytes())
    bucket: Any = Bucket(CarriedTrail(carried))  # type: ignore[arg-type]
    listener = Listening(on_finding=lambda finding: say(f"found {finding.state} {finding.log}"))
    life = Life(
        bucket,
        "report",
        clock=ManualClock(carried.now),
        ledger=SqliteLedger(folder / "db"),
        checkpoint=SqliteCheckpoint(folder / "db", claim_time=0.01),
        listener=listener,
        keys=carried,
    )
    say("ready")
    for key in keys:
        if isinstance(life.take(key), Delete):
            say(f"deleted {key}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
