"""Generated logs on disk, to try a processor on."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudtrail_processing.testing.generator import Generator

ENOUGH_FOR_A_STORY = 20


@contextmanager
def sample_logs(count: int = 60, *, seed: int = 0) -> Iterator[str]:
    """A folder with ``count`` generated logs, under the keys they would have in a bucket; removed at the end.

    They come from three accounts and three regions. From 20 logs on an attack is hidden in them (see
    ``Generator.attack_story``).
    """
    with tempfile.TemporaryDirectory() as folder:
        for log in Generator(seed).logs(count, story=count >= ENOUGH_FOR_A_STORY):
            path = Path(folder, log.key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(log.body)
        yield folder
