"""The command line: ``worker`` on a queue, ``process`` and ``replay`` for logs, ``validate`` to prove them, ``demo``.

Modules are imported when their command runs, so that ``--help`` does not wait for AWS clients.
"""

import importlib.metadata
from typing import Annotated

import typer

from cloudtrail_processing.cli import demo, process, replay, validate, worker

__all__ = ["app", "main"]

app = typer.Typer(
    name="cloudtrail-processing",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(worker.worker)
app.command()(process.process)
app.command()(replay.replay)
app.command()(validate.validate)
app.command()(demo.demo)


def main() -> None:
    """Run the command line; ends the process with the command's exit code."""
    app(prog_name="cloudtrail-processing")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"cloudtrail-processing {importlib.metadata.version('cloudtrail-processing')}")
        raise typer.Exit


@app.callback(
    epilog="Every setting is also [bold]CLOUDTRAIL_PROCESSING_<NAME>[/bold] in the environment, and a line of a TOML "
    "file ([bold]--settings[/bold]). AWS credentials come from the usual places: environment, profile, role."
)
def _about(
    version: Annotated[
        bool,
        typer.Option("--version", metavar="", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Act on AWS CloudTrail logs: from the SQS queue, S3 or files to your processor, so that no event is lost.

    New here? [bold]cloudtrail-processing demo[/bold] shows a whole run on this machine, without an AWS account.
    """
