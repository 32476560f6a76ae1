"""Texts of logs in every layout, for the tests of ``logfile``, ``spans`` and ``reading``."""

import json
from typing import Any

from hypothesis import strategies as st

from cloudtrail_processing.building import build
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.logfile import Records

JsonValue = Any
LOG = LogObject("trail", "AWSLogs/1_CloudTrail.json.gz")

values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value that Python can write, NaN and lone surrogates included."""

_spaces = st.text(" \t\r\n", max_size=2)
_other_names = st.text(max_size=6).filter(lambda name: name != "Records")


@st.composite
def layouts(draw: st.DrawFn) -> dict[str, Any]:
    """Options of ``json.dumps``: compact, spaced or pretty, with or without escapes."""
    return {
        "indent": draw(st.sampled_from([None, None, 0, 1, "\t"])),
        "separators": (draw(_spaces) + "," + draw(_spaces), draw(_spaces) + ":" + draw(_spaces)),
        "ensure_ascii": True,
    }


@st.composite
def log_texts(draw: st.DrawFn) -> tuple[list[JsonValue], bytes]:
    """Some records, and a text of a log that holds them: an object with them anywhere in it, or a bare array."""
    records = draw(st.lists(values, max_size=5))
    records += records[: draw(st.integers(0, 2))]
    log: JsonValue = records
    if draw(st.booleans()):
        others = draw(st.dictionaries(_other_names, values, max_size=3))
        names = draw(st.permutations([*others, "Records"]))
        log = {name: records if name == "Records" else others[name] for name in names}
    text = json.dumps(log, **draw(layouts()))
    return records, (draw(_spaces) + text + draw(_spaces)).encode()


def log_text(*records: JsonValue) -> bytes:
    """A log laid out as CloudTrail does it; ``bytes`` stand in it as they are."""
    raws = [raw if isinstance(raw, bytes) else json.dumps(raw, separators=(",", ":")).encode() for raw in records]
    return b'{"Records":[' + b",".join(raws) + b"]}"


TEXT = log_text(*({"eventVersion": "1.08", "eventID": f"id-{i}", "requestParameters": {"n": [i]}} for i in range(4)))
"""A log of four records, laid out as CloudTrail does it."""


def built(records: Records) -> list[CloudTrailEvent | RejectedRecord]:
    """All events of a log."""
    return list(build(records, log=LOG, indexes=range(len(records))))
