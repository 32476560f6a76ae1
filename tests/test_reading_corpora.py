import json
from pathlib import Path

import pytest

from cloudtrail_processing.errors import CorruptLog
from cloudtrail_processing.reading import read_events

COUNTS = {
    "aws-docs-examples": 30,
    "cloud-custodian-cwe": 24,
    "invictus-aws-dataset": 2900,
    "otrf-security-datasets": 103,
    "panther-analysis": 389,
    "plaso": 6,
    "stratus-red-team": 310,
    "trailscraper": 2 + 2,
}


@pytest.mark.parametrize("corpus", COUNTS)
def test_every_record_of_a_corpus_is_read_and_round_trips(corpus: str, corpora: Path) -> None:
    count = 0
    for file in sorted((corpora / corpus).rglob("*.json*")):
        try:
            events = read_events(file)
        except CorruptLog as error:
            assert "from CloudTrail" in str(error), "only for what is no CloudTrail record at all"  # noqa: PT017
            continue
        for event in events:
            assert event.to_dict() == json.loads(event.raw)
            count += 1
    assert count == COUNTS[corpus]


def test_events_of_other_services_in_a_corpus_are_named_and_refused(corpora: Path) -> None:
    refused = []
    for file in (corpora / "cloud-custodian-cwe").rglob("*.json"):
        try:
            read_events(file)
        except CorruptLog as error:
            refused.append(str(error))
    assert len(refused) == 13
    assert all(str(corpora) in text for text in refused)


def test_the_samples_of_streamalert_are_read_without_their_wrapper(corpora: Path) -> None:
    counts = {}
    for file in (corpora / "streamalert" / "samples").glob("*.json"):
        (wrapper,) = json.loads(file.read_bytes())
        value = wrapper.get("data") or wrapper["override_record"]
        counts[file.stem] = len(list(read_events(json.dumps(value).encode())))
    assert counts == {"cloudtrail_insights": 1, "cloudwatch_cloudtrail": 1, "cloudwatch_control_message": 0}
