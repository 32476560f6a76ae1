"""The AWS CloudTrail Processing Library for Java, from Maven Central: as it comes, and tuned as well as we can."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).parent / "java"
TARGET = PROJECT / "target"
_SMALL_LOGS = ("typical", "tiny")
_FLAGS = ("-XX:+UseParallelGC", "-Xms2g", "-Xmx2g", "-Xmn1500m")
_FLAGS_FOR_SMALL_LOGS = ("-XX:+UseParallelGC", "-Xms1g", "-Xmx1g")


def available() -> str | None:
    """None when this peer can run; else why not."""
    if shutil.which("java") is None:
        return "no Java runtime here"
    if not (TARGET / "java-peer.jar").exists() and shutil.which("mvn") is None:
        return "not built, and no Maven here to build it"
    return None


def is_built() -> bool:
    """True when nothing has to be fetched or compiled any more."""
    return shutil.which("java") is not None and (TARGET / "java-peer.jar").exists()


def build() -> None:
    """Compile it once; Maven fetches what it needs."""
    if not is_built():
        subprocess.run(["mvn", "-q", "-B", "-DskipTests", "package"], cwd=PROJECT, check=True)


def command() -> tuple[str, ...]:
    """How to start it."""
    return ("java", "-cp", f"{TARGET / 'java-peer.jar'}:{TARGET / 'lib'}/*", "peer.Peer")


def flags() -> Mapping[str, tuple[str, ...]]:
    """What the JVM is told when it is tuned, by workload: ``java/TUNING.md`` says why."""
    if tried := tuple(os.environ.get("BENCH_JVM", "").split()):
        return {"": tried}
    return {"": _FLAGS} | dict.fromkeys(_SMALL_LOGS, _FLAGS_FOR_SMALL_LOGS)


def environment(mode: str) -> dict[str, str]:
    """What it needs beside what every peer is told."""
    return {"BENCH_MODE": mode}
