"""Every record of every collected log loads, and loses nothing."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudtrail_processing.events import CloudTrailEvent, InsightEvent, NetworkActivityEvent

DECODER = json.JSONDecoder()

# How many records each corpus has, and the values in them that are not of the documented type.
EXPECTED: dict[str, tuple[int, dict[str, int]]] = {
    "invictus-aws-dataset": (2900, {}),
    "stratus-red-team": (310, {}),
    "otrf-security-datasets": (103, {}),
    "panther-analysis": (389, {"eventTime": 2, "managementEvent": 1, "readOnly": 1, "resources[0]": 1}),
    "aws-docs-examples": (30, {}),
    "cloud-custodian-cwe": (24, {}),
    "plaso": (6, {}),
    "trailscraper": (2, {}),
    "streamalert": (1, {}),
}


def elements(text: str) -> Iterator[str]:
    """The elements of the first JSON array in ``text``, each exactly as written."""
    at = text.index("[") + 1
    while True:
        at += len(text[at:]) - len(text[at:].lstrip(" \r\n\t,"))
        if text[at] == "]":
            return
        _, end = DECODER.raw_decode(text, at)
        yield text[at:end]
        at = end


def member(text: str, name: str) -> str:
    """The object that is the member ``name`` in ``text``, exactly as written."""
    start = text.index("{", text.index(f'"{name}"'))
    return text[start : DECODER.raw_decode(text, start)[1]]


def texts(folder: Path) -> Iterator[str]:
    """Every file of a corpus that holds JSON, inflated."""
    for path in sorted(folder.rglob("*.json*")):
        if path.suffix != ".gz" and path.with_name(path.name + ".gz").exists():
            continue
        data = path.read_bytes()
        yield (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def records(folder: Path) -> Iterator[str]:
    for text in texts(folder):
        yield from records_in(text, folder.name)


def records_in(text: str, corpus: str) -> Iterator[str]:
    match corpus:
        case "panther-analysis" | "otrf-security-datasets":
            yield from filter(str.strip, text.splitlines())
        case "aws-docs-examples":
            yield from (line for line in text.splitlines() if '"eventVersion"' in line)
        case "plaso":
            yield from (json.loads(line)["CloudTrailEvent"] for line in text.splitlines())
        case "invictus-aws-dataset" | "stratus-red-team" | "trailscraper":
            yield from elements(text)
        case "streamalert":
            if '"Records"' in text:
                yield from elements(text[text.index('"Records"') :])
        case _:
            document: dict[str, Any] = json.loads(text)
            if "eventVersion" in document:
                yield text
            elif "eventVersion" in document.get("detail", {}):
                yield member(text, "detail")


@pytest.mark.parametrize("corpus", EXPECTED)
def test_every_record_of_a_corpus_loads_and_loses_nothing(corpora: Path, corpus: str) -> None:
    count, anomalies = 0, dict[str, int]()
    for text in records(corpora / corpus):
        event = CloudTrailEvent.from_json(text)
        assert event.raw == text.encode()
        assert repr(event.to_dict()) == repr(json.loads(text))
        assert event.actor
        assert event.category
        count += 1
        for path in event.anomalies:
            anomalies[path] = anomalies.get(path, 0) + 1
    assert (count, anomalies) == EXPECTED[corpus]


def test_documented_examples_have_the_class_of_their_kind(corpora: Path) -> None:
    kinds = [type(CloudTrailEvent.from_json(text)).__name__ for text in records(corpora / "aws-docs-examples")]
    counted = {kind: kinds.count(kind) for kind in kinds}
    assert counted == {"CloudTrailEvent": 21, "InsightEvent": 4, "AggregatedEvent": 3, "NetworkActivityEvent": 2}


def test_every_plain_record_of_the_trail_is_found_complete(corpora: Path) -> None:
    events = [CloudTrailEvent.from_json(text) for text in records(corpora / "invictus-aws-dataset")]
    assert all(event.event_time and event.account_id and event.version == (1, event.version.minor) for event in events)
    assert not any(isinstance(event, InsightEvent | NetworkActivityEvent) for event in events)
    assert sum(event.actor == "unknown" for event in events) == 0
    assert sum(event.failed for event in events) > 200
