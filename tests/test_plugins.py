"""Processors by name: found, given their options, or refused with a reason."""

import importlib
import sys
import textwrap
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.parts import processors_of
from cloudtrail_processing.plugins import check_processor, load_processor
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.settings import Settings

CANARY = "canary-7f3a"

MODULE = """
    from pydantic import BaseModel, Field
    from cloudtrail_processing.errors import SettingsError
    from cloudtrail_processing.processor import EventProcessor

    class Plain(EventProcessor):
        def process(self, batch):
            pass

    class Bound(Plain):
        def __init__(self, path, *, size=3):
            self.path, self.size = path, size

    class Validated(Plain):
        class Options(BaseModel):
            path: str
            size: int = Field(3, ge=1)

        def __init__(self, path, size):
            self.path, self.size = path, size

    class Validated2(Validated):
        pass

    class Room:
        class Inner(Plain):
            pass

    class Forgetful(EventProcessor):
        pass

    class Refusing(Plain):
        def __init__(self, token=None):
            raise RuntimeError("cannot reach it with " + str(token))

    class Picky(Plain):
        def __init__(self, path):
            raise SettingsError("no such folder")

    instance = Plain()
    number = 7
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in, with modules, and a distribution that announces entry points, on ``sys.path``."""
    known, path = set(sys.modules), list(sys.path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write(tmp_path / "here" / "mine.py", MODULE)
    write(tmp_path / "here" / "broken.py", "import nothing_of_that_name")
    write(tmp_path / "here" / "odd.py", "def (")
    write(tmp_path / "here" / "exits.py", "raise SystemExit(3)")
    site = tmp_path / "site"
    write(site / "installed.py", MODULE)
    points = (
        "plain = installed:Plain\nbound = installed:Bound\nlost = installed:Nowhere\ngone = nothing_of_that_name:X\n"
    )
    write(site / "acme-1.0.dist-info" / "METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    write(site / "acme-1.0.dist-info" / "entry_points.txt", f"[cloudtrail_processing.processors]\n{points}")
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text), encoding="utf-8")


# ── names ──


@pytest.mark.parametrize("name", ["mine:Plain", "mine:Room.Inner", "installed:Plain", "plain"])
def test_a_processor_is_found_by_its_name(name: str) -> None:
    processor = load_processor(name)
    assert isinstance(processor, EventProcessor)
    check_processor(processor)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nothing:Plain", "cannot import processor nothing:Plain: No module named 'nothing'"),
        ("mine:Missing", "has no attribute 'Missing'"),
        ("mine:Room.Missing", "has no attribute 'Missing'"),
        ("mine:", "cannot import processor mine:"),
        (":Plain", "cannot import processor :Plain"),
        (".mine:Plain", "cannot import processor .mine:Plain"),
        ("broken:X", "nothing_of_that_name"),
        ("odd:X", "SyntaxError"),
        ("exits:X", "SystemExit"),
        ("mine:number", "mine:number is not a subclass"),
        ("mine:instance", "mine:instance is not a subclass"),
        ("mine:Room", "mine:Room is not a subclass"),
        ("unknown", r"no processor is called 'unknown' \(known: .*bound.*plain"),
        ("lost", "cannot import processor lost"),
        ("gone", "cannot import processor gone"),
        ("", "no processor is called ''"),
    ],
)
def test_a_wrong_name_says_what_is_wrong_with_it(name: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_processor(name)


# ── options ──


def test_options_reach_the_class_as_keyword_arguments() -> None:
    processor = load_processor("mine:Bound", {"path": "x", "size": 5})
    assert vars(processor) == {"path": "x", "size": 5}


def test_options_are_validated_and_converted_by_the_class() -> None:
    processor = load_processor("mine:Validated", {"path": "x", "size": "5"})
    assert vars(processor) == {"path": "x", "size": 5}
    assert vars(load_processor("mine:Validated", {"path": "x"})) == {"path": "x", "size": 3}


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("mine:Bound", {}, "options of processor mine:Bound: missing a required argument: 'path'"),
        ("mine:Bound", {"pth": CANARY}, "options of processor mine:Bound: .*'pth'|missing a required argument"),
        ("mine:Plain", {"path": CANARY}, "options of processor mine:Plain: got an unexpected keyword argument 'path'"),
        ("mine:Validated", {}, "options of processor mine:Validated: path: Field required"),
        ("mine:Validated", {"path": "x", "size": CANARY}, "size: Input should be a valid integer"),
        ("mine:Validated", {"path": 7, "size": 0}, "path: .*; size: "),
        ("mine:Validated", {"path": "x", "pth": CANARY}, "unknown option 'pth'; did you mean 'path'"),
        ("mine:Picky", {"path": CANARY}, "^no such folder$"),
        ("mine:Refusing", {"token": CANARY}, "cannot make processor mine:Refusing: it raised RuntimeError"),
    ],
)
def test_wrong_options_are_refused_by_name_without_their_values(
    name: str, options: dict[str, object], says: str
) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        load_processor(name, options)
    assert CANARY not in str(caught.value)


def test_a_refused_option_is_shown_in_no_traceback() -> None:
    with pytest.raises(SettingsError) as caught:
        load_processor("mine:Validated", {"path": "x", "size": CANARY})
    assert CANARY not in "".join(traceback.format_exception(caught.value))


# ── from settings ──


def test_the_settings_name_the_processors_and_their_options(tmp_path: Path) -> None:
    write(tmp_path / "s.toml", 'processor = "mine:Bound"\n[options]\npath = "x"\nsize = 4')
    (processor,) = processors_of(None, Settings.load(tmp_path / "s.toml"))
    assert vars(processor) == {"path": "x", "size": 4}


def test_several_processors_share_options_and_may_have_tables_of_their_own(tmp_path: Path) -> None:
    text = """
        processor = ["mine:Validated", "mine:Bound", "plain", "mine:Validated2"]
        [options."mine:Validated"]
        path = "one"
        [options."mine:Bound"]
        path = "two"
        size = 9
        [options."mine:Validated2"]
        path = "three"
    """
    write(tmp_path / "s.toml", text)
    first, second, third, fourth = processors_of(None, Settings.load(tmp_path / "s.toml"))
    assert [vars(it) for it in (first, second, third, fourth)] == [
        {"path": "one", "size": 3},
        {"path": "two", "size": 9},
        {},
        {"path": "three", "size": 3},
    ]
    both = Settings.load(processor=["mine:Bound"], options={"path": "all", "size": 1, "mine:Bound": {"size": 2}})
    assert [vars(it) for it in processors_of(None, both)] == [{"path": "all", "size": 2}]


def test_given_processors_go_before_those_of_the_settings() -> None:
    given = load_processor("mine:Plain")
    assert processors_of(given, Settings.load(processor="nothing:X")) == (given,)
    assert processors_of([given], Settings.load()) == (given,)
    assert processors_of((it for it in [given]), Settings.load()) == (given,)


@pytest.mark.parametrize("given", [None, [], ()])
def test_no_processor_at_all_is_refused_because_every_message_would_count_as_delivered(given: object) -> None:
    with pytest.raises(SettingsError, match="no processor"):
        processors_of(given, Settings.load())  # type: ignore[arg-type]


# ── instances that could never work ──


class Fine(EventProcessor):
    def process(self, batch: EventBatch) -> None:
        del batch


class Generator(EventProcessor):
    def process(self, batch: EventBatch) -> Iterator[None]:  # type: ignore[override]
        yield from (None for _ in batch)


class AsyncGenerator(EventProcessor):
    async def process(self, batch: EventBatch) -> AsyncIterator[None]:  # type: ignore[override]
        for _ in batch:
            yield


class Forgetful(EventProcessor):
    """Has no process."""


class Shadowed(EventProcessor):
    process = None  # type: ignore[assignment]


class WithSecret:
    def __repr__(self) -> str:
        return CANARY


@pytest.mark.parametrize(
    ("processor", "says"),
    [
        (Fine, r"Fine is a class: pass an instance, Fine\(\)"),
        (WithSecret(), "WithSecret is not an EventProcessor"),
        ("mine:Plain", "str is not an EventProcessor"),
        (print, "is not an EventProcessor"),
        (Generator(), "Generator.process is a generator"),
        (AsyncGenerator(), "AsyncGenerator.process is a generator"),
        (Forgetful(), "Forgetful does not define process"),
        (Shadowed(), "Shadowed.process cannot be called"),
    ],
)
def test_what_could_never_process_anything_is_refused_before_it_starts(processor: object, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        check_processor(processor)
    assert CANARY not in str(caught.value)
    with pytest.raises(SettingsError, match=says):
        processors_of(processor, Settings.load())  # type: ignore[arg-type]


def test_a_process_given_to_one_instance_is_as_good() -> None:
    processor = Forgetful()
    processor.process = print  # type: ignore[method-assign,assignment]
    assert processors_of(processor, Settings.load()) == (processor,)
