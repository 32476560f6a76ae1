"""A log as it lies in the bucket → its JSON text → its raw records.

    body ──inflate──▶ data ──split──▶ Records ──build──▶ CloudTrailEvent | RejectedRecord

Nothing is parsed before ``building.build``: ``split`` only finds where the records lie. Whatever the bytes are, the
only errors are ``CorruptLog`` and its ``LogTooLarge``; the caller knows which log it was and says so.
"""

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from operator import add
from typing import Self

import msgspec
from isal import igzip_lib

from cloudtrail_processing import spans
from cloudtrail_processing.counting import check_count, check_number, records_array
from cloudtrail_processing.errors import CorruptLog, LogTooLarge, TrailingData
from cloudtrail_processing.needles import Haystack

_MAGIC = b"\x1f\x8b"
_RATIO_FREE = 2**20
_LONGEST_TOLD = 2**32 - 1
_PIECE = 2**20
_ROOM = 8
"""Bytes per allowed record: records that a text of so many holds take no more memory than the largest log may take."""
_DamagedStream: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]  # its stub says an instance


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a log may inflate: ``inflated`` bytes in all, and ``ratio`` times its stored size; and how many records.

    The ratio only counts beyond 1 MiB; real logs inflate some 10 to 60 times, and hold some thousand records.
    """

    inflated: int = 256 * 2**20
    ratio: int = 500
    records: int = 1_000_000

    def for_body(self, size: int) -> int:
        """The most bytes that a body of ``size`` stored bytes may inflate to."""
        return min(self.inflated, max(_RATIO_FREE, self.ratio * size))


DEFAULT_LIMITS = Limits()


def inflate(body: bytes, *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The JSON text of a stored log: gzip is inflated, anything else is passed on as it is.

    The first two bytes decide, not the name. Of gzip exactly one member is taken, its checksum and length are
    verified, and never more than one byte beyond the limit is inflated. Raises ``LogTooLarge`` beyond ``limits`` and
    ``CorruptLog`` when the body is empty, damaged, cut short, or followed by anything.
    """
    if not body:
        raise CorruptLog("empty: a log has at least one byte")
    if len(body) > limits.inflated:
        raise LogTooLarge(f"{len(body)} bytes stored, over the limit of {limits.inflated} bytes")
    return _gunzip(body, limit=limits.for_body(len(body))) if _MAGIC.startswith(body[:2]) else body


def inflated_size(body: bytes, *, limits: Limits = DEFAULT_LIMITS) -> int:
    """The bytes that ``inflate`` will take for this body at most; known before anything is inflated.

    Of gzip it is the length that the body claims: where that is a lie, ``inflate`` keeps no more than was claimed.
    """
    is_gzip = len(body) > 1 and _MAGIC.startswith(body[:2])
    return _claimed_size(body, limit=limits.for_body(len(body))) if is_gzip else len(body)


def _claimed_size(body: bytes, *, limit: int) -> int:
    """The length that the end of the body tells, modulo 4 GiB, where a body may not be longer."""
    return limit if limit > _LONGEST_TOLD else min(int.from_bytes(body[-4:], "little"), limit)


def _gunzip(body: bytes, *, limit: int) -> bytes:
    stream = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
    try:
        data: bytes = stream.decompress(body, _claimed_size(body, limit=limit) + 1)
        dropped = _drop_rest(stream, most=limit + 1 - len(data))
    except _DamagedStream as error:
        raise CorruptLog(f"not intact gzip: {error}") from error
    if len(data) + dropped > limit:
        raise LogTooLarge(f"inflates from {len(body)} to over {limit} bytes, the limit on size or on ratio")
    if not stream.eof:
        raise CorruptLog(f"cut short: the compressed stream has no end after {len(body)} bytes")
    if stream.unused_data:
        count = len(stream.unused_data)
        text = f"{count} bytes after the end of the compressed stream: a sign of tampering or a broken copy"
        raise TrailingData(text)
    if dropped:
        raise CorruptLog("longer than its end tells: a sign of tampering or a broken copy")
    return data


def _drop_rest(stream: igzip_lib.IgzipDecompressor, *, most: int) -> int:
    """Inflate up to ``most`` bytes beyond the length that the body claimed: only to tell what is wrong with it."""
    dropped = 0
    while not stream.eof and dropped < most:
        piece = len(stream.decompress(b"", min(_PIECE, most - dropped)))
        if not piece:
            break
        dropped += piece
    return dropped


def of_log(error: CorruptLog, uri: str) -> CorruptLog:
    """The same error with the name of the log, of a class that everybody knows: its own may be private."""
    kind = next(it for it in (LogTooLarge, TrailingData, CorruptLog) if isinstance(error, it))
    return kind(f"{uri}: {error}")


View = bytes | msgspec.Raw
"""The bytes of a record, copied or not."""


class Records:
    """The raw records of one log, in the order of the file; none of them has been parsed.

    Holds on to the inflated data while it lives; the ``bytes`` it hands out and ``start_of`` do not.
    """

    __slots__ = ("_haystack", "_indexes", "_raws", "_start_of")

    def __init__(
        self,
        raws: Sequence[View],
        start_of: Callable[[int], int | None],
        indexes: Sequence[int] | None = None,
        *,
        haystack: Haystack | None = None,
    ) -> None:
        self._haystack = haystack
        self._raws = raws
        self._start_of = start_of
        self._indexes: Sequence[int] = range(len(raws)) if indexes is None else indexes

    @classmethod
    def of(cls, raws: Sequence[bytes], *, indexes: Sequence[int] | None = None) -> Self:
        """Records that are no slices of a log, such as those inside a message.

        ``indexes`` tell where each one stood in its log when these are not all of it.
        """
        return cls(raws, _nowhere, indexes)

    def __len__(self) -> int:
        return len(self._raws)

    def __iter__(self) -> Iterator[bytes]:
        return map(bytes, self._raws)

    def raw(self, index: int) -> bytes:
        """The exact bytes of a record, without the white space around it; ``IndexError`` when there is none."""
        return bytes(self._raws[index])

    def raws(self, indexes: Sequence[int]) -> Sequence[bytes]:
        """The same of several records."""
        return list(map(bytes, self.views(indexes)))

    def views(self, indexes: Sequence[int]) -> Sequence[View]:
        """What ``bytes`` makes the same of; these are no copies, and hold on to the inflated data while they live."""
        return list(map(self._raws.__getitem__, indexes))

    @property
    def are_checked(self) -> bool:
        """True when each record is known to be valid JSON; known of whole logs only, and of intact ones."""
        return self._haystack is not None and self._haystack.is_utf8

    def holding(self, needles: Sequence[bytes]) -> Sequence[int] | None:
        """The records that hold one of ``needles`` or of which nobody can tell, in order; all that are no objects, too.

        ``EventFilter.needles`` says what a needle is. None when it is cheaper to read all records, as when more than a
        quarter of them would be named; and always for records that are not checked.
        """
        return None if self._haystack is None else self._haystack.holding(needles)

    def index_of(self, index: int) -> int:
        """Where record ``index`` of these stood in its log: at that same place, unless these are only some of it."""
        return self._indexes[index]

    def indexes_of(self, indexes: Sequence[int]) -> tuple[int, ...]:
        """The same of several records."""
        is_whole = self._indexes == range(len(self._raws))
        return tuple(indexes if is_whole else map(self._indexes.__getitem__, indexes))

    @property
    def start_of(self) -> Callable[[int], int | None]:
        """``start_of(i)``: where record ``i`` begins in the inflated data: ``data[start:start + len(raw)] == raw``.

        None for a record that is no slice of the data. Computed when first asked; keep the function, not the records.
        """
        return self._start_of


def _nowhere(_index: int) -> None:
    return None


def split(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Records:
    """The records of a log: the array ``Records`` of an object, wherever it stands in it, or a bare array.

    Damage inside one record leaves the others whole; an empty array is fine. Raises ``CorruptLog`` when the text is no
    JSON or cut short, when anything follows it, and when there is no array ``Records``, or more than one; and
    ``LogTooLarge`` when there are more than ``limits.records`` of them, before they take memory.
    """
    if len(data) > _ROOM * limits.records:
        check_count(data, limits.records)
    records = _split_native(data)
    if records is None:
        check_count(data, limits.records)
        return _split_other(data)
    check_number(len(records), limits.records)
    return records


class _Log(msgspec.Struct):
    records: list[msgspec.Raw] = msgspec.field(name="Records")


_DECODER = msgspec.json.Decoder(_Log | list[msgspec.Raw])
# A text that holds nothing but the records: what stands before the first and behind the last one.
_HEAD = re.compile(rb'[ \t\r\n]*+(\{[ \t\r\n]*+"Records"[ \t\r\n]*+:[ \t\r\n]*+)?+\[[ \t\r\n]*+')
_TAIL = re.compile(rb"[ \t\r\n]*+\][ \t\r\n]*+(\}[ \t\r\n]*+)?+")
_COMMA = re.compile(rb"[ \t\r\n]*+,[ \t\r\n]*+")


def _split_native(data: bytes) -> Records | None:
    """The quick way for intact texts that hold nothing but records, as CloudTrail's do; None for all others."""
    head = _HEAD.match(data)
    if head is None:
        return None
    try:
        log = _DECODER.decode(data)
    except (msgspec.MsgspecError, RecursionError):
        return None
    raws = log.records if isinstance(log, _Log) else log
    # When the records with one comma between them reach from head to tail, then no white space and no second array is
    # left: the sum proves where each one lies. Otherwise each one has to be found.
    compact = _Compact(head.end(), array("Q", map(len, raws)))
    if _TAIL.fullmatch(data, compact.end):
        return Records(raws, compact.start_of, haystack=Haystack(data, lambda: compact.starts))
    starts = _found(raws, data, head.end())
    return None if starts is None else Records(raws, starts.__getitem__, haystack=Haystack(data, lambda: starts))


class _Compact:
    """The places of records that follow each other with one comma between them."""

    def __init__(self, first: int, lengths: "array[int]") -> None:
        self._first = first
        self._lengths = lengths

    @property
    def end(self) -> int:
        return self._first + sum(self._lengths) + max(0, len(self._lengths) - 1)

    @cached_property
    def starts(self) -> "array[int]":
        commas = range(len(self._lengths))
        return array("Q", map(add, accumulate(self._lengths, initial=self._first), commas))

    def start_of(self, index: int) -> int:
        return self.starts[index]


def _found(raws: Sequence[msgspec.Raw], data: bytes, place: int) -> "array[int] | None":
    """The places of records that follow each other with a comma and any white space between them, up to the tail."""
    starts = array("Q")
    for raw in raws:
        starts.append(place)
        end = place + len(raw)
        comma = _COMMA.match(data, end)
        if data[place:end] != bytes(raw) or not (comma or len(starts) == len(raws)):
            return None
        place = comma.end() if comma else end
    return starts if _TAIL.fullmatch(data, place) else None


def _split_other(data: bytes) -> Records:
    """The thorough way: any layout, and whatever is damaged inside a record."""
    found = list(spans.elements(data, records_array(data)))
    starts = array("Q", (start for start, _ in found))
    return Records([data[start:end] for start, end in found], starts.__getitem__)
