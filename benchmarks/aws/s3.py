"""One bucket of S3 from memory, by path or by host name: what is asked of it while logs are read."""

import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import parse_qs, unquote

from benchmarks.aws.http import Answer, Request
from benchmarks.aws.logs import BUCKET, REGION, Listing, number_of
from benchmarks.aws.s3_wire import NO_SUCH_KEY, NOT_ALLOWED, Stored, listed, located, part, refused

_RANGE = re.compile(rb"bytes=(\d*)-(\d*)")
_PATH = f"/{BUCKET}".encode()
_HOST = f"{BUCKET}.".encode()
OBJECT = {b"GET": "GetObject", b"HEAD": "HeadObject"}


class Bucket:
    """The bucket. Every number has its object; a listing shows the first ``filled``."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self.requests: Counter[str] = Counter()
        self.filled = 0
        self._objects = [Stored.of(body) for body in bodies]
        self._listing = Listing()

    def key(self, request: Request) -> bytes | None:
        """The rest of the target behind the bucket's name; None for a request that is not for this bucket."""
        if request.target.startswith(_PATH):
            return request.target[len(_PATH) :].removeprefix(b"/")
        return request.target[1:] if request.headers.get(b"host", b"").startswith(_HOST) else None

    def answer(self, request: Request, rest: bytes) -> Answer:
        """What S3 says, without any delay."""
        key, _, query = rest.partition(b"?")
        if not key:
            return self._bucket(request, query.decode())
        operation = OBJECT.get(request.method)
        if operation is None:
            return refused(NOT_ALLOWED)
        self.requests[operation] += 1
        stored = self._stored(unquote(key.decode()))
        return refused(NO_SUCH_KEY, is_head=request.method == b"HEAD") if stored is None else got(request, stored)

    def _stored(self, key: str) -> Stored | None:
        number = number_of(key)
        return None if number is None else self._objects[number % len(self._objects)]

    def _bucket(self, request: Request, query: str) -> Answer:
        asked = questions(query)
        operation = about_bucket(request, asked)
        self.requests[operation] += 1
        if not operation.startswith("List"):
            return located(REGION, is_head=request.method == b"HEAD")
        keys = self._listing.keys(self.filled)
        return listed(asked, keys, lambda key: self._stored(key) or self._objects[0], bucket=BUCKET, region=REGION)


def questions(query: str) -> dict[str, str]:
    """What stands behind the question mark, by name."""
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


def about_bucket(request: Request, asked: dict[str, str]) -> str:
    """The operation on a bucket, not on an object of it."""
    if request.method == b"HEAD":
        return "HeadBucket"
    if "location" in asked:
        return "GetBucketLocation"
    return "ListObjectsV2" if asked.get("list-type") == "2" else "ListObjects"


def got(request: Request, stored: Stored) -> Answer:
    """The object, or the part of it that is asked for, or just its head."""
    if request.method == b"HEAD":
        return stored.first
    asked = _RANGE.fullmatch(request.headers.get(b"range", b""))
    return stored.whole if asked is None else part(stored, asked[1], asked[2])
