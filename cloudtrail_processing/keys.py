"""Object keys: what an object is, and for whom and when CloudTrail wrote it, read from its name alone.

CloudTrail's keys are ``[prefix/]AWSLogs/[o-…/]<account>/<kind>/<region>/YYYY/MM/DD/<file name>``, where any prefix may
come first. A downloaded file keeps its name but not its folders, so the name alone is enough.
"""

import re
from datetime import datetime

from cloudtrail_processing.flow import LogKind, LogObject

# The first group is greedy: the last "AWSLogs" counts, since a prefix may hold one, too.
_FOLDERS = re.compile(
    r"(?:.*/)?AWSLogs/(?:(?P<organization>o-[a-z0-9]{10,32})/)?(?P<account>[0-9]{12})/"
    r"(?P<kind>[^/]+)/(?:(?P<region>[a-z0-9-]+)/)?.*",
    re.DOTALL,
)
_NAME = re.compile(
    r"(?P<account>[0-9]{12})_(?P<kind>CloudTrail(?:-[A-Za-z]+)?)_(?P<region>[a-z0-9-]+)_"
    r"(?P<time>[0-9]{8}T[0-9]{4}(?:[0-9]{2})?Z)_[A-Za-z0-9]+\.json(?:\.gz)?"
)
# Trail names may hold "_", "." and "-", regions never "_": the end of the name is found from the right.
_DIGEST_NAME = re.compile(
    r"(?P<account>[0-9]{12})_(?P<kind>CloudTrail-Digest)_(?P<region>[a-z0-9-]+)_"
    r".+_[a-z0-9-]+_(?P<time>[0-9]{8}T[0-9]{6}Z)(?:_backfill)?\.json(?:\.gz)?",
    re.DOTALL,
)
_KINDS = {kind.value: kind for kind in LogKind if kind.value.startswith("CloudTrail")}


def log_object(
    bucket: str,
    key: str,
    *,
    size: int | None = None,
    version_id: str | None = None,
    etag: str | None = None,
    sequencer: str | None = None,
) -> LogObject:
    """Say what lies at ``key``, from the key alone; never raises, whatever the key.

    ``key`` is plain, not URL-encoded, and may be a bare file name or a path on disk. What it does not tell is None;
    a date that no calendar knows leaves ``slot_time`` None. For digests, ``slot_time`` is the end of the digest's hour.
    An object of size 0 is a folder unless it has the name of a log: an emptied log must not pass as harmless.
    """
    name = key.rpartition("/")[2]
    folders = _part(_FOLDERS.fullmatch(key))
    named = _part(_DIGEST_NAME.fullmatch(name) or _NAME.fullmatch(name))
    return LogObject(
        bucket,
        key,
        kind=_kind(name, folders=folders, named=named, size=size),
        # Bucket policies guard folders, not names: where the two disagree, the folder is the safer witness.
        account=folders.get("account") or named.get("account"),
        region=folders.get("region") or named.get("region"),
        organization=folders.get("organization"),
        slot_time=_time(named.get("time")),
        version_id=version_id,
        etag=etag,
        size=size,
        sequencer=sequencer,
    )


def _part(match: re.Match[str] | None) -> dict[str, str | None]:
    return match.groupdict() if match else {}


def _kind(name: str, *, folders: dict[str, str | None], named: dict[str, str | None], size: int | None) -> LogKind:
    """The name decides, else the folder. What might be a log of a kind not known yet is read, not dropped."""
    if not name or (size == 0 and not named):
        return LogKind.FOLDER
    if named:
        return _KINDS.get(named["kind"] or "", LogKind.EVENTS)
    if not name.endswith((".json", ".json.gz")):
        return LogKind.OTHER
    service = folders.get("kind")
    if service is None:
        return LogKind.UNKNOWN
    is_trail = service.startswith("CloudTrail") and service != "CloudTrail-Lake"
    return _KINDS.get(service, LogKind.EVENTS if is_trail else LogKind.OTHER)


def _time(text: str | None) -> datetime | None:
    """``YYYYMMDDTHHMM[SS]Z`` as time in UTC, or None when it is no time."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)  # its Z makes it aware, in UTC; strptime would take fifty times as long
    except ValueError:
        return None
