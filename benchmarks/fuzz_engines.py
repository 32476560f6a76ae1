"""How inputs are made and judged: mutations, one attempt, what was found, and which lines of a parser were reached."""

import hashlib
import json
import logging
import random
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from fuzz_checks import Broken
from fuzz_seeds import GZIPPED, LONGEST
from fuzz_targets import Target

PATIENCE = 2.0
"""Seconds of processor time in which a parser must be done with one input."""
_OPTIMIZED = 0x1  # the flag of code that is a function's body, and no module's or class's


# ── judging ──


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that broke a promise: how, and where in the package."""

    target: str
    error: str
    place: str
    data: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The same for all inputs that break the same promise in the same place."""
        return hashlib.sha256(f"{self.target}\n{self.error}\n{self.place}".encode()).hexdigest()[:12]


def attempt(target: Target, data: bytes) -> Finding | None:
    """Feed one input to a parser: None when it kept its promise within its time."""
    begun = time.thread_time()
    try:
        target.check(data)
    except Exception as error:  # noqa: BLE001 - whatever comes out here is what is looked for
        text = str(error) if isinstance(error, Broken) else ""
        return Finding(target.name, f"{type(error).__name__}{text and f': {text}'}", _place(error), data)
    if (spent := time.thread_time() - begun) > PATIENCE:
        return Finding(target.name, "too slow", f"{spent:.0f} s for {len(data)} bytes", data)
    return None


def strict() -> None:
    """Take warnings for errors, as the tests do; settings' warnings of odd keys go to a log that nobody reads."""
    warnings.simplefilter("error")
    logging.disable(logging.CRITICAL)


def _place(error: Exception) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "cloudtrail_processing" in f.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "the check itself"


def keep(finding: Finding, folder: Path) -> None:
    """Write a finding into ``folder``: its input, and what it broke; once for each place."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (file := folder / f"{finding.name}.json").exists():
        (folder / f"{finding.name}.input").write_bytes(finding.data)
        file.write_text(json.dumps({"target": finding.target, "error": finding.error, "place": finding.place}))


# ── making ──

_SCALARS: tuple[Any, ...] = (None, True, 0, -1, 2**70, 1.5, "", "x", "\ud800", [], {}, [[]], {"": None}, "1e999")


class Mutator:
    """Inputs from inputs: bytes changed, words put in, JSON values exchanged. The same seed gives the same."""

    def __init__(self, words: Sequence[str], *, seed: int) -> None:
        self._random = random.Random(seed)
        self._words = [word.encode("utf-8", "surrogatepass") for word in words]
        self._byte_ways: tuple[Callable[[bytearray], None], ...] = (self._flip, self._cut, self._repeat, self._put)

    def mutated(self, data: bytes, *, other: bytes = b"") -> bytes:
        """``data`` with one to four changes; ``other`` may lend some of its bytes."""
        for _ in range(self._random.choice((1, 1, 2, 4))):
            data = self._changed(data, other)
        return data[:LONGEST]

    def _changed(self, data: bytes, other: bytes) -> bytes:
        chance = self._random.random()
        if chance < 0.4 and (found := self._exchanged(data)) is not None:
            return found
        if chance > 0.9 and other:
            return data[: self._random.randint(0, len(data))] + other[self._random.randrange(len(other)) :]
        changed = bytearray(data)
        self._random.choice(self._byte_ways)(changed)
        return bytes(changed)

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._random.randrange(len(data))] = self._random.choice(
                (self._random.randrange(256), *b'"{}[],:\\/ 09')
            )

    def _slice(self, data: bytearray, longest: int) -> slice:
        start = self._random.randint(0, len(data))
        return slice(start, start + self._random.randint(1, longest))

    def _cut(self, data: bytearray) -> None:
        del data[self._slice(data, self._random.choice((1, 8, len(data) + 1)))]

    def _repeat(self, data: bytearray) -> None:
        part = self._slice(data, self._random.choice((1, 16)))
        data[part] = data[part] * self._random.choice((2, 3, 50, 1_500))

    def _put(self, data: bytearray) -> None:
        place = self._random.randint(0, len(data))
        data[place : place + self._random.choice((0, 0, 1, 6))] = self._random.choice(self._words)

    def _exchanged(self, data: bytes) -> bytes | None:
        """``data`` with one value of its JSON replaced, doubled, wrapped or left out; None when it is no JSON."""
        front = GZIPPED if data.startswith(GZIPPED) else b""
        try:
            root = [json.loads(data[len(front) :])]
            holder, place = self._random.choice(list(_places(root)))
            self._exchange(holder, place, others=root)
            text = json.dumps(root[0] if root else None, ensure_ascii=self._random.random() < 0.5)
        except (ValueError, RecursionError):
            return None
        return front + text.encode("utf-8", "surrogatepass")

    def _exchange(self, holder: Any, place: Any, *, others: list[Any]) -> None:
        match self._random.randrange(6):
            case 0:
                del holder[place]
            case 1:
                holder[place] = [holder[place]] * self._random.choice((1, 2, 30))
            case 2:
                holder[place] = json.dumps(holder[place])
            case 3:
                lender, name = self._random.choice(list(_places(others)))
                holder[place] = json.loads(json.dumps(lender[name]))
            case 4:
                holder[place] = self._random.choice(self._words).decode("utf-8", "surrogatepass")
            case _:
                holder[place] = self._random.choice(_SCALARS)


def _places(root: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Where values stand in a JSON value: containers and the places in them."""
    waiting: list[Any] = [root]
    while waiting:
        holder = waiting.pop()
        for place, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            yield holder, place
            if isinstance(value, dict | list):
                waiting.append(value)


# ── which lines ──


class Lines:
    """Which lines of some modules' functions ran, noted by the interpreter while the ``with`` block lasts."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        files = [str(module.__file__) for module in modules]
        self.all = {(file, line) for file in files for line in _lines_of(compile(Path(file).read_text(), file, "exec"))}
        self._files = frozenset(files)
        self.seen: set[tuple[str, int]] = set()

    def __enter__(self) -> set[tuple[str, int]]:
        self.seen = set()
        sys.settrace(self._called)
        return self.seen

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _called(self, frame: FrameType, _event: str, _value: object) -> Any:
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, _event: str, _value: object) -> Any:
        self.seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    def reached(self, target: Target, inputs: Iterable[bytes]) -> int:
        """How many of all lines ``inputs`` reach."""
        found: set[tuple[str, int]] = set()
        for data in inputs:
            with self as seen:
                attempt(target, data)
            found |= seen
        return len(found & self.all)


def _lines_of(code: CodeType) -> Iterator[int]:
    if code.co_flags & _OPTIMIZED:
        lines = {line for _, _, line in code.co_lines() if line is not None}
        yield from lines - {code.co_firstlineno} or lines
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _lines_of(inner)


# ── without atheris ──


def explore(
    target: Target, *, inputs: int, seed: int, told: Callable[[int], None]
) -> tuple[list[bytes], list[Finding]]:
    """The corpus and the findings of ``inputs`` attempts: known inputs are mutated, what reaches new lines is kept."""
    chosen, mutator, lines = random.Random(seed), Mutator(target.words, seed=seed), Lines(target.modules)
    corpus, known = list(target.seeds()), set[tuple[str, int]]()
    findings: dict[str, Finding] = {}
    for number in range(inputs):
        begin = corpus[number] if number < len(corpus) else None
        data = mutator.mutated(chosen.choice(corpus), other=chosen.choice(corpus)) if begin is None else begin
        with lines as seen:
            finding = attempt(target, data)
        if finding:
            findings.setdefault(finding.name, finding)
        if not seen <= known:
            known |= seen
            corpus.append(data)
        told(number + 1)
    return corpus, list(findings.values())
