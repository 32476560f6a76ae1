"""A pipeline that proves logs, on fakes, with all that outlives a kill beside it; for the tests of ``verification``."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

from collecting import Collecting

from cloudtrail_processing.assembly import limits_of, make_pipeline, opened
from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint, MemoryLedger
from cloudtrail_processing.findings import Found, IntegrityFinding
from cloudtrail_processing.flow import LogObject, QueueMessage, Verdict
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.ports import Checkpoint, Ledger, PublicKeySource
from cloudtrail_processing.proving import make_digests, make_rounds
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.settlement import settle
from cloudtrail_processing.tally import Tally
from cloudtrail_processing.testing import FakeLogStore, ManualClock, SignedTrail, messages
from cloudtrail_processing.usercode import UserCode
from cloudtrail_processing.verification import Rounds

GRACE = 7_200


class Listening(Collecting):
    """Keeps batches and findings; ``on_finding`` may raise instead."""

    def __init__(self, *, on_finding: Callable[[IntegrityFinding], object] = lambda _: None) -> None:
        super().__init__()
        self.findings: list[IntegrityFinding] = []
        self._on_finding = on_finding

    def integrity(self, finding: IntegrityFinding) -> None:
        self._on_finding(finding)
        self.findings.append(finding)

    @property
    def delivered(self) -> set[str]:
        """The keys of the logs of which anything was delivered."""
        return {batch.log.key for batch in self.batches}

    def states(self, key: str = "") -> list[Found]:
        """What was found of the log or digest at ``key``, in order; of all without."""
        return [it.state for it in self.findings if (it.log or it.digest).endswith(key)]


class AsyncListening(Listening):
    """The same as coroutines."""

    async def process(self, batch: EventBatch) -> None:  # type: ignore[override]
        super().process(batch)

    async def integrity(self, finding: IntegrityFinding) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().integrity(finding)


class Bucket:
    """What lies in S3: ``trail`` as it was written, and what a test puts over it."""

    def __init__(self, trail: SignedTrail) -> None:
        self.trail = trail
        self.store = FakeLogStore()
        self.at: dict[str, LogObject] = {}
        self.lay(trail)

    def lay(self, trail: SignedTrail, *keys: str) -> None:
        """Put the objects of a trail into the bucket, or only those."""
        for (bucket, key), stored in trail.objects.items():
            if not keys or key in keys:
                self.at[key] = self.store.put(
                    bucket, key, stored.body, metadata=stored.metadata, modified=stored.last_modified
                )


class Life:
    """One life of a worker's data plane; what it is given outlives it."""

    def __init__(
        self,
        bucket: Bucket,
        verify: str = "report",
        *,
        clock: ManualClock | None = None,
        ledger: Ledger | None = None,
        checkpoint: Checkpoint | None = None,
        listener: Listening | None = None,
        keys: PublicKeySource | None = None,
        parts: Sequence[tuple[str, object]] = (),
        **values: Any,
    ) -> None:
        self.bucket = bucket
        self.clock = clock or ManualClock(bucket.trail.windows[-1].end + timedelta(minutes=1))
        self.ledger = ledger or MemoryLedger()
        self.checkpoint = checkpoint or MemoryCheckpoint()
        self.listener = listener or Listening()
        self.tally = Tally()
        chosen: dict[str, Any] = {"checkpoint": self.checkpoint, "ledger": self.ledger, "reporter": self.tally}
        chosen |= {"store": bucket.store, "clock": self.clock, "public_keys": keys or bucket.trail}
        chosen |= {"listing": bucket.store.listed, **dict(parts)}
        settings = Settings.load(verify=verify, verify_grace=GRACE, checkpoint_time=0.1, **values)
        self.pipeline, self.rounds = _built(self.listener, settings, Parts(**chosen))

    def take(self, *keys: str, received: int = 1, sent_at: datetime | None = None) -> Verdict:
        """What becomes of a message that names these objects."""
        body = messages.s3_event(*(self.bucket.at[key] for key in keys))
        return self.take_message(body, received=received, sent_at=sent_at)

    def take_message(self, body: str, *, received: int = 1, sent_at: datetime | None = None) -> Verdict:
        """What becomes of this message."""
        message = QueueMessage("m", body, "r", receive_count=received, sent_at=sent_at or self.clock.now())
        return settle(self.pipeline.handle(message), delay=30)

    def pass_time(self, hours: float) -> None:
        """Let time pass."""
        self.clock.advance(hours * 3_600)

    def look(self) -> None:
        """Look for digests as a worker does every hour."""
        self.rounds.look(lambda: None)


def _built(listener: Listening, settings: Settings, parts: Parts) -> tuple[Pipeline, Rounds]:
    user_code = UserCode()
    closing = ExitStack()
    parts = opened(settings, parts, closing=closing)
    digests = make_digests([listener], settings=settings, parts=parts, user_code=user_code, limits=limits_of(settings))
    pipeline = make_pipeline(
        [listener], settings=settings, parts=parts, user_code=user_code, closing=closing, digests=digests
    )
    rounds = make_rounds(digests, pipeline.process_log, parts=parts)
    assert rounds is not None
    return pipeline, rounds
