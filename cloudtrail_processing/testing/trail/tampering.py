"""Tamperings as data: what somebody does to a bucket, written down beforehand.

    trail.tampered(Remove(bucket, log), Flip(bucket, digest, 12), Metadata(bucket, digest, "signature", None))

Each changes one object and nothing else. One that names an object that is not there is a ``LookupError``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias, assert_never

import orjson

from cloudtrail_processing.integrity import SIGNATURE
from cloudtrail_processing.testing.generator.logs import pack_text, unpack
from cloudtrail_processing.testing.generator.source import START
from cloudtrail_processing.testing.trail.model import StoredObject
from cloudtrail_processing.testing.trail.signing import Signer, sign

Objects: TypeAlias = dict[tuple[str, str], StoredObject]
_ALL_BITS = 0xFF


@dataclass(frozen=True, slots=True)
class Remove:
    """The object is deleted."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Replace:
    """The object has another body, as stored; its metadata stay."""

    bucket: str
    key: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Flip:
    """The bits of ``mask`` are turned over in the byte at ``offset`` of the stored body (negative: from its end)."""

    bucket: str
    key: str
    offset: int
    mask: int = _ALL_BITS


@dataclass(frozen=True, slots=True)
class FlipInside:
    """The same in the inflated body, which is stored again as intact gzip."""

    bucket: str
    key: str
    offset: int
    mask: int = _ALL_BITS


@dataclass(frozen=True, slots=True)
class Append:
    """``data`` follows the stored body: a second gzip member, or anything."""

    bucket: str
    key: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Truncate:
    """Only the first ``size`` bytes of the stored body are left."""

    bucket: str
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Inject:
    """An object that CloudTrail never wrote; ValueError where there is one already."""

    bucket: str
    key: str
    body: bytes = field(repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    last_modified: datetime = START


@dataclass(frozen=True, slots=True)
class Metadata:
    """One of the object's metadata has another value, or None: it is gone."""

    bucket: str
    key: str
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """The object, with its metadata, lies elsewhere; what lay there is lost."""

    bucket: str
    key: str
    to_bucket: str
    to_key: str


@dataclass(frozen=True, slots=True)
class Resign:
    """Members of a digest are changed, and it is validly signed again: what only CloudTrail itself can do.

    The key is the one that the changed digest names, or where nobody has that one, the key that it named before.
    """

    bucket: str
    key: str
    changes: Mapping[str, object]


Tampering: TypeAlias = Remove | Replace | Flip | FlipInside | Append | Truncate | Inject | Metadata | Move | Resign


def tamper(objects: Objects, tampering: Tampering, *, signers: Mapping[str, Signer]) -> None:
    """Do it to ``objects``, in place. ``signers`` are all of the trail's, by fingerprint."""
    place = (tampering.bucket, tampering.key)
    if isinstance(tampering, Inject):
        if place in objects:
            raise ValueError(f"an object is injected where one lies already: s3://{'/'.join(place)}")
        metadata = MappingProxyType(dict(tampering.metadata))
        objects[place] = StoredObject(tampering.body, metadata, tampering.last_modified)
        return
    if place not in objects:
        raise LookupError(f"there is nothing to tamper with: s3://{'/'.join(place)}")
    stored = objects.pop(place)
    match tampering:
        case Remove():
            return
        case Move(to_bucket=bucket, to_key=key):
            objects[bucket, key] = stored
        case Metadata(name=name, value=value):
            objects[place] = _with_metadata(stored, name, value)
        case Resign(changes=changes):
            objects[place] = _resigned(stored, changes, signers)
        case _:
            objects[place] = replace(stored, body=_spoilt(stored.body, tampering))


def _spoilt(body: bytes, how: Replace | Flip | FlipInside | Append | Truncate) -> bytes:
    match how:
        case Replace(body=other):
            return other
        case Flip(offset=offset, mask=mask):
            return _flipped(body, offset, mask)
        case FlipInside(offset=offset, mask=mask):
            return pack_text(_flipped(unpack(body), offset, mask))
        case Append(data=data):
            return body + data
        case Truncate(size=size):
            return body[:size]
        case _:
            assert_never(how)


def _flipped(data: bytes, offset: int, mask: int) -> bytes:
    if not 0 < mask <= _ALL_BITS:
        raise ValueError(f"a mask of {mask} turns no bit of a byte over")
    changed = bytearray(data)
    changed[offset] ^= mask
    return bytes(changed)


def _with_metadata(stored: StoredObject, name: str, value: str | None) -> StoredObject:
    others = {other: told for other, told in stored.metadata.items() if other != name}
    return replace(stored, metadata=MappingProxyType(others if value is None else {**others, name: value}))


def _resigned(stored: StoredObject, changes: Mapping[str, object], signers: Mapping[str, Signer]) -> StoredObject:
    document = orjson.loads(unpack(stored.body))
    before = document["digestPublicKeyFingerprint"]
    document |= changes
    digest = sign(document, signers.get(document["digestPublicKeyFingerprint"], signers[before]))
    return _with_metadata(replace(stored, body=digest.body), SIGNATURE, digest.signature)
