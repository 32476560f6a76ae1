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
