"""Bad records, set aside whole: JSON lines in a folder, one file for each log and batch, read back for a replay."""

from cloudtrail_processing.quarantine.lines import SUFFIX, Quarantined, by_log, file_name, from_line, to_line
from cloudtrail_processing.quarantine.places import FolderQuarantine, StoredQuarantine

__all__ = [
    "SUFFIX",
    "FolderQuarantine",
    "Quarantined",
    "StoredQuarantine",
    "by_log",
    "file_name",
    "from_line",
    "to_line",
]
