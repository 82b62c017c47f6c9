"""The packages: what imports what, beyond what import-linter checks, and how large a package may be."""

from __future__ import annotations

from collections import Counter
from functools import cache

import grimp
import networkx
import pytest

ROOTS = ("penguin", "penguin_commands", "penguin_repl")
LAUNCHER = "penguin.orchestration.execution.launcher"
LARGEST = 20
"""Modules of a package, `__init__.py` included."""


@cache
def imports() -> grimp.ImportGraph:
    """All imports: also those of functions, and those that only type checkers see."""
    return grimp.build_graph(*ROOTS)


def edges() -> list[tuple[str, str]]:
    graph = imports()
    return [(one, other) for one in graph.modules for other in graph.find_modules_directly_imported_by(one)]


def test_no_module_imports_itself_through_others() -> None:
    circles = networkx.strongly_connected_components(networkx.DiGraph(edges()))
    assert [sorted(circle) for circle in circles if len(circle) > 1] == []


def test_the_launcher_imports_no_other_module_of_penguin() -> None:
    """It runs with the standard library alone, and also from a folder that is no package."""
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
def test_a_package_has_few_modules(package: str) -> None:
    assert packages()[package] <= LARGEST
