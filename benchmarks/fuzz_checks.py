"""One check for each parser that reads what others wrote.

A check feeds one input to one parser and swallows the errors that the parser documents. Whatever else it raises is a
finding: an error that is not ours, or ``Broken`` when the result is not what was promised.
"""

import gzip
import os
import pickle
from datetime import UTC, datetime

from fuzz_seeds import GZIPPED

from cloudtrail_processing import keys, logfile, notification, quarantine, reading
from cloudtrail_processing.building import build
from cloudtrail_processing.errors import CorruptLog, LogTooLarge, NotificationError
from cloudtrail_processing.events import CloudTrailEvent, DigestFile, InsightEvent
from cloudtrail_processing.filters import EventFilter, Header, Where, decode_header
from cloudtrail_processing.flow import Ignored, LogObject, QueueMessage, RejectedRecord
from cloudtrail_processing.logfile import Limits

_LIMITS = Limits(inflated=2**20)
LOG = keys.log_object("bucket", "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/09/14/x.json.gz")
_HERE = LogObject("", "file.json")
_NOW = datetime(2027, 1, 1, tzinfo=UTC)


class Broken(AssertionError):
    """A parser gave something else than it promises."""


def must(holds: object, promise: str) -> None:
    """Raise ``Broken`` when a promise does not hold."""
    if not holds:
        raise Broken(promise)


def text_of(data: bytes) -> str:
    """Any bytes as text, lone surrogates included; what is no UTF-8 is taken byte by byte."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


# ── messages and keys ──


def any_body(data: bytes) -> None:
    """Any body is a ``Notification``, ``Ignored``, or a ``NotificationError``."""
    try:
        found = notification.parse(QueueMessage("id", text_of(data), "receipt"))
    except NotificationError as error:
        must(len(str(error)) < 2_000 and str(error).isprintable(), "an error text is one short line")
        return
    must(isinstance(found, Ignored) or found.named, "a notification names something")
    ignored = (found,) if isinstance(found, Ignored) else found.ignored
    must(all(it.why.isprintable() for it in ignored), "no message writes a log line of its own")
    for log in () if isinstance(found, Ignored) else found.logs:
        must(log.kind.may_hold_events and log.bucket and log.uri.isprintable(), "logs have a bucket and a kind")


def any_key(data: bytes) -> None:
    """Any key is a ``LogObject``."""
    bucket, _, key = text_of(data).partition("\n")
    log = keys.log_object(bucket, key)
    must((log.bucket, log.key) == (bucket, key), "bucket and key are kept")
    must(log.uri.isprintable() and log.id.startswith(log.uri), "the uri is one printable line")
    must(log.slot_time is None or log.slot_time.utcoffset() is not None, "times are aware")
    must(log.account is None or (len(log.account) == 12 and log.account.isascii()), "accounts have twelve digits")


# ── logs ──


def _stored(data: bytes) -> bytes:
    return gzip.compress(data[1:], 1, mtime=0) if data.startswith(GZIPPED) else data


def any_log(data: bytes) -> None:
    """Any bytes are events and rejected records, or a ``CorruptLog``."""
    body = _stored(data)
    try:
        inflated = logfile.inflate(body, limits=_LIMITS)
        records = logfile.split(inflated)
    except CorruptLog:
        return
    must(len(inflated) <= logfile.inflated_size(body, limits=_LIMITS), "the size is known before")
    must(_fits(inflated, len(records)), "as many records as there are is not too many")
    must(not records or not _fits(inflated, len(records) - 1), "one record more than allowed is too many")
    for index, event in enumerate(build(records, log=LOG, indexes=range(len(records)))):
        start, raw = records.start_of(index), records.raw(index)
        must(isinstance(event, CloudTrailEvent | RejectedRecord), "a record is an event or rejected")
        must(event.raw == raw, "events and rejected records are whole")
        must(start is not None and inflated[start : start + len(raw)] == raw, "the place of a record is exact")


def _fits(inflated: bytes, most: int) -> bool:
    """Whether a log may be split when it may have this many records at most."""
    try:
        logfile.split(inflated, limits=Limits(records=most))
    except LogTooLarge:
        return False
    return True


def any_form(data: bytes) -> None:
    """Any bytes are events, and then perhaps a ``CorruptLog``."""
    try:
        found = list(reading.read_events(_stored(data), limits=_LIMITS))
    except CorruptLog:
        return
    must(all(isinstance(event, CloudTrailEvent) for event in found), "only events are read")
    must(all(event.metadata.index == index for index, event in enumerate(found)), "events come in order")


def any_quarantined(data: bytes) -> None:
    """Any line is a record that was set aside, exact, or a ``CorruptLog``."""
    try:
        found = quarantine.from_line(data, place="place")
    except CorruptLog:
        return
    again = quarantine.from_line(quarantine.to_line(found.record, time=found.time), place="place")
    must(again == found, "a record goes round")
    must(hash(found.record) == hash(again.record), "a record can be looked up")
    must(found.time.utcoffset() is not None, "times are aware")
    name = quarantine.file_name([found.record])
    must(name == os.path.basename(name) and name.isascii() and name.isprintable(), "a name leads to no other folder")  # noqa: PTH119 - a text


# ── events and digests ──

_ASKED = (
    Where.parse("event_name=*User*,failed=false"),
    Where.parse("source_ip!=10.0.0.0/8,account_id!=1*"),
    Where.parse("category=Data|Insight"),
    ~Where(read_only=True),
    Where(arn="*", user_name="*"),
)


def any_event(data: bytes) -> None:
    """Any bytes are an event that holds all of them, or a ``ValueError``."""
    header = decode_header(data)
    try:
        event = CloudTrailEvent.from_json(data)
    except ValueError as error:
        must(type(error) is ValueError, "what is no event is a plain ValueError")
        return
    must(event.raw == data, "an event is whole")
    must(event.actor and event.category and repr(event), "every event tells who, what kind and where")
    must(pickle.loads(pickle.dumps(event)) == event, "an event can be pickled")
    _round_trip(event)
    _derived(event)
    for wanted in _ASKED:
        agree(wanted, event, header)


def _round_trip(event: CloudTrailEvent) -> None:
    parsed = event.to_dict()
    must(repr(CloudTrailEvent.from_dict(parsed).to_dict()) == repr(parsed), "a record goes round")


def _derived(event: CloudTrailEvent) -> None:
    """Whatever is derived never raises, and nothing that was refused is forgotten."""
    told = (event.failed, event.is_read_only, event.account_id, event.event_time, event.version, event.model_extra)
    must(len(told) == 6 and isinstance(event.anomalies, tuple), "derived values never raise")
    must(not isinstance(event, InsightEvent) or event.insight, "an Insight tells what was unusual")
    must(isinstance(event.model_dump(), dict), "an event can be dumped")


def agree(wanted: EventFilter, event: CloudTrailEvent, header: Header | None) -> None:
    """A filter has the same answer for an event and for its header."""
    answer = wanted.on_event(event)
    must(answer in (True, False), "a filter decides on every event")
    must(header is None or wanted.on_header(header) in (None, answer), "a header is judged as its event")


def any_digest(data: bytes) -> None:
    """Any bytes are a ``DigestFile``, or a ``ValueError``."""
    try:
        found = DigestFile.from_json(data)
    except ValueError as error:
        must(type(error) is ValueError, "what is no digest is a plain ValueError")
        return
    times = (found.start, found.end, found.newest_event, *(log.oldest_event for log in found.log_files))
    must(all(time is None or time.utcoffset() is not None for time in times), "times are aware")
    must(isinstance(found.aws_account_id, str), "evidence has the documented types")
