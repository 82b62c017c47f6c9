"""The commands that run the tests of a project, as the files in its folder show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

MAX_FILES = 50
"""Files that are read for one sign."""
MAX_BYTES = 200_000
"""Bytes of a file that are read."""


class DetectedCommand(NamedTuple):
    """A command that runs tests."""

    command: str
    evidence: str
    """The file that shows it, relative to the folder."""


class _Sign(NamedTuple):
    """A file that shows how tests run."""

    pattern: str
    """A glob pattern of paths."""
    has: Callable[[str], bool] = lambda text: True
    """Tells whether the text of the file shows it."""


class _Rule(NamedTuple):
    """A command, and the signs of it."""

    command: str
    kind: str
    """Of the commands of one kind, only the first one is detected."""
    signs: tuple[_Sign, ...]


def _matches(pattern: str) -> Callable[[str], bool]:
    """Return a test for texts with a line that begins with this regular expression."""
    return lambda text: re.search(f"(?m)^(?:{pattern})", text) is not None


def _has_test_script(text: str) -> bool:
    """Return whether a package.json has a test script other than the one that `npm init` writes."""
    script = _script(text, "test")
    return bool(script) and "no test specified" not in script


def _script(text: str, name: str) -> str:
    try:
        scripts = json.loads(text)["scripts"]
        return str(scripts.get(name) or "")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""


def _files(patterns: str, has: Callable[[str], bool] = lambda text: True) -> tuple[_Sign, ...]:
    return tuple(_Sign(pattern, has) for pattern in patterns.split())


PYTHON = "python"
_MAKE_TARGET = _matches(r"(?:[\w.-]+ +)*test(?: +[\w.-]+)* *::?(?!=)")
_UNITTEST = _matches(r"(?:import|from) unittest\b")
TEST_FILES = "test_*.py tests/test_*.py tests/*/test_*.py test/test_*.py"
RULES = (
    _Rule(
        "pytest -q",
        PYTHON,
        (
            *_files("pytest.ini conftest.py tests/conftest.py test/conftest.py"),
            *_files("pyproject.toml", _matches(r"\[tool\.pytest")),
            *_files("setup.cfg tox.ini", _matches(r"\[(?:tool:)?pytest\]")),
            *_files("pyproject.toml", lambda text: re.search(r"""["']pytest\b|^pytest *=""", text, re.M) is not None),
            *_files("requirements*.txt requirements/*.txt Pipfile", _matches(r"pytest\b")),
            *_files(TEST_FILES, _matches(r"import pytest\b|from pytest\b|(?:async )?def test_")),
        ),
    ),
    _Rule("python -m unittest discover", PYTHON, _files("test*.py", _UNITTEST)),
    _Rule("python -m unittest discover -s tests", PYTHON, _files("tests/test*.py tests/*/test*.py", _UNITTEST)),
    # Test files that name no framework yet, such as empty ones.
    _Rule("pytest -q", PYTHON, _files(TEST_FILES)),
    _Rule("npm test", "javascript", _files("package.json", _has_test_script)),
    _Rule("deno test", "javascript", _files("deno.json deno.jsonc")),
    _Rule("go test ./...", "go", _files("go.mod")),
    _Rule("cargo test", "rust", _files("Cargo.toml")),
    _Rule("./gradlew test", "java", _files("gradlew")),
    _Rule("mvn -q test", "java", _files("pom.xml")),
    _Rule("mix test", "elixir", _files("mix.exs")),
    _Rule("bundle exec rspec", "ruby", _files("spec/spec_helper.rb .rspec")),
    _Rule("dotnet test", "dotnet", _files("*.sln *.slnx *.csproj *.fsproj")),
    _Rule(
        "make test",
        "make",
        _files("GNUmakefile makefile Makefile", _MAKE_TARGET),
    ),
    _Rule("just test", "just", _files("justfile Justfile .justfile", _matches(r"@?test\b[^:=\n]*:(?!=)"))),
    _Rule("tox", "tox", _files("tox.ini setup.cfg", _matches(r"\[(?:tox|testenv|tox:tox)\]"))),
    _Rule("tox", "tox", (*_files("tox.toml"), *_files("pyproject.toml", _matches(r"\[tool\.tox")))),
    _Rule("nox", "nox", _files("noxfile.py")),
)
"""What a project may use, the most specific first."""
PYTHON_RUNNERS = (
    ("uv.lock", "uv run "),
    ("poetry.lock", "poetry run "),
    ("pdm.lock", "pdm run "),
    ("Pipfile.lock", "pipenv run "),
    ("pixi.lock", "pixi run "),
)
"""Lock files of Python projects, and what runs a program in their environment."""
ENVIRONMENTS = (".venv/bin/", "venv/bin/")
"""The programs of virtual environments in the folder."""
PACKAGE_MANAGERS = (
    ("pnpm-lock.yaml", "pnpm test"),
    ("yarn.lock", "yarn test"),
    ("bun.lock", "bun run test"),
    ("bun.lockb", "bun run test"),
    ("package-lock.json", "npm test"),
)
"""Lock files of JavaScript projects, and what runs the test script of their package.json."""


def detect_test_commands(root: Path) -> list[DetectedCommand]:
    """Return the commands that run the tests of the project in a folder, the most specific first.

    Reads a few files in the folder, and runs nothing. A file that can't be read shows nothing.
    """
    found: dict[str, DetectedCommand] = {}
    for rule in RULES:
        if rule.kind not in found and (evidence := _evidence(root, rule)):
            found[rule.kind] = DetectedCommand(_in_project(root, rule), evidence)
    return list(found.values())


def _evidence(root: Path, rule: _Rule) -> str:
    """Return the file that shows that a project uses a command; '' if none does."""
    for sign in rule.signs:
        for path in _paths(root, sign.pattern):
            if sign.has(_text(path)):
                return path.relative_to(root).as_posix()
    return ""


def _paths(root: Path, pattern: str) -> Iterator[Path]:
    try:
        yield from sorted(path for path in root.glob(pattern) if path.is_file())[:MAX_FILES]
    except OSError:
        # The folder can't be listed.
        return


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _in_project(root: Path, rule: _Rule) -> str:
    """Return the command of a rule as this project runs it: with its package manager, or in its environment."""
    if rule.command == "npm test":
        return next((command for lock, command in PACKAGE_MANAGERS if (root / lock).is_file()), rule.command)
    return _in_environment(root, rule.command) if rule.kind == PYTHON else rule.command


def _in_environment(root: Path, command: str) -> str:
    if command.endswith(" -s tests") and (root / "tests" / "__init__.py").is_file():
        # The tests are a package, which may import its own modules.
        command += " -t ."
    for lock, runner in PYTHON_RUNNERS:
        if (root / lock).is_file():
            return f"{runner}{command}"
    program = command.partition(" ")[0]
    for folder in ENVIRONMENTS:
        if (root / folder / program).is_file():
            return f"{folder}{command}"
    # Outside of an environment, `python` may be missing.
    return command.replace("python ", "python3 ")
