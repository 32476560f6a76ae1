"""What was measured on, in one paragraph: without it no figure means anything."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

_PACKAGES = ("pydantic", "msgspec", "orjson", "isal", "obstore", "aiobotocore", "boto3", "uvloop")


def machine() -> str:
    """Processor, memory, system and versions, as Markdown."""
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{os.cpu_count()} cores of {_processor()}, {memory:.0f} GiB; {platform.system()} {platform.release()}; "
        f"{platform.python_implementation()} {platform.python_version()}; {packages}; {_java()}."
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _java() -> str:
    try:
        told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return "no Java"
    return told.partition("\n")[0] or "no Java"
