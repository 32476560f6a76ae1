"""What S3 says: objects and parts of them, listings of both versions, and refusals."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import md5
from typing import NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape

from benchmarks.aws.http import Answer, answer, head

NO_SUCH_KEY = (404, "NoSuchKey", "The specified key does not exist.")
NO_SUCH_BUCKET = (404, "NoSuchBucket", "The specified bucket does not exist")
ACCESS_DENIED = (403, "AccessDenied", "Access Denied")
NOT_ALLOWED = (405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
_NO_SUCH_RANGE = (416, "InvalidRange", "The requested range is not satisfiable")
_XML = "Content-Type: application/xml"
_REQUEST = "x-amz-request-id: 0123456789ABCDEF"
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'
_BEHIND_ALL = "\U0010ffff"
_MOST = 1000
_MODIFIED = datetime(2024, 1, 1, 0, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stored:
    """What an object holds, and the answers for all of it, made beforehand."""

    content: bytes
    etag: str
    modified: str
    fields: tuple[str, ...]
    whole: Answer
    first: Answer

    @classmethod
    def of(cls, content: bytes, metadata: Mapping[str, str] | None = None, modified: datetime = _MODIFIED) -> "Stored":
        """All that does not depend on the request."""
        etag = f'"{md5(content, usedforsecurity=False).hexdigest()}"'
        fields = (
            f"ETag: {etag}",
            f"Last-Modified: {format_datetime(modified, usegmt=True)}",
            "Accept-Ranges: bytes",
            "Content-Type: application/x-gzip",
            "x-amz-server-side-encryption: AES256",
            *(f"x-amz-meta-{name}: {value}" for name, value in (metadata or {}).items()),
            _REQUEST,
        )
        first = head(200, len(content), *fields)
        told = modified.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return cls(content, etag, told, fields, Answer(first, content), Answer(first))


def part(stored: Stored, start: bytes, end: bytes) -> Answer:
    """The bytes from ``start`` to ``end``; without ``start``, the last ``end`` ones."""
    size = len(stored.content)
    first = int(start) if start else size - min(size, int(end or 0))
    last = min(int(end), size - 1) if start and end else size - 1
    if first >= size or first > last:
        return refused(_NO_SUCH_RANGE)
    fields = (f"Content-Range: bytes {first}-{last}/{size}", *stored.fields)
    return Answer(head(206, last - first + 1, *fields), memoryview(stored.content)[first : last + 1])


def located(region: str, *, is_head: bool) -> Answer:
    """Where a bucket is: to HeadBucket, or to GetBucketLocation, which has no name for the oldest region."""
    if is_head:
        return Answer(head(200, 0, f"x-amz-bucket-region: {region}", _REQUEST))
    told = "" if region == "us-east-1" else region
    return _xml(f"<LocationConstraint {_NAMESPACE}>{told}</LocationConstraint>", region)


def refused(why: tuple[int, str, str], *, is_head: bool = False) -> Answer:
    """A refusal; without its text where none may be sent."""
    status, code, message = why
    told = f"<Code>{code}</Code><Message>{message}</Message><RequestId>0123456789ABCDEF</RequestId>"
    body = f"{_PROLOGUE}<Error>{told}</Error>".encode()
    return answer(status, b"" if is_head else body, _XML, _REQUEST)


class Page(NamedTuple):
    """One page of a listing: keys, what others have in common up to the delimiter, and the last, if more follow."""

    keys: Sequence[str]
    common: Sequence[str]
    last: str | None


def page(keys: Sequence[str], *, prefix: str, delimiter: str, after: str, most: int) -> Page:
    """Up to ``most`` keys and common prefixes behind ``after``, of sorted ``keys``."""
    end = bisect_right(keys, prefix + _BEHIND_ALL)
    at = bisect_left(keys, prefix)
    if after:
        # A page may have ended with a common prefix: all of its keys are behind us.
        is_common = delimiter and after.endswith(delimiter) and after not in (prefix, "")
        at = max(at, bisect_right(keys, after + _BEHIND_ALL if is_common else after))
    if not delimiter:
        shown = keys[at : min(at + most, end)]
        return Page(shown, (), shown[-1] if end - at > most and shown else None)
    found: list[str] = []
    common: list[str] = []
    last = ""
    while at < end and len(found) + len(common) < most:
        last = keys[at]
        cut = last.find(delimiter, len(prefix))
        if cut < 0:
            found.append(last)
            at += 1
        else:
            last = last[: cut + len(delimiter)]
            common.append(last)
            at = bisect_right(keys, last + _BEHIND_ALL)
    return Page(found, common, last if at < end else None)


def listed(
    asked: Mapping[str, str], keys: Sequence[str], stored: Callable[[str], Stored], *, bucket: str, region: str
) -> Answer:
    """A page of sorted ``keys``, as ListObjects or, when it is asked so, as ListObjectsV2."""
    is_second = asked.get("list-type") == "2"
    after = asked.get("continuation-token") or asked.get("start-after", "") if is_second else asked.get("marker", "")
    found = page(
        keys,
        prefix=asked.get("prefix", ""),
        delimiter=asked.get("delimiter", ""),
        after=after,
        most=min(_MOST, int(asked.get("max-keys", _MOST))),
    )
    written = quote if asked.get("encoding-type") == "url" else escape
    parts = {"Name": bucket, **_repeated(asked, written), "IsTruncated": str(found.last is not None).lower()}
    if is_second:
        parts["KeyCount"] = len(found.keys) + len(found.common)
    if found.last is not None and is_second:
        parts["NextContinuationToken"] = escape(found.last)
    elif found.last is not None and asked.get("delimiter"):
        parts["NextMarker"] = written(found.last)
    told = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items())
    contents = "".join(_entry(written(key), stored(key)) for key in found.keys)
    common = "".join(f"<CommonPrefixes><Prefix>{written(it)}</Prefix></CommonPrefixes>" for it in found.common)
    return _xml(f"<ListBucketResult {_NAMESPACE}>{told}{contents}{common}</ListBucketResult>", region)


def _repeated(asked: Mapping[str, str], written: Callable[[str], str]) -> dict[str, str | int]:
    """What a listing tells of the questions it answers."""
    names = {"prefix": "Prefix", "delimiter": "Delimiter", "marker": "Marker", "start-after": "StartAfter"}
    told: dict[str, str | int] = {name: written(asked[it]) for it, name in names.items() if it in asked}
    told["MaxKeys"] = min(_MOST, int(asked.get("max-keys", _MOST)))
    return told | ({"EncodingType": escape(asked["encoding-type"])} if "encoding-type" in asked else {})


def _entry(written: str, stored: Stored) -> str:
    what = f"<ETag>{escape(stored.etag)}</ETag><Size>{len(stored.content)}</Size><StorageClass>STANDARD</StorageClass>"
    return f"<Contents><Key>{written}</Key><LastModified>{stored.modified}</LastModified>{what}</Contents>"


def _xml(text: str, region: str) -> Answer:
    return answer(200, f"{_PROLOGUE}{text}".encode(), _XML, f"x-amz-bucket-region: {region}", _REQUEST)
