"""Where positions, events and hashes of logs are remembered: in memory, in a SQLite file, or in a DynamoDB table.

All keep ``ports.Checkpoint``, ``ports.SeenEvents`` and ``ports.Ledger``. Each is imported when it is used.
"""

from typing import TYPE_CHECKING

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.ports import Checkpoint, Ledger, SeenEvents

if TYPE_CHECKING:
    from cloudtrail_processing.aws.session import AwsOptions


def open_checkpoint(text: str, *, claim_time: float, options: "AwsOptions") -> Checkpoint:
    """The checkpoint that the setting ``checkpoint`` names; nothing is opened or asked for before its first use.

    ``claim_time`` is how many seconds a claim lasts. Raises ``SettingsError`` for any other text.
    """
    match _kind_and_place(text):
        case "sqlite", path:
            from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint

            return SqliteCheckpoint(path, claim_time=claim_time)
        case "dynamodb", table:
            from cloudtrail_processing.checkpoint.dynamodb import DynamoCheckpoint

            return DynamoCheckpoint(table, options, claim_time=claim_time)
        case _:
            from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint

            return MemoryCheckpoint(claim_time=claim_time)


def open_seen(text: str | None, *, window: float, options: "AwsOptions") -> SeenEvents:
    """Where delivered events are remembered for ``window`` seconds: where the setting ``checkpoint`` says, else memory.

    Raises ``SettingsError`` as ``open_checkpoint`` does.
    """
    match _kind_and_place(text or "memory"):
        case "sqlite", path:
            from cloudtrail_processing.checkpoint.sqlite import SqliteSeen

            return SqliteSeen(path, window=window)
        case "dynamodb", table:
            from cloudtrail_processing.checkpoint.dynamodb import DynamoSeen

            return DynamoSeen(table, options, window=window)
        case _:
            from cloudtrail_processing.checkpoint.memory import MemorySeen

            return MemorySeen(window)


def open_ledger(text: str, *, options: "AwsOptions", beside: Checkpoint | None = None) -> Ledger:
    """What is known of logs and digests while they are proven, where the setting ``checkpoint`` says.

    ``beside`` is the checkpoint that is in use: a file that is its own, too, is shared with it.

    Raises ``SettingsError`` as ``open_checkpoint`` does.
    """
    match _kind_and_place(text):
        case "sqlite", path:
            from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint
            from cloudtrail_processing.checkpoint.sqlite_ledger import SqliteLedger

            if isinstance(beside, SqliteCheckpoint) and beside.file.is_at(path):
                return SqliteLedger(beside.file)
            return SqliteLedger(path)
        case "dynamodb", table:
            from cloudtrail_processing.checkpoint.dynamodb_ledger import DynamoLedger

            return DynamoLedger(table, options)
        case _:
            from cloudtrail_processing.checkpoint.memory import MemoryLedger

            return MemoryLedger()


def _kind_and_place(text: str) -> tuple[str, str]:
    kind, colon, place = text.partition(":")
    known = kind in ("sqlite", "dynamodb") if place else kind == "memory" and not colon
    if not known:
        raise SettingsError(f"checkpoint {text!r} is none of: memory, sqlite:FILE, dynamodb:TABLE")
    return kind, place
