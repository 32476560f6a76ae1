"""A process that does nothing but this work looks for garbage seldom; a program that only imports us is left alone."""

import subprocess
import sys


def told_by(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_worker_process_looks_for_garbage_seldom_and_not_in_what_was_imported() -> None:
    code = """
import gc
from cloudtrail_processing.tuning import tune
tune()
tune()
print(gc.get_threshold()[0], gc.get_freeze_count() > 0, gc.isenabled())
"""
    assert told_by(code) == "20000 True True"


def test_a_program_that_imports_the_package_keeps_its_own_ways() -> None:
    code = """
import gc
before = gc.get_threshold()
from cloudtrail_processing import EventProcessor, Settings, run, supervise
print(gc.get_threshold() == before, gc.get_freeze_count())
"""
    assert told_by(code) == "True 0"
