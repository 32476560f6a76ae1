"""Every rule of the proof, and: whatever the bytes, a judgement."""

import gzip
import hashlib
import json
import zlib
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from signing import key as private_key

from cloudtrail_processing.events import DigestFile
from cloudtrail_processing.events.digest import DigestLogFile
from cloudtrail_processing.flow import PublicKey
from cloudtrail_processing.integrity import (
    DigestKey,
    JudgedDigest,
    Judgement,
    PublicKeys,
    State,
    StoredDigest,
    judge_digest,
    judge_hash,
    judge_link,
    judge_log,
    signed_text,
)
from cloudtrail_processing.logfile import Limits
from cloudtrail_processing.testing import SignedTrail

PRIVATE = private_key(5)
PKCS1 = PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
SPKI = PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
KEYS = PublicKeys([PublicKey(PKCS1), PublicKey(SPKI)])
BUCKET = "trail"
NAME = "111122223333_CloudTrail-Digest_eu-west-1_main_us-east-1_20260101T010000Z"
FOLDER = "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/"
KEY = f"{FOLDER}2026/01/01/{NAME}.json.gz"
BACKFILL = KEY.replace(".json.gz", "_backfill.json.gz")
LOG = gzip.compress(b'{"Records":[]}')
ENTRY = DigestLogFile.model_validate(
    {"s3Bucket": BUCKET, "s3Object": "log", "hashValue": hashlib.sha256(gzip.decompress(LOG)).hexdigest()}
)
DOCUMENT: dict[str, Any] = {
    "awsAccountId": "111122223333",
    "digestStartTime": "2026-01-01T00:00:00Z",
    "digestEndTime": "2026-01-01T01:00:00Z",
    "digestS3Bucket": BUCKET,
    "digestS3Object": KEY,
    "digestPublicKeyFingerprint": PublicKey(PKCS1).fingerprint,
    "digestSignatureAlgorithm": "SHA256withRSA",
    "newestEventTime": None,
    "oldestEventTime": None,
    "previousDigestS3Bucket": BUCKET,
    "previousDigestS3Object": KEY.replace("T01", "T00"),
    "previousDigestHashValue": "ab" * 32,
    "previousDigestHashAlgorithm": "SHA-256",
    "previousDigestSignature": "cd" * 256,
    "logFiles": [
        {"s3Bucket": BUCKET, "s3Object": "log", "hashValue": ENTRY.hash_value, "hashAlgorithm": "SHA-256"},
    ],
}


def signed(text: bytes | None = None, *, place: tuple[str, str] = (BUCKET, KEY), **changes: object) -> StoredDigest:
    """A digest with these members changed, or exactly this text, and a good signature by what it tells first."""
    data = json.dumps({**DOCUMENT, **changes}).encode() if text is None else text
    told = {**DOCUMENT, **changes}
    previous = told["previousDigestSignature"] or "null"
    where = f"{told['digestS3Bucket']}/{told['digestS3Object']}"
    to_sign = f"{told['digestEndTime']}\n{where}\n{hashlib.sha256(data).hexdigest()}\n{previous}"
    signature = PRIVATE.sign(to_sign.encode("utf-8", "surrogatepass"), PKCS1v15(), SHA256()).hex()
    return StoredDigest(*place, gzip.compress(data), signature, "SHA256withRSA")


GOOD = signed()
TEXT = gzip.decompress(GOOD.body)


def state(stored: StoredDigest, keys: PublicKeys = KEYS, **more: Any) -> State:
    return judge_digest(stored, keys, **more).judgement.state


def test_a_digest_that_cloudtrail_signed_is_valid_and_told_whole() -> None:
    judged = judge_digest(GOOD, KEYS)
    assert judged.judgement == Judgement(State.VALID)
    assert judged.judgement.is_valid
    assert judged.sha256 == hashlib.sha256(TEXT).hexdigest()
    assert judged.signature == GOOD.signature
    assert judged.digest is not None
    assert judged.digest.log_files[0].hash_value == ENTRY.hash_value


def test_a_key_is_taken_in_either_form_that_aws_has_published() -> None:
    assert state(signed(digestPublicKeyFingerprint=PublicKey(SPKI).fingerprint)) is State.VALID
    assert state(GOOD, PublicKeys([PublicKey(SPKI)])) is State.NO_KEY, "each form has a fingerprint of its own"


def test_the_first_digest_of_a_chain_is_signed_with_null() -> None:
    for none in (None, ""):
        assert state(signed(previousDigestSignature=none)) is State.VALID


RULES: dict[str, tuple[StoredDigest, State]] = {
    "not gzip": (replace(GOOD, body=TEXT), State.BAD_FORMAT),
    "empty": (replace(GOOD, body=b""), State.BAD_FORMAT),
    "zlib": (replace(GOOD, body=zlib.compress(TEXT)), State.BAD_FORMAT),
    "cut": (replace(GOOD, body=GOOD.body[:-1]), State.BAD_FORMAT),
    "two members": (replace(GOOD, body=GOOD.body + gzip.compress(b"")), State.TRAILING_DATA),
    "a zero behind": (replace(GOOD, body=GOOD.body + b"\0"), State.TRAILING_DATA),
    "bomb": (replace(GOOD, body=gzip.compress(b" " * 9_000_000)), State.OVERSIZE),
    "no JSON": (signed(b"x"), State.BAD_FORMAT),
    "no object": (signed(b"[]"), State.BAD_FORMAT),
    "no members": (signed(b"{}"), State.BAD_FORMAT),
    "wrong type": (signed(digestS3Bucket=1, logFiles="x"), State.BAD_FORMAT),
    "entries are none": (signed(logFiles=[1]), State.BAD_FORMAT),
    "no signature": (replace(GOOD, signature=None), State.BAD_SIGNATURE),
    "empty signature": (replace(GOOD, signature=""), State.BAD_SIGNATURE),
    "no algorithm": (replace(GOOD, algorithm=None), State.BAD_SIGNATURE),
    "another algorithm beside it": (replace(GOOD, algorithm="SHA1withRSA"), State.BAD_FORMAT),
    "another algorithm in it": (signed(digestSignatureAlgorithm="none"), State.BAD_FORMAT),
    "another bucket": (replace(GOOD, bucket="elsewhere"), State.MOVED),
    "another key": (replace(GOOD, key=KEY.replace("main", "other")), State.MOVED),
    "no start": (signed(digestStartTime="yesterday"), State.BAD_FORMAT),
    "no end": (signed(digestEndTime="0000-00-00T00:00:00Z"), State.BAD_FORMAT),
    "odd hexadecimal": (replace(GOOD, signature="abc"), State.BAD_SIGNATURE),
    "no hexadecimal": (replace(GOOD, signature="é" * 512), State.BAD_SIGNATURE),
    "blanks in it": (replace(GOOD, signature=f" {GOOD.signature} "), State.BAD_SIGNATURE),
    "cut signature": (replace(GOOD, signature=(GOOD.signature or "")[:-2]), State.BAD_SIGNATURE),
    "unknown key": (signed(digestPublicKeyFingerprint="0" * 32), State.NO_KEY),
    "empty fingerprint": (signed(digestPublicKeyFingerprint=""), State.NO_KEY),
    "not signed by it": (replace(GOOD, signature=signed(awsAccountId="1").signature), State.BAD_SIGNATURE),
    "backfill without a time": (
        signed(digestS3Object=BACKFILL, place=(BUCKET, BACKFILL)),
        State.BAD_FORMAT,
    ),
    "backfill": (
        replace(signed(digestS3Object=BACKFILL, place=(BUCKET, BACKFILL)), generated="2026-01-01T04:00:00.000Z"),
        State.VALID,
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_each_rule_has_its_state_and_a_reason(name: str) -> None:
    stored, expected = RULES[name]
    judgement = judge_digest(stored, KEYS, limits=Limits(inflated=5_000_000)).judgement
    assert judgement.state is expected
    assert bool(judgement.detail) is (expected is not State.VALID)
    assert judgement.detail.isprintable()


ORDER = [
    ("not gzip", {"body": b"x", "signature": None, "bucket": "elsewhere"}, State.BAD_FORMAT),
    ("no signature", {"signature": None, "bucket": "elsewhere", "algorithm": "x"}, State.BAD_SIGNATURE),
    ("moved", {"bucket": "elsewhere", "signature": "00"}, State.MOVED),
]


@pytest.mark.parametrize(("name", "changes", "expected"), ORDER, ids=[name for name, _, _ in ORDER])
def test_of_several_faults_the_one_that_the_aws_cli_meets_first_is_told(
    name: str, changes: dict[str, Any], expected: State
) -> None:
    assert state(replace(GOOD, **changes)) is expected, name


def test_a_moved_digest_with_an_unknown_key_is_moved_and_an_unknown_key_goes_before_its_signature() -> None:
    unknown = signed(digestPublicKeyFingerprint="0" * 32)
    assert state(replace(unknown, bucket="elsewhere")) is State.MOVED
    assert state(replace(unknown, signature="00")) is State.NO_KEY


def test_a_key_that_is_none_proves_nothing_and_stops_nothing() -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = elliptic.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for junk in (der, b"", b"junk", PKCS1[:-1], b"\x30\x80" * 1000):
        keys = PublicKeys([PublicKey(junk), PublicKey(PKCS1)])
        assert len(keys) == 2
        judgement = judge_digest(signed(digestPublicKeyFingerprint=PublicKey(junk).fingerprint), keys).judgement
        assert (judgement.state, "no RSA key" in judgement.detail) == (State.NO_KEY, True)
        assert state(GOOD, keys) is State.VALID


def test_the_fingerprint_in_a_reason_is_short_and_printable() -> None:
    judgement = judge_digest(signed(digestPublicKeyFingerprint="\x1b[2J\n" * 1000), KEYS).judgement
    assert judgement.detail.isprintable()
    assert len(judgement.detail) < 400


# ── any bytes ──


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_judged_as_a_digest_and_as_a_log(body: bytes) -> None:
    for stored in (replace(GOOD, body=body), replace(GOOD, body=b"\x1f\x8b" + body)):
        assert state(stored) is not State.VALID
    assert not judge_log(ENTRY, body).is_valid


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(DOCUMENT)), _JSON, max_size=6))
@settings(max_examples=300, deadline=None)
def test_any_json_in_its_members_is_judged(changes: dict[str, Any]) -> None:
    stored = replace(GOOD, body=gzip.compress(json.dumps({**DOCUMENT, **changes}).encode()))
    is_same = gzip.decompress(stored.body) == TEXT
    assert (state(stored) is State.VALID) is is_same


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20) | st.none())
@settings(max_examples=200, deadline=None)
def test_any_metadata_are_judged(signature: str, algorithm: str, generated: str | None) -> None:
    for stored in (GOOD, replace(GOOD, key=BACKFILL)):
        assert state(replace(stored, signature=signature, algorithm=algorithm, generated=generated)) is not State.VALID
        assert state(replace(stored, signature=signature, generated=generated)) is not State.VALID


def test_a_digest_and_a_log_cut_at_any_byte_are_not_valid() -> None:
    assert {state(replace(GOOD, body=GOOD.body[:end])) for end in range(len(GOOD.body))} == {State.BAD_FORMAT}
    assert {judge_log(ENTRY, LOG[:end]).state for end in range(len(LOG))} == {State.BAD_FORMAT}


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_a_digest_with_any_byte_of_its_content_altered_is_not_valid(mask: int) -> None:
    for offset in range(len(TEXT)):
        altered = bytearray(TEXT)
        altered[offset] ^= mask
        assert state(replace(GOOD, body=gzip.compress(bytes(altered), 1))) is not State.VALID


def test_a_log_with_any_byte_altered_is_not_valid() -> None:
    data = gzip.decompress(LOG)
    for offset in range(len(data)):
        altered = bytearray(data)
        altered[offset] ^= 0x01
        assert judge_log(ENTRY, gzip.compress(bytes(altered))).state is State.HASH_DIFFERS


def test_a_signature_with_any_digit_altered_is_not_valid() -> None:
    signature = GOOD.signature or ""
    for offset, digit in enumerate(signature):
        other = "0" if digit != "0" else "1"
        altered = signature[:offset] + other + signature[offset + 1 :]
        assert state(replace(GOOD, signature=altered)) is State.BAD_SIGNATURE


ODD: dict[str, bytes] = {
    "lone surrogates": TEXT.replace(b"111122223333", b"\\ud800"),
    "deep": b'{"x":' + b"[" * 100_000,
    "deep and whole": TEXT[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "huge number": TEXT[:-1] + b',"x":' + b"9" * 50_000 + b"}",
    "huge exponent": TEXT[:-1] + b',"x":1e999999}',
    "NaN": TEXT[:-1] + b',"x":NaN}',
    "invalid UTF-8": TEXT.replace(b"111122223333", b"11112222333\xff"),
    "a mark of byte order": b"\xef\xbb\xbf" + TEXT,
    "UTF-16": TEXT.decode().encode("utf-16"),
    "zeros": b"\0" * 1000,
    "a zero behind": TEXT + b"\0",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_json_that_nobody_signed_is_judged_and_not_valid(name: str) -> None:
    judged = judge_digest(replace(GOOD, body=gzip.compress(ODD[name])), KEYS)
    assert judged.judgement.state in (State.BAD_FORMAT, State.BAD_SIGNATURE, State.MOVED)
    assert judged.judgement.detail.isprintable()
    assert signed_text(judged.digest, judged.sha256) if judged.digest else judged.sha256


def test_names_with_lone_surrogates_can_be_signed_and_are_valid_at_their_place_alone() -> None:
    odd = KEY.replace("main", "ma\udcffin")
    stored = signed(digestS3Object=odd, place=(BUCKET, odd))
    assert state(stored) is State.VALID
    assert state(replace(stored, key=KEY)) is State.MOVED


def test_a_member_that_is_there_twice_counts_last_and_the_signature_covers_both() -> None:
    """What is signed is the hash of the exact bytes: who adds a second member breaks it, whichever parser reads."""
    twice = TEXT[:-1] + b',"logFiles":[]}'
    assert state(replace(GOOD, body=gzip.compress(twice))) is State.BAD_SIGNATURE
    judged = judge_digest(signed(twice), KEYS)
    assert judged.judgement.is_valid
    assert judged.digest is not None
    assert judged.digest.log_files == []


def test_no_other_digest_has_the_signed_text_of_a_digest_by_moving_its_lines() -> None:
    """An end with a line break in it cannot shift the other fields: their order and the hash's place stay."""
    text = signed_text(DigestFile.from_json(TEXT), "ab" * 32).decode()
    end, place, sha256, previous = text.split("\n")
    for changes in (
        {"digestEndTime": f"{end}\n{place}"},
        {"digestEndTime": ""},
        {"previousDigestSignature": f"{previous}\n"},
    ):
        told = DigestFile.from_json(json.dumps({**DOCUMENT, **changes}).encode())
        assert signed_text(told, sha256).decode() != text
        assert state(replace(GOOD, body=gzip.compress(json.dumps({**DOCUMENT, **changes}).encode()))) is not State.VALID


def test_gzip_that_says_other_things_beside_the_same_content_is_valid() -> None:
    assert state(replace(GOOD, body=gzip.compress(TEXT, 1, mtime=1234567))) is State.VALID
    assert state(replace(GOOD, signature=(GOOD.signature or "").upper())) is State.VALID


# ── links ──

OLDER = JudgedDigest(Judgement(State.VALID), None, DOCUMENT["previousDigestHashValue"], "cd" * 256)
NEWER = DigestFile.from_json(TEXT)


def newer(**changes: object) -> DigestFile:
    return DigestFile.from_json(json.dumps({**DOCUMENT, **changes}).encode())


@pytest.mark.parametrize(
    ("told", "older", "expected"),
    [
        (NEWER, OLDER, State.VALID),
        (newer(previousDigestHashAlgorithm=None), OLDER, State.VALID),
        (newer(previousDigestHashAlgorithm="MD5"), OLDER, State.BAD_FORMAT),
        (newer(previousDigestHashValue="00" * 32), OLDER, State.BROKEN_LINK),
        (newer(previousDigestHashValue=None), OLDER, State.BROKEN_LINK),
        (newer(previousDigestSignature="00" * 256), OLDER, State.BROKEN_LINK),
        (newer(previousDigestSignature=None), OLDER, State.BROKEN_LINK),
        (NEWER, replace(OLDER, sha256=""), State.BROKEN_LINK),
        (NEWER, replace(OLDER, signature=None), State.BROKEN_LINK),
        (NEWER, replace(OLDER, signature="CD" * 256), State.VALID),
    ],
    ids=["good", "old", "md5", "hash", "no hash", "signature", "none", "unread", "unsigned", "capitals"],
)
def test_a_link_is_good_when_both_the_hash_and_the_signature_fit(
    told: DigestFile, older: JudgedDigest, expected: State
) -> None:
    assert judge_link(told, older).state is expected


# ── logs ──


@pytest.mark.parametrize(
    ("entry", "body", "expected"),
    [
        ({}, LOG, State.VALID),
        ({}, gzip.compress(b'{"Records":[]}', 1, mtime=99), State.VALID),
        ({}, gzip.compress(b'{"Records":[1]}'), State.HASH_DIFFERS),
        ({}, b'{"Records":[]}', State.BAD_FORMAT),
        ({}, LOG + LOG, State.TRAILING_DATA),
        ({}, gzip.compress(b" " * 9_000_000), State.OVERSIZE),
        ({"hash_algorithm": "MD5"}, LOG, State.BAD_FORMAT),
        ({"hash_value": ENTRY.hash_value.upper()}, LOG, State.HASH_DIFFERS),
        ({"hash_value": ""}, LOG, State.HASH_DIFFERS),
    ],
    ids=["good", "packed again", "altered", "plain", "twice", "bomb", "md5", "capitals", "no hash"],
)
def test_a_log_is_valid_when_its_content_has_the_hash_that_is_listed(
    entry: dict[str, str], body: bytes, expected: State
) -> None:
    listed = ENTRY.model_copy(update=entry)
    assert judge_log(listed, body, limits=Limits(inflated=5_000_000)).state is expected


def test_a_hash_that_was_computed_on_the_way_is_judged_alike() -> None:
    assert judge_hash(ENTRY, ENTRY.hash_value).is_valid
    assert judge_hash(ENTRY, "00" * 32).state is State.HASH_DIFFERS


# ── keys ──


@pytest.mark.parametrize("trail", ["main", "a", "my.trail-2_x", "x_us-east-1", "CloudTrail-Digest", "x" * 128, "日本"])
@pytest.mark.parametrize("prefix", ["", "some/where/", "AWSLogs/", "AWSLogs/999988887777/"])
def test_the_key_of_a_digest_tells_whose_it_is(trail: str, prefix: str) -> None:
    key = prefix + KEY.replace("_main_", f"_{trail}_")
    end = datetime(2026, 1, 1, 1, tzinfo=UTC)
    told = DigestKey(prefix + FOLDER, "111122223333", "eu-west-1", trail, "us-east-1", end, False)
    assert DigestKey.parse(key) == told
    assert DigestKey.parse(key.replace(".json.gz", "_backfill.json.gz")) == replace(told, is_backfill=True)
    within = key.replace("AWSLogs/1111", "AWSLogs/o-exampleorg1/1111")
    assert DigestKey.parse(within) == replace(
        told, organization="o-exampleorg1", folder=f"{prefix}AWSLogs/o-exampleorg1/{FOLDER[8:]}"
    )


SPOIL: dict[str, Callable[[str], str]] = {
    "another account in its name": lambda key: key.replace("/111122223333_", "/999988887777_"),
    "another region in its name": lambda key: key.replace("_eu-west-1_", "_eu-west-2_"),
    "a date that no calendar has": lambda key: key.replace("20260101T", "20261301T"),
    "no trail": lambda key: key.replace("_main_", "__"),
    "a trail with a slash": lambda key: key.replace("_main_", "_ma/in_"),
    "plain": lambda key: key.removesuffix(".gz"),
    "more behind": lambda key: key + ".bak",
    "a line behind": lambda key: key + "\n",
    "no day": lambda key: key.replace("2026/01/01/", ""),
    "a log": lambda key: key.replace("CloudTrail-Digest", "CloudTrail"),
    "other digits": lambda key: key.replace("111122223333", "11112222333३"),
    "a folder within": lambda key: key.replace("/eu-west-1/", "/eu-west-1/x/"),
}


@pytest.mark.parametrize("name", SPOIL)
def test_a_key_that_no_digest_has_is_told_as_none(name: str) -> None:
    spoilt = SPOIL[name](KEY)
    assert spoilt != KEY
    assert DigestKey.parse(spoilt) is None


def test_a_digest_of_another_account_below_a_folder_is_of_that_account() -> None:
    """Whoever may choose the prefix of a trail of his own must not be taken for the owner of the folder."""
    own = KEY.replace("111122223333", "999988887777")
    told = DigestKey.parse(f"{KEY.removesuffix('.json.gz')}/{own}")
    assert told is not None
    assert told.account == "999988887777"
    assert told.folder.endswith("AWSLogs/999988887777/CloudTrail-Digest/eu-west-1/")


@given(st.text(max_size=40))
def test_any_text_is_asked_for_a_key(text: str) -> None:
    assert DigestKey.parse(text) is None
    assert DigestKey.parse(FOLDER + text) is None


# ── what CloudTrail itself wrote ──


def test_the_keys_that_aws_published_have_the_fingerprints_that_it_tells(corpora: Path) -> None:
    told = json.loads((corpora / "native-digests" / "digest_public_keys.json").read_bytes())
    keys = told["response"]["PublicKeyList"]
    assert keys
    for key in keys:
        made = PublicKey(b64decode(key["Value"]))
        assert made.fingerprint == key["Fingerprint"]
        assert PublicKeys([made]).judge(made.fingerprint, b"\0" * 256, b"").state is State.BAD_SIGNATURE


def test_a_digest_that_cloudtrail_wrote_is_understood(corpora: Path) -> None:
    """Its account was replaced for publication, so its signature proves it no more; every rule before that is kept."""
    native = json.loads((corpora / "native-digests" / "digest_starting.json").read_bytes())
    keys = json.loads((corpora / "native-digests" / "digest_public_keys.json").read_bytes())["response"]
    document = native["document"]
    place = (document["digestS3Bucket"], document["digestS3Object"])
    assert DigestKey.parse(place[1]) is not None
    stored = StoredDigest(*place, gzip.compress(json.dumps(document).encode()), "00" * 256, "SHA256withRSA")
    public = PublicKeys(PublicKey(b64decode(key["Value"])) for key in keys["PublicKeyList"])
    judged = judge_digest(stored, public)
    assert judged.judgement.state in (State.BAD_SIGNATURE, State.NO_KEY)
    assert judged.digest is not None
    assert judged.digest.previous_digest_s3_object is None


def test_what_the_generator_signs_is_valid() -> None:
    trail = SignedTrail(1, hours=2, logs=1)
    keys = PublicKeys(trail.public_keys["us-east-1"])
    for (bucket, key), it in trail.objects.items():
        if "Digest" in key:
            beside = (it.metadata["signature"], it.metadata["signature-algorithm"])
            assert judge_digest(StoredDigest(bucket, key, it.body, *beside), keys).judgement.is_valid
