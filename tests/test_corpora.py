"""Every real log there is, swept from disk: nothing missing, nothing changed, nothing in need of a quarantine."""

import json
import shutil
import threading
from collections import Counter
from pathlib import Path

import pytest
from collecting import Keeping

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import CorruptLog
from cloudtrail_processing.files import Files
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.sweep import Summary, process

RECORDS = {
    "aws-docs-examples": 30,
    "cloud-custodian-cwe": 24,
    "invictus-aws-dataset": 2900,
    "native-digests": 0,
    "otrf-security-datasets": 103,
    "panther-analysis": 389,
    "plaso": 6,
    "stratus-red-team": 310,
    "streamalert": 0,
    "trailscraper": 2 * 2,
}
"""How many records each corpus has; the one log of trailscraper lies there gzipped and plain."""

NO_LOGS = {
    "aws-docs-examples": ["digests-2023.json"],
    "native-digests": ["digest_public_keys.json", "digest_starting.json"],
    # Samples of a test suite, each wrapped together with its expectations.
    "streamalert": ["cloudtrail_insights.json", "cloudwatch_cloudtrail.json", "cloudwatch_control_message.json"],
    # Events of other services.
    "cloud-custodian-cwe": [
        "ec2-duty-event.json",
        "event-asg-instance-failed.json",
        "event-config-rule-instance.json",
        "event-config-rule-security-group.json",
        "event-instance-state.json",
        "event-phd-ec2-retire.json",
        "event-scheduled.json",
        "event-securityhub-cloudtrail-finding-action.json",
        "event-securityhub-iamkey-finding-action.json",
        "event-securityhub-insight-2.json",
        "event-securityhub-lambda-cross.json",
        "iam-duty-event.json",
        "sqs-discover.json",
    ],
}
"""Files beside the logs that hold no CloudTrail record: they must fail, or events would be missed in silence."""


class RoundTrip(EventProcessor):
    """Counts events, and those that are not exactly what their bytes say."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.places: Counter[tuple[str, int | None]] = Counter()
        self.changed = 0

    def process(self, batch: EventBatch) -> None:
        changed = sum(event.to_dict() != json.loads(event.raw) for event in batch)
        with self._lock:
            self.changed += changed
            self.places.update((batch.log.key, event.metadata.index) for event in batch)


def swept(*folders: Path, threads: int = 1) -> tuple[Summary, RoundTrip]:
    processor, quarantine = RoundTrip(), Keeping()
    summary = process(processor, Files(folders).logs(), parts=Parts(quarantine=quarantine), threads=threads)
    assert (processor.changed, quarantine.kept) == (0, [])
    assert max(processor.places.values(), default=1) == 1, "no record is delivered twice"
    return summary, processor


@pytest.mark.parametrize("corpus", RECORDS)
def test_every_record_of_a_corpus_is_delivered_unchanged(corpus: str, corpora: Path) -> None:
    summary, processor = swept(corpora / corpus)
    count = RECORDS[corpus]
    assert (summary.records, summary.delivered, processor.places.total()) == (count, count, count)
    assert (summary.filtered, summary.quarantined, summary.skipped) == (0, 0, 0)
    assert [type(failed.error) for failed in summary.failed] == [CorruptLog] * len(summary.failed)
    assert [Path(failed.log.key).name for failed in summary.failed if failed.log] == NO_LOGS.get(corpus, [])


def test_no_corpus_is_left_out(corpora: Path) -> None:
    assert {folder.name for folder in corpora.iterdir() if folder.is_dir()} == set(RECORDS)


def test_all_corpora_at_once_in_many_threads_come_to_the_same(corpora: Path) -> None:
    summary, _ = swept(*(corpora / corpus for corpus in RECORDS), threads=8)
    assert summary.delivered == sum(RECORDS.values())
    assert len(summary.failed) == sum(map(len, NO_LOGS.values()))


def test_the_trail_of_one_attack_is_exactly_2900_events_in_55_logs(corpora: Path) -> None:
    summary, _ = swept(corpora / "invictus-aws-dataset" / "CloudTrail")
    assert summary == Summary(logs=55, records=2900, delivered=2900)


def test_two_trails_that_write_the_same_events_deliver_each_once(corpora: Path, tmp_path: Path) -> None:
    """As in a real trail, of whose events every fourth came a second time, byte by byte, in another log."""
    folder = corpora / "invictus-aws-dataset" / "CloudTrail"
    shutil.copytree(folder, tmp_path / "second trail")
    processor = RoundTrip()
    logs = Files([folder, tmp_path / "second trail"]).logs()
    summary = process(processor, logs, parts=Parts(), threads=1, deduplicate=3600)
    assert summary == Summary(logs=110, records=5800, delivered=2900, duplicates=2900)
    assert processor.places.total() == 2900


def test_a_sweep_that_is_run_again_with_a_checkpoint_reads_nothing_twice(corpora: Path, tmp_path: Path) -> None:
    folder = corpora / "invictus-aws-dataset" / "CloudTrail"
    checkpoint = f"sqlite:{tmp_path / 'checkpoint.db'}"
    first, second = (process(RoundTrip(), Files([folder]).logs(), checkpoint=checkpoint) for _ in range(2))
    assert (first.delivered, first.skipped) == (2900, 0)
    assert (second.delivered, second.skipped, second.records) == (0, 55, 0)
