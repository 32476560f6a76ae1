"""The style of the house, where a machine can see it."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cloudtrail_processing"
MODULES = sorted(PACKAGE.rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef

each_module = pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))


def nodes(file: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(file.read_text(encoding="utf-8")))


def body(function: Function) -> int:
    """Lines of a function's body, its docstring aside."""
    has_docstring = ast.get_docstring(function, clean=False) is not None
    statements = function.body[1:] if has_docstring else function.body
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1 if statements else 0


@each_module
def test_a_module_is_read_in_one_sitting(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 300


@each_module
def test_a_function_is_seen_at_one_glance(file: Path) -> None:
    assert not [node.name for node in nodes(file) if isinstance(node, Function) and body(node) > 40]


def test_functions_are_short_as_a_rule() -> None:
    lengths = [body(node) for file in MODULES for node in nodes(file) if isinstance(node, Function)]
    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=10)[-1] <= 20


@each_module
def test_no_error_is_passed_over_in_silence(file: Path) -> None:
    handlers = [node for node in nodes(file) if isinstance(node, ast.ExceptHandler)]
    assert not [node.lineno for node in handlers if node.type is None or isinstance(node.body[0], ast.Pass)]


@each_module
def test_every_module_class_and_public_function_says_what_it_promises(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body
    silent = [node.name for node in public(tree) if not ast.get_docstring(node)]
    assert not silent


def public(scope: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """Public classes and functions, and the public methods of public classes; for a bare ``...`` its class speaks."""
    for node in scope.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            if ast.unparse(node.body[0]) != "...":
                yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)
