"""The test command of a project, found by the files of its build tool."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MAX_BYTES = 1_000_000
_MAKE_TARGET = re.compile(r"^test\s*:(?!=)", re.MULTILINE)
_NO_TESTS = "no test specified"
"""What `npm init` writes where a project has no tests."""
_NODE_RUNNERS = (("pnpm-lock.yaml", "pnpm test"), ("yarn.lock", "yarn test"), ("bun.lock", "bun run test"))
_PYTHON_RUNNERS = (("uv.lock", "uv run pytest -q"), ("poetry.lock", "poetry run pytest -q"))
_PYTHON_FILES = ("pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini", "setup.py")


class FoundCommand(NamedTuple):
    """A command that runs the tests of a project."""

    command: str
    file: str
    """The file that names it."""


def find_test_command(root: Path) -> FoundCommand | None:
    """Return the command that runs the tests of the project in a folder; None if no file there tells."""
    return next(_commands(root), None)


def _commands(root: Path) -> Iterator[FoundCommand]:
    """Yield the commands, the one that the project itself names first."""
    for name in ("Makefile", "makefile", "GNUmakefile"):
        if _MAKE_TARGET.search(_text(root / name)):
            yield FoundCommand("make test", name)
    if _has_node_tests(root):
        yield FoundCommand(_runner(root, _NODE_RUNNERS, "npm test"), "package.json")
    for name in _PYTHON_FILES:
        text = _text(root / name)
        if "pytest" in text or (text and _has_python_tests(root)):
            yield FoundCommand(_runner(root, _PYTHON_RUNNERS, "pytest -q"), name)
    if (root / "Cargo.toml").is_file():
        yield FoundCommand("cargo test", "Cargo.toml")
    if (root / "go.mod").is_file():
        yield FoundCommand("go test ./...", "go.mod")


def _text(path: Path) -> str:
    """Return the beginning of a file; empty if it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _has_node_tests(root: Path) -> bool:
    try:
        found = json.loads(_text(root / "package.json"))
    except ValueError:
        return False
    scripts = found.get("scripts") if isinstance(found, dict) else None
    test = scripts.get("test") if isinstance(scripts, dict) else None
    return isinstance(test, str) and bool(test.strip()) and _NO_TESTS not in test


def _has_python_tests(root: Path) -> bool:
    return any(next(root.glob(pattern), None) for pattern in ("test_*.py", "tests/**/test_*.py", "test/**/test_*.py"))


def _runner(root: Path, runners: tuple[tuple[str, str], ...], default: str) -> str:
    """Return the command of the tool whose lock file is there."""
    return next((command for lock, command in runners if (root / lock).is_file()), default)
