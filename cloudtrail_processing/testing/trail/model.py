"""What a signed trail is made of: objects as they lie in S3, and the hours that digests prove."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as S3 holds it; the names of its ``metadata`` are without ``x-amz-meta-``."""

    body: bytes = field(repr=False)
    metadata: Mapping[str, str] = field(repr=False)
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """One digest: its place, the hour of deliveries that it proves (UTC), and the keys of the logs that it lists.

    The logs lie in the same ``bucket`` as the digest.
    """

    account: str
    region: str
    start: datetime
    end: datetime
    key: str
    logs: tuple[str, ...]
    is_backfill: bool
    bucket: str
