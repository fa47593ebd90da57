"""The house keeps its limits: rooms, files and classes that fit in the head, one meaning a name, tests to be found."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.paths import ROOT

PACKAGES: Final = ("recorder", "redaction")
CODE: Final = (*PACKAGES, "benchmarks", "docs", "samples", "tests")
MOST_MODULES: Final = 22
MOST_LINES: Final = 450
MOST_CLASS_LINES: Final = 300

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def modules(*folders: str) -> list[Path]:
    """Return the Python files below folders of the repository, relative to it."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found)


@cache
def tree_of(module: Path) -> ast.Module:
    """Parse a module."""
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def public_names(module: Path) -> Iterator[str]:
    """Yield what a module defines at its top level for others."""
    for node in tree_of(module).body:
        names: list[str] = []
        if isinstance(node, Definition):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            targets = [
                one
                for target in node.targets
                for one in (target.elts if isinstance(target, ast.Tuple) else [target])
            ]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        yield from (name for name in names if not name.startswith("_"))


def test_the_top_of_recorder_is_empty() -> None:
    """Whoever opens `recorder/` sees rooms, and the command line."""
    assert {path.name for path in (ROOT / "recorder").glob("*.py")} == {"__init__.py", "cli.py"}


def test_no_room_is_a_hall() -> None:
    """A folder holds at most 22 modules."""
    counts: dict[Path, int] = defaultdict(int)
    for module in modules(*PACKAGES, "samples", "benchmarks"):
        counts[module.parent] += module.name != "__init__.py"
    assert {str(folder): count for folder, count in counts.items() if count > MOST_MODULES} == {}


def test_no_file_is_longer_than_fits_in_the_head() -> None:
    """A file has at most 450 lines, one of tests too."""
    lengths = {
        str(module): (ROOT / module).read_text(encoding="utf-8").count("\n") for module in modules(*CODE)
    }
    assert {module: lines for module, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_class_is_longer_than_can_be_followed() -> None:
    """A class has at most 300 lines."""
    found = {
        f"{module}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module in modules(*CODE)
        for node in tree_of(module).body
        if isinstance(node, ast.ClassDef)
    }
    assert {name: lines for name, lines in found.items() if lines > MOST_CLASS_LINES} == {}


def test_a_public_name_has_one_meaning() -> None:
    """No two modules define the same public name; whoever searches for it finds the one place."""
    homes: dict[str, list[str]] = defaultdict(list)
    for module in modules(*PACKAGES):
        for name in set(public_names(module)):
            homes[name].append(str(module))
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def named_tests() -> dict[Path, list[Path]]:
    """Return which tests hold a module that has none at its own path, as tests/README.md says."""
    text = (ROOT / "tests/README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+\.py)` \| (.+) \|$", text, re.MULTILINE)
    return {Path(module): [Path(one) for one in re.findall(r"`([^`]+)`", tests)] for module, tests in rows}


def mirrored(module: Path) -> Path:
    """Return where the test of a module stands."""
    return Path("tests") / module.with_name(f"test_{module.name}")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_a_test_that_can_be_found(package: str) -> None:
    """At the mirrored path, or where tests/README.md says."""
    named = named_tests()
    missing = [
        str(module)
        for module in modules(package)
        if module.name != "__init__.py" and not (ROOT / mirrored(module)).is_file() and module not in named
    ]
    assert missing == []


def test_the_table_of_tests_is_true() -> None:
    """Each line names a module that is there, and tests that are there."""
    for module, tests in named_tests().items():
        assert (ROOT / module).is_file(), module
        assert tests, module
        assert [str(test) for test in tests if not (ROOT / test).is_file()] == [], module
