"""Which module may know which: a module imports only from rows above its own, so data flows one way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cloudtrail_processing"

ROWS = [
    {"errors", "events", "properties"},
    {"findings", "flow", "loading", "spans", "needles", "usercode", "budget", "signals", "turns", "tuning"},
    {"batch", "keys", "ports", "filters", "settings", "counting", "times", "evidence", "buckets"},
    {
        "notification",
        "logfile",
        "retry",
        "settlement",
        "breaker",
        "health",
        "processor",
        "progress",
        "quarantine",
        "letters",
        "allowed",
        "sns",
    },
    {"building", "integrity"},
    {
        "aws",
        "publickeys",
        "reading",
        "delivery",
        "failures",
        "plugins",
        "files",
        "processors",
        "starting",
        "tally",
        "source",
    },
    {"inhand", "wanted", "verification"},
    {"pipeline", "checkpoint", "mirror", "hooks", "leases", "settling", "intake", "introduction", "circuit"},
    {"work", "idle", "parts"},
    {"proving"},
    {"worker", "assembly", "audit"},
    {"app", "sweep"},
    {"supervisor", "replay"},
    {"testing", "__init__"},
    {"cli"},
    {"__main__"},
]
"""The house, from the ground up. A folder is one entry: inside it, modules order themselves."""

ROW = {name: number for number, row in enumerate(ROWS) for name in row}
AWS_CLIENTS = {"botocore", "aiobotocore", "boto3", "obstore", "types_aiobotocore_sqs", "mypy_boto3_s3"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def place(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> Iterator[str]:
    """Full names of all that a module imports, wherever in it: under TYPE_CHECKING and in functions, too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are written in full"
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_from_rows_above_its_own(file: Path) -> None:
    here = place(file)
    assert here in ROW, "a new module needs its row"
    ours = {parts[1] for parts in (name.split(".") for name in imported(file)) if parts[0] == PACKAGE.name}
    wrong = {name for name in ours if name != here and ROW.get(name, len(ROWS)) >= ROW[here]}
    assert not wrong, f"{here} stands in row {ROW[here]} and must not import {wrong}"


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_aws_is_known_at_the_edge_only(file: Path) -> None:
    known = {name.split(".")[0] for name in imported(file)} & AWS_CLIENTS
    assert place(file) in ("aws", "testing") or not known


def test_every_row_of_the_table_is_lived_in() -> None:
    assert set(ROW) == {place(file) for file in MODULES}
