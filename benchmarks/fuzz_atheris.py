"""Fuzz one parser with atheris. ``fuzz.py`` starts this in a process of its own, because libFuzzer ends it.

Arguments: the name of the parser, the folder for findings, and what libFuzzer takes.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

with atheris.instrument_imports(include=["cloudtrail_processing"]):
    from fuzz_engines import Mutator, attempt, keep, strict
    from fuzz_targets import TARGETS


def main() -> None:
    """Never returns."""
    strict()
    name, findings, *arguments = sys.argv[1:]
    target = next(target for target in TARGETS if target.name == name)

    def judge(data: bytes) -> None:
        if finding := attempt(target, data):
            keep(finding, Path(findings))

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        """Half of the time libFuzzer's own way, which knows what was compared, else ours, which knows JSON."""
        if seed % 2:
            return bytes(atheris.Mutate(data, longest))
        return Mutator(target.words, seed=seed).mutated(data)[:longest]

    atheris.Setup([sys.argv[0], *arguments], judge, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
