import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cloudtrail_processing.testing import EmbeddedAws, GeneratedLog, Generator


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's own settings reaches a test."""
    for name in os.environ:
        if name.startswith(("AWS_", "CLOUDTRAIL_PROCESSING_", "FORCE_COLOR", "TTY_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def generated() -> Sequence[GeneratedLog]:
    """Generated logs of all kinds."""
    return Generator(7).logs(24, records=9)


@pytest.fixture
def folder(tmp_path: Path, generated: Sequence[GeneratedLog]) -> Path:
    """The generated logs on disk, under their keys."""
    for log in generated:
        path = tmp_path / "logs" / log.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(log.body)
    return tmp_path / "logs"


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as running:
        yield running
