"""What is in an account's buckets, and what CloudTrail tells of its trails: as values, kept in one file.

``Layout.write`` makes the file that ``python -m benchmarks.aws --layout FILE`` serves. A file is read once, so one
server shows one state of things; who tampers writes another.
"""

from datetime import datetime
from pathlib import Path

import msgspec


class Object(msgspec.Struct, frozen=True):
    """An object with the user's metadata; their names without ``x-amz-meta-``."""

    bucket: str
    key: str
    body: bytes
    metadata: dict[str, str] = {}
    modified: datetime | None = None


class Trail(msgspec.Struct, frozen=True):
    """What DescribeTrails tells."""

    arn: str
    bucket: str
    prefix: str | None = None
    is_organization: bool = False

    @property
    def name(self) -> str:
        """The last part of its ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def home(self) -> str:
        """The region that it was made in."""
        return self.arn.split(":")[3]


class Key(msgspec.Struct, frozen=True):
    """A public key in DER, of one region."""

    fingerprint: str
    value: bytes
    start: datetime
    end: datetime
    region: str


class Layout(msgspec.Struct, frozen=True):
    """Everything there is. ``denied`` are the places, bucket and key, that nobody may read.

    ``organization`` is the id of the caller's; ``page`` is how many keys ListPublicKeys tells at once.
    """

    account: str
    objects: list[Object]
    trails: list[Trail] = []
    keys: list[Key] = []
    regions: dict[str, str] = {}
    denied: list[tuple[str, str]] = []
    organization: str | None = None
    page: int = 100

    def write(self, path: Path) -> Path:
        """Keep it in a file."""
        path.write_bytes(msgspec.msgpack.encode(self))
        return path

    @classmethod
    def read(cls, path: Path) -> "Layout":
        """What ``write`` kept."""
        return msgspec.msgpack.decode(path.read_bytes(), type=cls)
