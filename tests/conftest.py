import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real logs, where there is one."""
    folder = os.environ.get("CLOUDTRAIL_CORPORA", "")
    if not folder:
        pytest.skip("CLOUDTRAIL_CORPORA names no folder of real logs")
    return Path(folder)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name tests by their arguments' names where those are payloads: a gzip body holds the time it was made at.

    Two processes that collect the same tests must find the same names; and a hundred thousand brackets are no name.
    """
    if isinstance(val, bytes):
        return argname
    return f"{argname}-of-{len(val)}" if isinstance(val, str) and len(val) > 80 else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a name that is another one in the next process: it would hold the place of an object in memory."""
    fleeting = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if fleeting:
        raise pytest.UsageError(f"give these tests names of their own: {fleeting[:3]}")
