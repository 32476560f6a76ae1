import gzip
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logtexts import TEXT

from cloudtrail_processing.errors import CorruptLog, LogTooLarge
from cloudtrail_processing.logfile import Limits, inflate, inflated_size, split

GZIPPED = gzip.compress(TEXT, mtime=0)


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_a_gzipped_log_inflates_to_its_text(level: int) -> None:
    assert inflate(gzip.compress(TEXT, level)) == TEXT


def test_plain_text_passes_as_it_is_whatever_the_name_said() -> None:
    assert inflate(TEXT) == TEXT


def test_a_gzip_header_may_carry_a_name_a_comment_an_extra_field_and_a_checksum() -> None:
    optional = b"\x03\x00abc" + b"a name\x00" + b"a comment\x00"
    header = b"\x1f\x8b\x08\x1e" + b"\x00" * 6 + optional
    header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    assert inflate(header + GZIPPED[10:]) == TEXT


def test_an_empty_body_is_corrupt() -> None:
    with pytest.raises(CorruptLog, match="empty"):
        inflate(b"")


@pytest.mark.parametrize("length", range(len(GZIPPED)))
def test_a_gzipped_log_cut_short_anywhere_is_corrupt(length: int) -> None:
    with pytest.raises(CorruptLog):
        inflate(GZIPPED[:length])


def test_a_real_log_cut_short_anywhere_is_corrupt(corpora: Path) -> None:
    (file,) = corpora.glob("trailscraper/**/*.json.gz")
    body = file.read_bytes()
    assert len(split(inflate(body))) == 2
    for length in range(len(body)):
        with pytest.raises(CorruptLog):
            inflate(body[:length])


@pytest.mark.parametrize("mask", [0xFF, *(1 << bit for bit in range(8))])
def test_a_flip_in_any_byte_of_a_gzipped_log_is_found_or_changes_nothing(mask: int) -> None:
    unharmed = 0
    for place in range(len(GZIPPED)):
        body = bytearray(GZIPPED)
        body[place] ^= mask
        try:
            data = inflate(bytes(body))
            split(data)
        except CorruptLog:
            continue
        assert data == TEXT, f"byte {place}"
        unharmed += 1
    assert unharmed <= 8, "only flags, time, hint and system in the header, and the filling bits before the checksum"


@pytest.mark.parametrize("place", range(-8, 0))
def test_checksum_and_length_at_the_end_are_enforced(place: int) -> None:
    body = bytearray(GZIPPED)
    body[place] ^= 0x01
    with pytest.raises(CorruptLog, match="not intact gzip"):
        inflate(bytes(body))


@pytest.mark.parametrize("tail", [b"\x00", b"\n", GZIPPED, GZIPPED * 2, b"x" * 100_000], ids=len)
def test_anything_after_the_compressed_stream_is_named_as_tampering(tail: bytes) -> None:
    with pytest.raises(CorruptLog, match=f"{len(tail)} bytes after the end of the compressed stream.*tampering"):
        inflate(GZIPPED + tail)


@pytest.mark.parametrize(
    ("body", "limits", "why"),
    [
        (b"", Limits(), "empty: a log has at least one byte"),
        (b"x" * 1025, Limits(inflated=1024), "1025 bytes stored, over the limit of 1024 bytes"),
        (
            GZIPPED,
            Limits(inflated=len(TEXT) - 1),
            f"inflates from {len(GZIPPED)} to over {len(TEXT) - 1} bytes, the limit on size or on ratio",
        ),
        (
            GZIPPED[:-9],
            Limits(),
            f"cut short: the compressed stream has no end after {len(GZIPPED) - 9} bytes",
        ),
        (
            GZIPPED + b"xy",
            Limits(),
            "2 bytes after the end of the compressed stream: a sign of tampering or a broken copy",
        ),
    ],
    ids=["empty", "stored", "inflated", "cut", "appended"],
)
def test_the_error_says_what_is_wrong_with_the_bytes(body: bytes, limits: Limits, why: str) -> None:
    with pytest.raises(CorruptLog) as caught:
        inflate(body, limits=limits)
    assert str(caught.value) == why


def test_a_bomb_stops_at_the_limit_and_never_takes_the_memory() -> None:
    bomb = gzip.compress(b" " * (64 * 2**20), 9)
    limits = Limits(inflated=4 * 2**20, ratio=10**6)
    tracemalloc.start()
    try:
        with pytest.raises(LogTooLarge, match="4194304 bytes"):
            inflate(bomb, limits=limits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 2**20


def test_a_bomb_that_lies_about_its_length_stops_at_the_limit_too() -> None:
    bomb = gzip.compress(b" " * (8 * 2**20), 9)
    for length in (0, 1, 2**20, 2**31, 2**32 - 1):
        with pytest.raises(LogTooLarge):
            inflate(bomb[:-4] + struct.pack("<I", length), limits=Limits(inflated=2**20))
        with pytest.raises(LogTooLarge):
            inflate(bomb[:-4] + struct.pack("<I", length), limits=Limits(inflated=5 * 2**20, ratio=10**6))


def test_the_size_that_a_log_will_have_is_known_before_it_is_inflated() -> None:
    assert inflated_size(GZIPPED) == len(TEXT)
    assert inflated_size(TEXT) == len(TEXT)
    assert inflated_size(b"") == 0
    assert inflated_size(b"\x1f") == 1


def test_the_size_that_is_told_is_never_over_the_limit() -> None:
    bomb = gzip.compress(b" " * (8 * 2**20), 9)
    assert inflated_size(bomb, limits=Limits(inflated=2**20)) == 2**20
    assert inflated_size(bomb, limits=Limits(ratio=2)) == 2**20
    assert inflated_size(bomb, limits=Limits(inflated=2**33, ratio=10**9)) == 2**33


@pytest.mark.parametrize("tail", [b"", b"\x00\x00\x00\x00", GZIPPED])
def test_a_body_that_lies_about_its_length_never_takes_more_than_it_told(tail: bytes) -> None:
    """The memory budget goes by what is told: a lie must cost the body, and not the others."""
    body = gzip.compress(b" " * (32 * 2**20), 9)[:-4] + struct.pack("<I", 1000) + tail
    assert inflated_size(body) < 2**20
    tracemalloc.start()
    try:
        with pytest.raises(CorruptLog):
            inflate(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_no_intact_log_takes_more_than_was_told(data: bytes, length: int) -> None:
    body = gzip.compress(data)[:-4] + struct.pack("<I", length)
    if length == len(data):
        assert inflated_size(body) == len(inflate(body))
    else:
        with pytest.raises(CorruptLog):
            inflate(body)


def test_the_limit_itself_is_allowed_and_one_byte_more_is_not() -> None:
    limits = Limits(inflated=len(TEXT))
    assert inflate(GZIPPED, limits=limits) == TEXT
    assert inflate(TEXT, limits=limits) == TEXT
    for body in (gzip.compress(TEXT + b"\n"), TEXT + b"\n"):
        with pytest.raises(LogTooLarge):
            inflate(body, limits=limits)


def test_the_ratio_counts_only_beyond_one_mebibyte() -> None:
    small, large = b" " * 2**20, b" " * (2**20 + 1)
    assert inflate(gzip.compress(small), limits=Limits(ratio=10)) == small
    with pytest.raises(LogTooLarge):
        inflate(gzip.compress(large), limits=Limits(ratio=10))
    assert inflate(gzip.compress(large), limits=Limits(ratio=2000)) == large


@given(st.binary(max_size=300))
def test_whatever_was_compressed_inflates_to_the_same_bytes(data: bytes) -> None:
    assert inflate(gzip.compress(data)) == data


def test_random_bytes_never_pass_as_a_compressed_log() -> None:
    for _ in range(100):
        with pytest.raises(CorruptLog):
            inflate(b"\x1f\x8b\x08" + os.urandom(60))
