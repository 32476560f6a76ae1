"""One bucket of S3 from memory, by path or by host name: what is asked of it while logs are read."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

from benchmarks.aws.http import Answer, Request, answer, head
from benchmarks.aws.logs import BUCKET, REGION, Body, Listing, number_of

_XML = "Content-Type: application/xml"
_IN_REGION = f"x-amz-bucket-region: {REGION}"
_REQUEST = "x-amz-request-id: 0123456789ABCDEF"
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_RANGE = re.compile(rb"bytes=(\d*)-(\d*)")
_PATH = f"/{BUCKET}".encode()
_HOST = f"{BUCKET}.".encode()
_MOST = 1000


@dataclass(frozen=True, slots=True)
class _Object:
    """The answers for one body, made beforehand."""

    body: Body
    whole: Answer
    first: Answer

    @classmethod
    def of(cls, body: Body) -> "_Object":
        """All that does not depend on the request."""
        first = head(200, len(body.content), *_fields(body))
        return cls(body, Answer(first, body.content), Answer(first))


class Bucket:
    """The bucket. Every number has its object; a listing shows the first ``filled``."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self.requests: Counter[str] = Counter()
        self.filled = 0
        self._objects = [_Object.of(Body(body)) for body in bodies]
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
        operation = {b"GET": "GetObject", b"HEAD": "HeadObject"}.get(request.method)
        if operation is None:
            return _error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        self.requests[operation] += 1
        number = number_of(unquote(key.decode()))
        if number is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.", is_head=request.method == b"HEAD")
        return self._object(request, self._objects[number % len(self._objects)])

    def _object(self, request: Request, found: _Object) -> Answer:
        if request.method == b"HEAD":
            return found.first
        asked = _RANGE.fullmatch(request.headers.get(b"range", b""))
        return found.whole if asked is None else _part(found.body, asked[1], asked[2])

    def _bucket(self, request: Request, query: str) -> Answer:
        asked = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
        if request.method == b"HEAD":
            self.requests["HeadBucket"] += 1
            return Answer(head(200, 0, _IN_REGION, _REQUEST))
        if "location" in asked:
            self.requests["GetBucketLocation"] += 1
            return _xml(f"<LocationConstraint {_NAMESPACE}>{REGION}</LocationConstraint>")
        self.requests["ListObjectsV2"] += 1
        return self._listed(asked)

    def _listed(self, asked: dict[str, str]) -> Answer:
        prefix, most = asked.get("prefix", ""), min(_MOST, int(asked.get("max-keys", _MOST)))
        after = asked.get("continuation-token") or asked.get("start-after", "")
        keys, more = self._listing.page(self.filled, prefix=prefix, after=after, most=most)
        written = quote if asked.get("encoding-type") == "url" else escape
        contents = "".join(self._entry(key, written(key)) for key in keys)
        parts = {
            "Name": BUCKET,
            "Prefix": written(prefix),
            "KeyCount": len(keys),
            "MaxKeys": most,
            "IsTruncated": str(more).lower(),
        }
        if "encoding-type" in asked:
            parts["EncodingType"] = escape(asked["encoding-type"])
        if more:
            parts["NextContinuationToken"] = keys[-1]
        listed = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items())
        return _xml(f"<ListBucketResult {_NAMESPACE}>{listed}{contents}</ListBucketResult>")

    def _entry(self, key: str, written: str) -> str:
        body = self._objects[(number_of(key) or 0) % len(self._objects)].body
        what = f"<ETag>{escape(body.etag)}</ETag><Size>{len(body.content)}</Size><StorageClass>STANDARD</StorageClass>"
        return f"<Contents><Key>{written}</Key><LastModified>2024-01-01T00:10:00.000Z</LastModified>{what}</Contents>"


def _fields(body: Body) -> tuple[str, ...]:
    return (
        f"ETag: {body.etag}",
        "Last-Modified: Mon, 01 Jan 2024 00:10:00 GMT",
        "Accept-Ranges: bytes",
        "Content-Type: application/x-gzip",
        "x-amz-server-side-encryption: AES256",
        _REQUEST,
    )


def _part(body: Body, start: bytes, end: bytes) -> Answer:
    size = len(body.content)
    first = int(start) if start else size - min(size, int(end or 0))
    last = min(int(end), size - 1) if start and end else size - 1
    if first >= size or first > last:
        return _error(416, "InvalidRange", "The requested range is not satisfiable")
    fields = (f"Content-Range: bytes {first}-{last}/{size}", *_fields(body))
    return Answer(head(206, last - first + 1, *fields), memoryview(body.content)[first : last + 1])


def _xml(text: str) -> Answer:
    return answer(200, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode(), _XML, _IN_REGION, _REQUEST)


def _error(status: int, code: str, message: str, *, is_head: bool = False) -> Answer:
    told = f"<Code>{code}</Code><Message>{message}</Message><RequestId>0123456789ABCDEF</RequestId>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{told}</Error>'.encode()
    return answer(status, b"" if is_head else body, _XML, _REQUEST)
