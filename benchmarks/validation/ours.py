"""``cloudtrail-processing validate``, run as a command of its own, and its lines of JSON."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.aws.running import Aws
from benchmarks.validation.programs import Ended, Failed, run
from benchmarks.validation.verdicts import Finding, Verdict, What
from cloudtrail_processing.integrity import State

_ROOT: Final = Path(__file__).parent.parent.parent
_OBJECTS: Final = frozenset(What)
VERBOSE: Final = ("--verbose",)
"""A line for everything that is valid, too."""


def validate(
    aws: Aws, what: str, *, start: str, end: str, form: str = "json", options: tuple[str, ...] = VERBOSE
) -> Ended:
    """Prove a trail, or ``s3://bucket/prefix``, from ``start`` to ``end``."""
    times = ("--from", start, "--to", end, "--format", form, "--endpoint-url", aws.url)
    return run([sys.executable, "-m", "cloudtrail_processing", "validate", what, *times, *options], aws, root=_ROOT)


def verdicts(ended: Ended) -> Iterator[Verdict]:
    """What it said of each object."""
    for line in _lines(ended):
        if line["what"] in _OBJECTS and line.get("key"):
            said = line.get("detail") or ""
            yield Verdict(What(line["what"]), line["bucket"], line["key"], State(line["state"]), said)


def findings(ended: Ended) -> Iterator[Finding]:
    """Whatever it found that is not valid."""
    for line in _lines(ended):
        if line["state"] != State.VALID:
            yield Finding(str(line["what"]), State(line["state"]), line.get("key") or "", line.get("detail") or "")


def valid(ended: Ended) -> int:
    """How many objects are valid, by its own summary."""
    *_, last = _all(ended)
    counts = [it for place in last["summary"]["places"] for it in place["counts"]]
    return sum(int(it["count"]) for it in counts if it["state"] == State.VALID)


def _lines(ended: Ended) -> Iterator[dict[str, Any]]:
    return (line for line in _all(ended) if "what" in line)


def _all(ended: Ended) -> list[dict[str, Any]]:
    """Every line. Raises Failed when the last one, the summary, is missing: then it did not do its work."""
    lines = [json.loads(line) for line in ended.out.splitlines() if line.startswith("{")]
    if not lines or "summary" not in lines[-1]:
        raise Failed(f"ended with {ended.code} without a summary: {ended.err[-1000:]}")
    return lines
