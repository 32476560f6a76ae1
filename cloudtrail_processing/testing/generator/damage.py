"""Logs with something wrong in them, by name: for proving what becomes of them."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType

import orjson

from cloudtrail_processing.testing.generator.logs import GeneratedLog, pack

BOMB_SIZE = 32 * 2**20
"""What a bomb inflates to, in bytes; some thousand times its stored size."""


class Damage(StrEnum):
    """What can be wrong with the stored bytes of a log."""

    TRUNCATED = "truncated"
    """The last third of the bytes is missing."""
    EMPTY = "empty"
    """No bytes at all."""
    BAD_CRC = "bad CRC"
    """The checksum in the gzip trailer is wrong."""
    APPENDED_MEMBER = "appended member"
    """A second gzip member follows, holding another whole log."""
    TRAILING_BYTES = "trailing bytes"
    """Something that is no gzip member follows."""
    NOT_GZIP = "not gzip"
    """Neither gzip nor JSON."""
    NOT_JSON = "not JSON"
    """Good gzip, but what is inside ends in the middle."""
    NO_RECORDS = "no Records"
    """A JSON object without ``Records``."""
    BAD_ELEMENT = "bad element"
    """The first of ``Records`` is a string; a number and a list follow it. All other records are good."""
    BOMB = "bomb"
    """A small object that inflates to ``BOMB_SIZE`` bytes."""


def damaged(log: GeneratedLog, damage: Damage) -> GeneratedLog:
    """``log`` under the same key with damaged bytes; its ``records`` are those that can still be read.

    They can with ``BAD_ELEMENT`` only: three bad elements precede them.
    """
    readable = log.records if damage is Damage.BAD_ELEMENT else []
    return replace(log, body=_DAMAGES[damage](log), records=list(readable))


def plain(log: GeneratedLog) -> GeneratedLog:
    """``log`` with its JSON stored as it is, not compressed. No damage: it must be read all the same."""
    return replace(log, body=gzip.decompress(log.body))


def _bad_crc(log: GeneratedLog) -> bytes:
    crc = bytes(byte ^ 0xFF for byte in log.body[-8:-4])
    return log.body[:-8] + crc + log.body[-4:]


def _bomb(_log: GeneratedLog) -> bytes:
    return gzip.compress(b'{"Records":[' + b" " * (BOMB_SIZE - 14) + b"]}", mtime=0)


_DAMAGES: Mapping[Damage, Callable[[GeneratedLog], bytes]] = MappingProxyType(
    {
        Damage.TRUNCATED: lambda log: log.body[: len(log.body) * 2 // 3],
        Damage.EMPTY: lambda _: b"",
        Damage.BAD_CRC: _bad_crc,
        Damage.APPENDED_MEMBER: lambda log: log.body + log.body,
        Damage.TRAILING_BYTES: lambda log: log.body + b"\x00trailing",
        Damage.NOT_GZIP: lambda _: b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
        Damage.NOT_JSON: lambda log: gzip.compress(orjson.dumps({"Records": log.records})[:-2], mtime=0),
        Damage.NO_RECORDS: lambda _: pack({"message": "no records here"}),
        Damage.BAD_ELEMENT: lambda log: pack({"Records": ["no event", 7, ["neither"], *log.records]}),
        Damage.BOMB: _bomb,
    }
)
