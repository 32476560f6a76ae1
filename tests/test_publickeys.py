"""Public keys from files are those that the AWS CLI printed; anything else is one clear error."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.publickeys import KeyFile
from cloudtrail_processing.testing import SignedTrail

TRAIL = SignedTrail(1, hours=3, logs=0, rotate=1, regions=("us-east-1", "eu-west-1"))
NEVER = datetime(2026, 1, 1, tzinfo=UTC)
WHEN: dict[str, Any] = {"region": "us-east-1", "first": NEVER, "last": NEVER}
VALUE = base64.b64encode(TRAIL.public_keys["us-east-1"][0].der).decode()


def written(folder: Path, told: Any, name: str = "keys.json") -> Path:
    path = folder / name
    path.write_bytes(told if isinstance(told, bytes) else orjson.dumps(told))
    return path


def test_the_keys_of_several_files_come_back_as_they_were_published(tmp_path: Path) -> None:
    paths = [written(tmp_path, TRAIL.public_keys_document(region), region) for region in TRAIL.public_keys]
    told = KeyFile(*paths).keys(**WHEN)
    assert list(told) == [key for keys in TRAIL.public_keys.values() for key in keys]


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("2026-01-31T12:00:00+00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00+09:00", datetime(2026, 1, 31, 3, tzinfo=UTC)),
        (1769860800.0, datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (1769860800, datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (None, None),
    ],
)
def test_times_are_read_as_every_release_of_the_aws_cli_prints_them(tmp_path: Path, start: Any, told: Any) -> None:
    path = written(tmp_path, {"PublicKeyList": [{"Value": VALUE, "ValidityStartTime": start}]})
    [key] = KeyFile(path).keys(**WHEN)
    assert (key.first, key.last) == (told, None)


@pytest.mark.parametrize(
    "told",
    [
        b"\xff",
        b"[" * 100_000,
        b"-----BEGIN PUBLIC KEY-----",
        [],
        None,
        {},
        {"PublicKeyList": None},
        {"PublicKeyList": {"Value": VALUE}},
        {"PublicKeyList": [VALUE]},
        {"PublicKeyList": [{}]},
        {"PublicKeyList": [{"Value": 1}]},
        {"PublicKeyList": [{"Value": "no base64!"}]},
        {"PublicKeyList": [{"Value": "é"}]},
        {"PublicKeyList": [{"Value": VALUE, "ValidityStartTime": "yesterday"}]},
        {"PublicKeyList": [{"Value": VALUE, "ValidityStartTime": 1e300}]},
        {"PublicKeyList": [{"Value": VALUE, "ValidityStartTime": 10**17}]},
        {"PublicKeyList": [{"Value": VALUE, "ValidityStartTime": "0001-01-01T00:00:00+14:00"}]},
    ],
    ids=str.split(
        "no_text deep pem array null object none mapping text entry number base64 ascii time float seconds overflow"
    ),
)
def test_a_file_with_anything_else_is_one_clear_error(tmp_path: Path, told: Any) -> None:
    path = written(tmp_path, told)
    with pytest.raises(SettingsError, match=r"keys\.json: not what `aws cloudtrail list-public-keys` prints"):
        KeyFile(path)


def test_a_file_without_any_key_tells_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no public key; list them with --start-time"):
        KeyFile(written(tmp_path, {"PublicKeyList": []}))


def test_a_file_that_cannot_be_read_tells_why(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "nothing", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(SettingsError, match=why):
            KeyFile(path)


def test_a_name_that_no_file_can_have_is_an_error_of_the_same_kind(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        KeyFile(tmp_path / "a\0b")
