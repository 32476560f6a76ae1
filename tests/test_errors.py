"""Every failure carries what becomes of the message, as the tree in the module's docstring says."""

import re

import pytest

from cloudtrail_processing import errors
from cloudtrail_processing.errors import CloudTrailProcessingError, Disposition, RetryLater

LINE = re.compile(r"^\s+((?:│   )*)[├└]── (\w+) +([A-Z]+) ", re.MULTILINE)
TREE = [(len(indent) // 4, name, said) for indent, name, said in LINE.findall(errors.__doc__ or "")]


def classes(parent: type[CloudTrailProcessingError], depth: int = 0) -> list[tuple[int, str, str]]:
    """The tree as it is in the code, for the classes of this module."""
    found = []
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            found.append((depth, child.__name__, child.disposition.name))
            found += classes(child, depth + 1)
    return found


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    assert classes(CloudTrailProcessingError) == TREE
    assert len(TREE) == 22


@pytest.mark.parametrize("name", [name for _, name, _ in TREE])
def test_every_class_says_what_happened(name: str) -> None:
    assert getattr(errors, name).__doc__


def test_no_class_accepts_a_loss_by_itself() -> None:
    """Only an exception handler may say SKIP."""
    assert Disposition.SKIP.name not in {said for _, _, said in TREE}


def test_a_later_time_is_in_seconds_and_may_be_left_out() -> None:
    assert (RetryLater(after=30).after, RetryLater().after) == (30, None)
    assert str(RetryLater("table locked")) == "table locked"
