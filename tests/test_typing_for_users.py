"""A user's program type-checks in strict mode, without any plugin of ours or of pydantic's."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from cloudtrail_processing import (
    CloudTrailEvent, EventBatch, EventProcessor, ExceptionHandler, Disposition, Failure, Files, InsightEvent, Parts,
    Settings, Where, process, run,
)


class Mine(EventProcessor):
    filter = Where(event_name="Delete*") | Where(failed=True)

    def process(self, batch: EventBatch) -> None:
        for event in batch:
            print(event.event_name.startswith("Delete"), event.user_identity.arn, batch.log.uri)
            if isinstance(event, InsightEvent):
                print(event.insight.state)


def is_deletion(event: CloudTrailEvent) -> bool:
    return event.event_name.startswith("Delete")


class MineAsync(EventProcessor):
    filter = is_deletion

    async def start(self) -> None: ...

    async def process(self, batch: EventBatch) -> None:
        print(batch[0].account_id, [event.actor for event in batch[1:]])


class Handler(ExceptionHandler):
    def handle(self, failure: Failure) -> Disposition | None:
        return Disposition.REJECT if failure.log else None


def main() -> None:
    settings = Settings(threads=4)
    summary = process([Mine(), MineAsync()], Files(["logs"]), settings=settings)
    print(summary.delivered, [failed.error for failed in summary.failed])
    parts = Parts(exception_handler=Handler())
    run(Mine(), queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/trail", parts=parts)
"""


def test_processors_hooks_and_settings_satisfy_mypy_strict(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
