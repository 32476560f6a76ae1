"""``demo``: a whole run on generated logs and an AWS inside the process."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.console import Console

from cloudtrail_processing.cli.telling import FAILED, clear_errors, log_lines, standard_error

if TYPE_CHECKING:
    from cloudtrail_processing.cli.showing import Show
    from cloudtrail_processing.ports import QueueInfo
    from cloudtrail_processing.testing import EmbeddedAws, GeneratedLog

_BUCKET = "demo-trail-logs"
_QUEUE = "demo-trail"
_WIDTH = 160
"""Characters in a line where there is no terminal to ask."""
_SURROUNDINGS = ("AWS_", "CLOUDTRAIL_PROCESSING_")
_NO_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def demo(
    *,
    logs: Annotated[int, typer.Option(min=10, max=10_000, help="How many logs to write.")] = 300,
    seed: Annotated[int, typer.Option(help="Another number makes other logs, the same number the same.")] = 1,
) -> None:
    r"""See it work: a whole run on this machine, without an AWS account. Nothing is kept, nothing leaves the machine.

    Starts an AWS inside this process (S3, SQS), writes generated logs of three accounts and three regions with an
    attack among them, lets the real worker receive, download, read and deliver them, and shows what was in them, what a
    small detector found, and the proof that every event arrived.

    Ends with 0 when the proof holds, else with 1. Needs the extra [bold]demo[/bold]:
    pip install 'cloudtrail-processing\[demo]'
    """
    errors = standard_error()
    with log_lines(errors, level="WARNING"), clear_errors(errors), _calm_surroundings():
        if not _run(logs, seed=seed):
            raise typer.Exit(FAILED)


class _Stage(NamedTuple):
    """The embedded AWS with everything in place."""

    aws: "EmbeddedAws"
    queue_url: str
    logs: "Sequence[GeneratedLog]"


def _run(count: int, *, seed: int) -> bool:
    from cloudtrail_processing.cli.showing import Show
    from cloudtrail_processing.testing import EmbeddedAws, Generator

    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=_WIDTH)
    with EmbeddedAws() as aws:
        console.print("an AWS runs inside this process: S3 and SQS, on the loopback interface alone")
        aws.create_bucket(_BUCKET)
        queue_url = aws.create_queue(_QUEUE)
        aws.notify(_BUCKET, queue_url)
        logs = Generator(seed, bucket=_BUCKET).logs(count, story=True)
        show = Show(console, {log.key: log.records for log in logs})
        stage = _Stage(aws, queue_url, logs)
        _write(stage, show)
        info = _drain(stage, show)
        dead = aws.messages_left(aws.dead_letters_of(queue_url))
    show.results()
    return show.proof(left=info.visible + info.in_flight + info.delayed, dead=dead)


def _write(stage: _Stage, show: "Show") -> None:
    accounts, regions = {log.account for log in stage.logs}, {log.region for log in stage.logs}
    what = f"writing {len(stage.logs):,} logs of {len(accounts)} accounts in {len(regions)} regions"
    for log in show.track(stage.logs, what=what):
        stage.aws.put_log(log.bucket, log.key, log.body)


def _drain(stage: _Stage, show: "Show") -> "QueueInfo":
    """Run the real worker on the real clients until the queue is empty."""
    from cloudtrail_processing.app import build
    from cloudtrail_processing.parts import Parts
    from cloudtrail_processing.settings import Settings

    settings = Settings.load(
        queue_url=stage.queue_url,
        threads=8,
        pollers=1,
        wait_time=1,
        visibility_timeout=60,
        checkpoint="memory",
        allowed_buckets=(_BUCKET,),
    )

    async def drained() -> "QueueInfo":
        parts = Parts(aws=stage.aws.options, reporter=show.tally)
        async with build(show.processors, settings=settings, parts=parts) as worker:
            return await worker.drain()

    with show.live(logs=len(stage.logs)):
        return asyncio.run(drained())


@contextmanager
def _calm_surroundings() -> Iterator[None]:
    """While inside, nothing of the user's environment reaches the demo: profiles, endpoints, proxies, settings.

    boto3 asks the environment for all of them, and a proxy would not find this machine's loopback.
    """
    names = [name for name in os.environ if name.startswith(_SURROUNDINGS) or name.lower().endswith("_proxy")]
    before = {name: os.environ.pop(name) for name in names}
    os.environ.update(_NO_FILES)
    try:
        yield
    finally:
        for name in _NO_FILES:
            del os.environ[name]
        os.environ.update(before)
