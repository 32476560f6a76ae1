"""What was set aside, or has to come once more: delivered again, through the same filters, to the same processors.

``replay_quarantine`` takes bad records, ``replay_letters`` dead letters, ``replay_logs`` any logs: those that
``logs_named`` reads from a list, or those ``InTime`` of a listing. Only what was delivered leaves the place where it
lay. The ``preview_…`` functions look, and change nothing.
"""

from cloudtrail_processing.replay.dead_letters import LettersReplayed, preview_letters, replay_letters
from cloudtrail_processing.replay.logs import InTime, logs_named, preview_logs, replay_logs
from cloudtrail_processing.replay.preview import Preview
from cloudtrail_processing.replay.records import preview_quarantine, replay_quarantine

__all__ = [
    "InTime",
    "LettersReplayed",
    "Preview",
    "logs_named",
    "preview_letters",
    "preview_logs",
    "preview_quarantine",
    "replay_letters",
    "replay_logs",
    "replay_quarantine",
]
