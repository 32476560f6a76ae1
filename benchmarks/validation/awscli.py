"""The real ``aws cloudtrail validate-logs``: from the package registry, in a virtual environment of its own."""

import re
import subprocess
import tempfile
import venv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from benchmarks.aws.running import Aws
from benchmarks.validation.ours import VERBOSE
from benchmarks.validation.programs import Ended, Failed, run
from benchmarks.validation.verdicts import Gap, Verdict, What
from cloudtrail_processing.integrity import State

_HOME: Final = Path(tempfile.gettempdir()) / "cloudtrail-processing-awscli"
_LINE: Final = re.compile(r"(\(backfill\) )?(Digest|Log) file\ts3://([^/\n]+)/([^\n]+?)\t(valid|INVALID: [^\n]*)")
_GAP: Final = re.compile(r"^No log files were delivered by CloudTrail between (\S+) and (\S+)", re.MULTILINE)
_COUNT: Final = re.compile(r"(\d+)/\d+ (?:backfill digest|digest|log) files valid")
_WORDS: Final = (
    ("valid", State.VALID),
    ("INVALID: not found", State.NOT_FOUND),
    ("INVALID: invalid format", State.BAD_FORMAT),
    ("INVALID: hash value doesn't match", State.HASH_DIFFERS),
    ("INVALID: unexpected data after end of compressed stream", State.TRAILING_DATA),
    ("INVALID: signature verification failed", State.BAD_SIGNATURE),
    ("INVALID: has been moved from its original location", State.MOVED),
    ("INVALID: public key not found", State.NO_KEY),
    ("INVALID: Unable to load PKCS #1 key", State.NO_KEY),
)


def found() -> Path | None:
    """The program, when it was installed before."""
    program = _HOME / "bin" / "aws"
    return program if program.exists() else None


def installed() -> Path:
    """The program, installed when it is not. Its botocore is pinned, so it cannot live beside ours. Raises Failed."""
    if (program := found()) is not None:
        return program
    venv.create(_HOME, with_pip=True, clear=True)
    command = [
        str(_HOME / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "awscli",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or found() is None:
        raise Failed(f"awscli cannot be installed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    return _HOME / "bin" / "aws"


def version(program: Path) -> str:
    """What it says of itself."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.split(" ")[0].strip().replace("/", " ")


def validate(program: Path, aws: Aws, arn: str, *, start: str, end: str, options: tuple[str, ...] = VERBOSE) -> Ended:
    """Prove the trail from ``start`` to ``end``, in its home region."""
    times = ("--start-time", start, "--end-time", end, "--region", arn.split(":")[3])
    return run([str(program), "cloudtrail", "validate-logs", "--trail-arn", arn, *times, *options], aws)


def verdicts(ended: Ended) -> Iterator[Verdict]:
    """What it said of each object, in our words."""
    for backfill, what, bucket, key, said in _LINE.findall(ended.out + ended.err):
        kind = What.LOG if what == "Log" else What.BACKFILL if backfill else What.DIGEST
        state = next((state for words, state in _WORDS if said.startswith(words)), None)
        yield Verdict(kind, bucket, key, state, said.removeprefix("INVALID: "))


def gaps(ended: Ended) -> Iterator[Gap]:
    """The times between which it saw nothing delivered; not those between backfill digests, which are never hourly."""
    for since, until in _GAP.findall(ended.err):
        yield Gap(datetime.fromisoformat(since), datetime.fromisoformat(until))


def valid(ended: Ended) -> int:
    """How many objects are valid, by its own summary."""
    return sum(map(int, _COUNT.findall(ended.out)))
