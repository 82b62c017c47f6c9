"""The packages: what imports what, beyond what import-linter checks, and the size of packages and modules."""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import grimp
import networkx
import pytest

ROOTS = ("penguin", "penguin_commands", "penguin_repl")
LAUNCHER = "penguin.orchestration.execution.launcher"
LARGEST = 20
"""Maximum number of modules of a package, `__init__.py` included."""
LONGEST = 400
"""Maximum number of lines of a module."""


@cache
def imports() -> grimp.ImportGraph:
    """All imports: also those of functions, and those that only type checkers see."""
    return grimp.build_graph(*ROOTS)


def edges() -> list[tuple[str, str]]:
    graph = imports()
    return [
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    ]


def test_imports_have_no_cycles() -> None:
    cycles = networkx.strongly_connected_components(networkx.DiGraph(edges()))
    assert [sorted(cycle) for cycle in cycles if len(cycle) > 1] == []


def test_the_launcher_imports_no_other_module_of_penguin() -> None:
    """It runs with the standard library alone, also from a folder that is not a package."""
    outside = [edge for edge in edges() if is_launcher(edge[0]) and not is_launcher(edge[1])]
    assert outside == []


def is_launcher(module: str) -> bool:
    return module == LAUNCHER or module.startswith(f"{LAUNCHER}.")


def packages() -> Counter[str]:
    modules = imports().modules
    parents = {module.rpartition(".")[0] for module in modules} - {""}
    plain = Counter(module.rpartition(".")[0] for module in modules if module not in parents)
    return Counter({package: plain[package] + 1 for package in parents})


@pytest.mark.parametrize("package", sorted(packages()))
def test_a_package_has_at_most_20_modules(package: str) -> None:
    assert packages()[package] <= LARGEST


def test_modules_have_at_most_400_lines() -> None:
    lengths = {module: lines_of(module) for module in imports().modules}
    assert {module: length for module, length in lengths.items() if length > LONGEST} == {}


def lines_of(module: str) -> int:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return len(Path(spec.origin).read_text().splitlines())
