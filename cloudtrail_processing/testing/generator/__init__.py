"""Realistic CloudTrail data from a seed: records, logs, notifications, one attack story, and damaged logs.

Everything is made up by this package's own tables; addresses and account numbers are those reserved for documentation.

* ``Generator(seed)`` makes records, logs in the proportions of real trails, and ``attack_story()``.
* ``event(event_name="DeleteTrail")`` and ``batch([event(), …])`` are for unit tests of processors.
* ``messages`` writes the bodies of notifications in every shape; ``damaged(log, Damage.BAD_CRC)`` spoils a log.

For instance::

    def test_deletions_are_reported() -> None:
        processor = Deletions()
        processor.process(batch([event(event_name="DeleteTrail"), event()]))
        assert processor.found == ["DeleteTrail"]
"""

from cloudtrail_processing.testing.generator import messages
from cloudtrail_processing.testing.generator.damage import BOMB_SIZE, Damage, damaged, plain
from cloudtrail_processing.testing.generator.logs import GeneratedLog
from cloudtrail_processing.testing.generator.scene import Record
from cloudtrail_processing.testing.generator.single import batch, event, record
from cloudtrail_processing.testing.generator.source import ACCOUNTS, REGIONS, START, Generator
from cloudtrail_processing.testing.generator.story import BACKDOOR_USER, INTRUDER_ADDRESSES, LEAKED_USER

__all__ = [
    "ACCOUNTS",
    "BACKDOOR_USER",
    "BOMB_SIZE",
    "INTRUDER_ADDRESSES",
    "LEAKED_USER",
    "REGIONS",
    "START",
    "Damage",
    "GeneratedLog",
    "Generator",
    "Record",
    "batch",
    "damaged",
    "event",
    "messages",
    "plain",
    "record",
]
