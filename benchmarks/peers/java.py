"""The AWS CloudTrail Processing Library for Java, from Maven Central: as it comes, and tuned as well as we can."""

import os
import shutil
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parent / "java"
TARGET = PROJECT / "target"
_JVM = {"defaults": [], "tuned": ["-XX:+UseParallelGC", "-Xms1g", "-Xmx1g"]}


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


def command(mode: str) -> list[str]:
    """How to start it; ``mode`` is ``defaults`` or ``tuned``."""
    flags = os.environ.get("BENCH_JVM", "").split() or _JVM[mode]
    return ["java", *flags, "-cp", f"{TARGET / 'java-peer.jar'}:{TARGET / 'lib'}/*", "peer.Peer"]


def environment(mode: str) -> dict[str, str]:
    """What it needs beside what every peer is told."""
    return {"BENCH_MODE": mode}
