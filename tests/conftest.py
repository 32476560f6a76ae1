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
    """Keep the names of tests readable where their input is a hundred thousand brackets."""
    return f"{argname}-of-{len(val)}" if isinstance(val, str | bytes) and len(val) > 80 else None
