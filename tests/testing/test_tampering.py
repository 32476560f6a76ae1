"""Tamperings: each does exactly what it says, and leaves everything else as it was, byte for byte."""

import gzip
import zlib

import orjson
import pytest

from cloudtrail_processing.events import DigestFile
from cloudtrail_processing.integrity import (
    ALGORITHM,
    GENERATED,
    SIGNATURE,
    JudgedDigest,
    PublicKeys,
    State,
    StoredDigest,
    judge_digest,
    judge_link,
    judge_log,
)
from cloudtrail_processing.logfile import inflate
from cloudtrail_processing.testing import (
    Append,
    Flip,
    FlipInside,
    Inject,
    Metadata,
    Move,
    Remove,
    Replace,
    Resign,
    SignedTrail,
    StoredObject,
    Tampering,
    Truncate,
)
from cloudtrail_processing.testing.generator import START

TRAIL = SignedTrail(3, hours=4, rotate=2, records=1)
OLDER, NEWER = TRAIL.windows[1:3]
BUCKET = OLDER.bucket
DIGEST, LOG, OTHER = OLDER.key, OLDER.logs[0], OLDER.logs[1]
PUBLIC = PublicKeys(TRAIL.public_keys["us-east-1"])


def body(trail: SignedTrail, key: str) -> bytes:
    return trail.objects[BUCKET, key].body


def changed(*tamperings: Tampering) -> dict[tuple[str, str], StoredObject | None]:
    """Everything that is another after these: as it is now, None for what is gone."""
    after = TRAIL.tampered(*tamperings).objects
    return {at: after.get(at) for at in TRAIL.objects.keys() | after.keys() if TRAIL.objects.get(at) != after.get(at)}


def changed_body(tampering: Tampering) -> bytes:
    """The body of the one object that is another, which is so in nothing else."""
    ((place, stored),) = changed(tampering).items()
    was = TRAIL.objects[place]
    assert stored is not None
    assert place == (tampering.bucket, tampering.key)
    assert (stored.metadata, stored.last_modified) == (was.metadata, was.last_modified)
    return stored.body


def judged(trail: SignedTrail, key: str) -> JudgedDigest:
    stored = trail.objects[BUCKET, key]
    told = stored.metadata
    digest = StoredDigest(BUCKET, key, stored.body, told.get(SIGNATURE), told.get(ALGORITHM), told.get(GENERATED))
    return judge_digest(digest, PUBLIC)


def state(trail: SignedTrail, key: str) -> State:
    return judged(trail, key).judgement.state


def state_of_log(trail: SignedTrail, key: str) -> State:
    digest = judged(TRAIL, DIGEST).digest
    assert digest is not None
    (entry,) = (entry for entry in digest.log_files if entry.s3_object == key)
    return judge_log(entry, trail.objects[BUCKET, key].body).state


def differing(one: bytes, other: bytes) -> dict[int, int]:
    """Where two texts of one length differ, and in which bits."""
    return {at: a ^ b for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b}


def test_without_a_tampering_nothing_is_changed() -> None:
    assert changed() == {}


@pytest.mark.parametrize("key", [DIGEST, LOG], ids=["digest", "log"])
def test_a_removed_object_is_gone(key: str) -> None:
    assert changed(Remove(BUCKET, key)) == {(BUCKET, key): None}


def test_a_replaced_log_has_the_other_body_and_is_not_what_was_delivered() -> None:
    assert changed_body(Replace(BUCKET, LOG, body(TRAIL, OTHER))) == body(TRAIL, OTHER)
    assert state_of_log(TRAIL.tampered(Replace(BUCKET, LOG, body(TRAIL, OTHER))), LOG) is State.HASH_DIFFERS


@pytest.mark.parametrize(("offset", "mask"), [(0, 0xFF), (30, 0x01), (-1, 0x80)])
def test_a_flip_turns_the_bits_of_one_stored_byte_over(offset: int, mask: int) -> None:
    was = body(TRAIL, LOG)
    assert differing(was, changed_body(Flip(BUCKET, LOG, offset, mask))) == {offset % len(was): mask}


@pytest.mark.parametrize(("offset", "mask"), [(0, 0xFF), (30, 0x01), (-1, 0x80)])
def test_a_flip_inside_turns_the_bits_of_one_inflated_byte_over_in_intact_gzip(offset: int, mask: int) -> None:
    was = inflate(body(TRAIL, LOG))
    assert differing(was, inflate(changed_body(FlipInside(BUCKET, LOG, offset, mask)))) == {offset % len(was): mask}
    assert state_of_log(TRAIL.tampered(FlipInside(BUCKET, LOG, offset, mask)), LOG) is State.HASH_DIFFERS


@pytest.mark.parametrize("kind", [Flip, FlipInside])
@pytest.mark.parametrize("mask", [0, 256, -1])
def test_a_mask_that_turns_no_bit_over_is_refused(kind: type[Flip] | type[FlipInside], mask: int) -> None:
    with pytest.raises(ValueError, match="turns no bit"):
        TRAIL.tampered(kind(BUCKET, LOG, 1, mask))


def test_a_flip_beyond_the_end_is_refused() -> None:
    with pytest.raises(IndexError):
        TRAIL.tampered(Flip(BUCKET, LOG, 10**6))


def test_appended_data_follow_the_body_and_are_seen() -> None:
    member = gzip.compress(b"{}")
    assert changed_body(Append(BUCKET, LOG, member)) == body(TRAIL, LOG) + member
    spoilt = TRAIL.tampered(Append(BUCKET, LOG, member), Append(BUCKET, DIGEST, b"x"))
    assert state_of_log(spoilt, LOG) is State.TRAILING_DATA
    assert state(spoilt, DIGEST) is State.TRAILING_DATA


@pytest.mark.parametrize("size", [0, 1, 50])
def test_of_a_truncated_object_the_first_bytes_are_left(size: int) -> None:
    assert changed_body(Truncate(BUCKET, LOG, size)) == body(TRAIL, LOG)[:size]
    assert state_of_log(TRAIL.tampered(Truncate(BUCKET, LOG, size)), LOG) is State.BAD_FORMAT


def test_an_injected_object_is_one_that_was_never_there() -> None:
    injected = Inject(BUCKET, "AWSLogs/new", b"body", {"name": "value"}, OLDER.end)
    assert changed(injected) == {(BUCKET, "AWSLogs/new"): StoredObject(b"body", {"name": "value"}, OLDER.end)}
    assert changed(Inject("b", "k", b"")) == {("b", "k"): StoredObject(b"", {}, START)}
    with pytest.raises(ValueError, match="one lies already"):
        TRAIL.tampered(Inject(BUCKET, LOG, b""))


def test_metadata_of_one_name_is_changed_added_or_gone() -> None:
    was = TRAIL.objects[BUCKET, DIGEST]
    for name, value in [(SIGNATURE, "00"), ("new", "value"), (ALGORITHM, None), ("never there", None)]:
        after = TRAIL.tampered(Metadata(BUCKET, DIGEST, name, value)).objects[BUCKET, DIGEST]
        assert (after.body, after.last_modified) == (was.body, was.last_modified)
        assert after.metadata.get(name) == value
        assert {**after.metadata, name: ""} == {**was.metadata, name: ""}
        assert set(changed(Metadata(BUCKET, DIGEST, name, value))) <= {(BUCKET, DIGEST)}


def test_a_moved_object_lies_elsewhere_unchanged() -> None:
    was = TRAIL.objects[BUCKET, DIGEST]
    assert changed(Move(BUCKET, DIGEST, "elsewhere", "k")) == {(BUCKET, DIGEST): None, ("elsewhere", "k"): was}
    swapped = Move(BUCKET, DIGEST, BUCKET, NEWER.key)
    assert changed(swapped) == {(BUCKET, DIGEST): None, (BUCKET, NEWER.key): was}
    assert state(TRAIL.tampered(swapped), NEWER.key) is State.MOVED


@pytest.mark.parametrize(
    "changes",
    [
        {"previousDigestHashValue": "0" * 64},
        {"previousDigestSignature": "00"},
        {"previousDigestSignature": None, "previousDigestHashValue": None},
        {"logFiles": []},
        {"digestPublicKeyFingerprint": TRAIL.public_keys["us-east-1"][0].fingerprint},
        {"unknown": [1, {"a": "b"}]},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_a_digest_signed_again_says_something_else_and_is_valid(changes: dict[str, object]) -> None:
    resign = Resign(BUCKET, NEWER.key, changes)
    after = TRAIL.tampered(resign)
    assert set(changed(resign)) == {(BUCKET, NEWER.key)}
    assert orjson.loads(inflate(body(after, NEWER.key))) == orjson.loads(inflate(body(TRAIL, NEWER.key))) | changes
    assert state(after, NEWER.key) is State.VALID
    was, now = (trail.objects[BUCKET, NEWER.key] for trail in (TRAIL, after))
    assert now.last_modified == was.last_modified
    assert {**now.metadata, SIGNATURE: ""} == {**was.metadata, SIGNATURE: ""}


def test_a_wrong_link_in_a_valid_digest_is_broken() -> None:
    for changes in ({"previousDigestHashValue": "0" * 64}, {"previousDigestSignature": "00"}):
        newer = judged(TRAIL.tampered(Resign(BUCKET, NEWER.key, changes)), NEWER.key).digest
        assert isinstance(newer, DigestFile)
        assert judge_link(newer, judged(TRAIL, DIGEST)).state is State.BROKEN_LINK


def test_a_digest_signed_again_in_the_name_of_an_unknown_key_has_no_key() -> None:
    after = TRAIL.tampered(Resign(BUCKET, DIGEST, {"digestPublicKeyFingerprint": "0" * 32}))
    assert state(after, DIGEST) is State.NO_KEY


@pytest.mark.parametrize(
    "tampering",
    [
        Remove(BUCKET, "none"),
        Replace(BUCKET, "none", b""),
        Flip(BUCKET, "none", 0),
        FlipInside(BUCKET, "none", 0),
        Append(BUCKET, "none", b""),
        Truncate(BUCKET, "none", 0),
        Metadata("none", DIGEST, "a", "b"),
        Move("none", DIGEST, "a", "b"),
        Resign("none", DIGEST, {}),
    ],
    ids=lambda tampering: type(tampering).__name__,
)
def test_what_is_not_there_cannot_be_tampered_with(tampering: Tampering) -> None:
    with pytest.raises(LookupError, match="nothing to tamper with"):
        TRAIL.tampered(tampering)


def test_tamperings_are_done_in_their_order_and_add_up() -> None:
    once = TRAIL.tampered(Append(BUCKET, LOG, b"a"), Append(BUCKET, LOG, b"b"))
    assert body(once, LOG) == body(TRAIL, LOG) + b"ab"
    twice = once.tampered(Truncate(BUCKET, LOG, len(body(TRAIL, LOG))), Remove(BUCKET, OTHER))
    assert dict(twice.objects) == {at: stored for at, stored in TRAIL.objects.items() if at != (BUCKET, OTHER)}


def test_a_tampered_trail_still_tells_what_cloudtrail_wrote() -> None:
    spoilt = TRAIL.tampered(Remove(BUCKET, DIGEST))
    assert (spoilt.windows, spoilt.arn, spoilt.public_keys) == (TRAIL.windows, TRAIL.arn, TRAIL.public_keys)


def test_what_is_packed_again_is_one_gzip_member() -> None:
    for tampering in (FlipInside(BUCKET, LOG, 9), Resign(BUCKET, DIGEST, {"logFiles": []})):
        stream = zlib.decompressobj(31)
        stream.decompress(body(TRAIL.tampered(tampering), tampering.key))
        assert (stream.eof, stream.unused_data) == (True, b"")
