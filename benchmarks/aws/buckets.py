"""The buckets of a layout, by path: whole objects with their metadata, listings, and what is forbidden."""

from collections import Counter
from urllib.parse import unquote

from benchmarks.aws.http import Answer, Request
from benchmarks.aws.layout import Layout
from benchmarks.aws.logs import REGION
from benchmarks.aws.s3 import OBJECT, about_bucket, got, questions
from benchmarks.aws.s3_wire import (
    ACCESS_DENIED,
    NO_SUCH_BUCKET,
    NO_SUCH_KEY,
    NOT_ALLOWED,
    Stored,
    listed,
    located,
    refused,
)


class _Bucket:
    """One bucket: its objects by key, and their keys in order."""

    def __init__(self, name: str, region: str) -> None:
        self.name = name
        self.region = region
        self.objects: dict[str, Stored] = {}
        self.keys: list[str] = []
        self.denied: set[str] = set()


class Buckets:
    """All of them. Nothing can be written."""

    def __init__(self, layout: Layout) -> None:
        self.requests: Counter[str] = Counter()
        self._buckets = {name: _Bucket(name, region) for name, region in layout.regions.items()}
        for it in layout.objects:
            bucket = self._buckets.setdefault(it.bucket, _Bucket(it.bucket, REGION))
            bucket.objects[it.key] = Stored.of(it.body, it.metadata, *([it.modified] if it.modified else []))
        for name, key in layout.denied:
            self._buckets[name].denied.add(key)
        for bucket in self._buckets.values():
            bucket.keys = sorted(bucket.objects)

    def answer(self, request: Request) -> Answer:
        """What S3 says, without any delay."""
        path, _, query = request.target.decode().partition("?")
        name, _, key = unquote(path).removeprefix("/").partition("/")
        is_head = request.method == b"HEAD"
        if request.method not in OBJECT:
            return refused(NOT_ALLOWED)
        if (bucket := self._buckets.get(name)) is None:
            return refused(NO_SUCH_BUCKET, is_head=is_head)
        if not key:
            return self._about(bucket, request, query)
        self.requests[OBJECT[request.method]] += 1
        if key in bucket.denied:
            return refused(ACCESS_DENIED, is_head=is_head)
        stored = bucket.objects.get(key)
        return refused(NO_SUCH_KEY, is_head=is_head) if stored is None else got(request, stored)

    def _about(self, bucket: _Bucket, request: Request, query: str) -> Answer:
        asked = questions(query)
        operation = about_bucket(request, asked)
        self.requests[operation] += 1
        if not operation.startswith("List"):
            return located(bucket.region, is_head=request.method == b"HEAD")
        return listed(asked, bucket.keys, bucket.objects.__getitem__, bucket=bucket.name, region=bucket.region)
