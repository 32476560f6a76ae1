"""Proof that a log is what CloudTrail delivered: its hash stands in a digest, which is signed and chained to others.

    stored digest ──judge_digest──▶ signature, by a key that AWS published ──judge_link──▶ the digest before it
    stored log ──judge_log──▶ the hash that a valid digest tells of it

Nothing here asks for anything or raises: whatever the bytes are, they get a ``Judgement``.

Sources: AWS CloudTrail User Guide, "CloudTrail digest file structure" and "Custom implementations of CloudTrail log
file integrity validation"; the rules that ``aws cloudtrail validate-logs`` follows, and those that it leaves out.
"""

import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from cloudtrail_processing.errors import CorruptLog, LogTooLarge, TrailingData
from cloudtrail_processing.events import DigestFile
from cloudtrail_processing.events.digest import DigestLogFile
from cloudtrail_processing.events.values import parse_time
from cloudtrail_processing.findings import VALID, Judgement, State
from cloudtrail_processing.flow import PublicKey
from cloudtrail_processing.logfile import DEFAULT_LIMITS, Limits, inflate

__all__ = [
    "ALGORITHM",
    "GENERATED",
    "SIGNATURE",
    "VALID",
    "DigestKey",
    "JudgedDigest",
    "Judgement",
    "PublicKeys",
    "State",
    "StoredDigest",
    "judge_digest",
    "judge_hash",
    "judge_link",
    "judge_log",
    "signed_text",
]

SIGNATURE: Final = "signature"
ALGORITHM: Final = "signature-algorithm"
GENERATED: Final = "backfill-generation-timestamp"
"""The names of the S3 metadata that belong to a digest, without ``x-amz-meta-``."""
_SIGNED_BY: Final = "SHA256withRSA"
_HASHED_BY: Final = "SHA-256"
_GZIP: Final = b"\x1f\x8b"
_KEY: Final = re.compile(
    r"(?P<folder>(?:.*/)?AWSLogs/(?:(?P<organization>o-[a-z0-9]{10,32})/)?(?P<account>[0-9]{12})/CloudTrail-Digest/"
    r"(?P<region>[a-z0-9-]+)/)[0-9]{4}/[0-9]{2}/[0-9]{2}/(?P=account)_CloudTrail-Digest_(?P=region)_(?P<trail>[^/]+)_"
    r"(?P<home>[a-z0-9-]+)_(?P<time>[0-9]{8}T[0-9]{6}Z)(?P<backfill>_backfill)?\.json\.gz",
    re.DOTALL,
)


class PublicKeys:
    """Keys by fingerprint. Frozen once made, so that many threads may use one."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys: dict[str, RSAPublicKey | None] = {key.fingerprint: _loaded(key.der) for key in keys}

    def __len__(self) -> int:
        return len(self._keys)

    def judge(self, fingerprint: str, signature: bytes, text: bytes) -> Judgement:
        """Whether the key with this fingerprint made this signature of this text."""
        if fingerprint not in self._keys:
            return Judgement(State.NO_KEY, f"no public key with fingerprint {_short(fingerprint)}")
        key = self._keys[fingerprint]
        if key is None:
            return Judgement(State.NO_KEY, f"the public key with fingerprint {_short(fingerprint)} is no RSA key")
        try:
            key.verify(signature, text, PKCS1v15(), SHA256())
        except InvalidSignature:
            return Judgement(State.BAD_SIGNATURE, "the signature is not of this digest")
        return VALID


@dataclass(frozen=True, slots=True)
class DigestKey:
    """What the key of a digest tells: whose chain it belongs to, and when its hour ended (UTC)."""

    folder: str
    account: str
    region: str
    trail: str
    home: str
    end: datetime
    is_backfill: bool
    organization: str | None = None

    @classmethod
    def parse(cls, key: str) -> Self | None:
        """None for a key that no digest has."""
        found = _KEY.fullmatch(key)
        if found is None:
            return None
        try:
            end = datetime.fromisoformat(found["time"])
        except ValueError:
            return None
        return cls(
            found["folder"],
            found["account"],
            found["region"],
            found["trail"],
            found["home"],
            end,
            bool(found["backfill"]),
            found["organization"],
        )


@dataclass(frozen=True, slots=True)
class StoredDigest:
    """A digest as it was read, from where, with the S3 metadata that belong to it."""

    bucket: str
    key: str
    body: bytes = field(repr=False)
    signature: str | None = None
    algorithm: str | None = None
    generated: str | None = None


@dataclass(frozen=True, slots=True)
class JudgedDigest:
    """What a digest turned out to be. ``digest`` is None where it cannot be read; trust it only when it is valid.

    ``sha256`` is of the inflated file, ``signature`` the one that stands beside it: the next digest repeats both.
    """

    judgement: Judgement
    digest: DigestFile | None = None
    sha256: str = ""
    signature: str | None = None


def judge_digest(stored: StoredDigest, keys: PublicKeys, *, limits: Limits = DEFAULT_LIMITS) -> JudgedDigest:
    """Whether CloudTrail made this digest, for this place; the links to others are not looked at."""
    data = _inflated(stored.body, limits)
    if isinstance(data, Judgement):
        return JudgedDigest(data)
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        digest = DigestFile.from_json(data)
    except (ValueError, RecursionError) as error:
        told = str(error) if type(error) is ValueError else type(error).__name__
        return JudgedDigest(Judgement(State.BAD_FORMAT, told), None, sha256, stored.signature)
    return JudgedDigest(_judged(stored, digest, sha256, keys), digest, sha256, stored.signature)


def _judged(stored: StoredDigest, digest: DigestFile, sha256: str, keys: PublicKeys) -> Judgement:
    if not stored.signature or not stored.algorithm:
        return Judgement(State.BAD_SIGNATURE, "the object has no signature among its metadata")
    if (key := DigestKey.parse(stored.key)) and key.is_backfill and parse_time(stored.generated) is None:
        return Judgement(State.BAD_FORMAT, f"a backfill digest without a time in its metadata {GENERATED}")
    if {stored.algorithm, digest.digest_signature_algorithm} != {_SIGNED_BY}:
        return Judgement(State.BAD_FORMAT, f"signed by another algorithm than {_SIGNED_BY}")
    if (digest.digest_s3_bucket, digest.digest_s3_object) != (stored.bucket, stored.key):
        return Judgement(State.MOVED, "the digest was written for another place")
    if digest.start is None or digest.end is None:
        return Judgement(State.BAD_FORMAT, "the digest tells no time")
    try:
        signature = binascii.unhexlify(stored.signature)
    except ValueError:
        return Judgement(State.BAD_SIGNATURE, "the signature is no hexadecimal text")
    return keys.judge(digest.digest_public_key_fingerprint, signature, signed_text(digest, sha256))


def signed_text(digest: DigestFile, sha256: str) -> bytes:
    """What CloudTrail signs of a digest whose inflated file has this hash."""
    place = f"{digest.digest_s3_bucket}/{digest.digest_s3_object}"
    previous = digest.previous_digest_signature or "null"
    return "\n".join((digest.digest_end_time, place, sha256, previous)).encode("utf-8", "surrogatepass")


def judge_link(newer: DigestFile, older: JudgedDigest) -> Judgement:
    """Whether ``older`` is the very digest that ``newer``, a valid one, says was before it."""
    if newer.previous_digest_hash_algorithm not in (_HASHED_BY, None):
        return Judgement(State.BAD_FORMAT, f"linked by another algorithm than {_HASHED_BY}")
    if newer.previous_digest_hash_value != older.sha256:
        return Judgement(State.BROKEN_LINK, "the digest after it tells another hash of it")
    # Metadata are not signed: whoever writes the same signature in capitals must not put blame on another digest.
    if (newer.previous_digest_signature or "").lower() != (older.signature or "").lower():
        return Judgement(State.BROKEN_LINK, "the digest after it tells another signature of it")
    return VALID


def judge_log(entry: DigestLogFile, body: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Judgement:
    """Whether the stored log ``body`` is what a valid digest's ``entry`` lists."""
    data = _inflated(body, limits)
    return data if isinstance(data, Judgement) else judge_hash(entry, hashlib.sha256(data).hexdigest())


def judge_hash(entry: DigestLogFile, sha256: str) -> Judgement:
    """The same for the hash of an inflated log."""
    if entry.hash_algorithm != _HASHED_BY:
        return Judgement(State.BAD_FORMAT, f"hashed by another algorithm than {_HASHED_BY}")
    if entry.hash_value != sha256:
        return Judgement(State.HASH_DIFFERS, "it is not the log that CloudTrail delivered")
    return VALID


def _inflated(body: bytes, limits: Limits) -> bytes | Judgement:
    """CloudTrail writes exactly one gzip member, so nothing else will do."""
    if not body.startswith(_GZIP):
        return Judgement(State.BAD_FORMAT, "not gzip")
    try:
        return inflate(body, limits=limits)
    except TrailingData as error:
        return Judgement(State.TRAILING_DATA, str(error))
    except LogTooLarge as error:
        return Judgement(State.OVERSIZE, str(error))
    except CorruptLog as error:
        return Judgement(State.BAD_FORMAT, str(error))


def _loaded(der: bytes) -> RSAPublicKey | None:
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None


def _short(text: str) -> str:
    return ascii(text[:64])[1:-1]
