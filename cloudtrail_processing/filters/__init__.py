"""Which logs and which events: ``SourceFilter`` and ``EventFilter``, with ``Where`` for what can be said in fields.

The pipeline asks ``on_log`` before the download, ``on_header`` per record, and builds an event only where both left it
open or wanted it. Read from the inside out: ``matching`` (texts and addresses), ``header`` (the few fields of a record
that most filters need), ``events`` and ``logs`` (the two kinds of filter), ``conditions``, ``text`` and ``where``.
"""

from cloudtrail_processing.filters.events import EventCallable, EventFilter, event_filter
from cloudtrail_processing.filters.header import Header, decode_header
from cloudtrail_processing.filters.logs import SourceCallable, SourceFilter, source_filter
from cloudtrail_processing.filters.where import Where

__all__ = [
    "EventCallable",
    "EventFilter",
    "Header",
    "SourceCallable",
    "SourceFilter",
    "Where",
    "decode_header",
    "event_filter",
    "source_filter",
]
