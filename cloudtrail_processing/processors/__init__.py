"""Ready-made processors, for ``--processor cloudtrail_processing.processors:JsonLines`` or as parts of your own."""

from cloudtrail_processing.processors.jsonl import JsonLines, JsonLinesOptions, json_line

__all__ = ["JsonLines", "JsonLinesOptions", "json_line"]
