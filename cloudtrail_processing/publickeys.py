"""CloudTrail's public keys from a file, for audits without AWS."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.flow import PublicKey


class KeyFile:
    """``ports.PublicKeySource`` of files as ``aws cloudtrail list-public-keys`` prints them.

    Several files, such as one for each region, count as one: a fingerprint tells which key is meant. Raises
    ``SettingsError`` for a file that cannot be read, or that holds no key.
    """

    def __init__(self, *paths: str | Path) -> None:
        self._keys = [key for path in paths for key in _read(Path(path))]

    def keys(self, *, region: str, first: datetime, last: datetime) -> Sequence[PublicKey]:
        """All of them, whatever is asked for."""
        del region, first, last
        return self._keys


def _read(path: Path) -> list[PublicKey]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{str(path)!a}: {error}") from error
    try:
        keys = [_key(entry) for entry in orjson.loads(data)["PublicKeyList"]]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError) as error:  # the last: of a time
        raise SettingsError(
            f"{path}: not what `aws cloudtrail list-public-keys` prints ({type(error).__name__})"
        ) from None
    if not keys:
        raise SettingsError(f"{path}: holds no public key; list them with --start-time and --end-time")
    return keys


def _key(entry: Any) -> PublicKey:
    der = base64.b64decode(entry["Value"], validate=True)
    return PublicKey(der, _time(entry.get("ValidityStartTime")), _time(entry.get("ValidityEndTime")))


def _time(value: object) -> datetime | None:
    """As text, or as the seconds that older releases print."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else None
