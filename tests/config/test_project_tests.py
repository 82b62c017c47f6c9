"""The commands that run the tests of a project."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penguin.orchestration.config.project_tests import RULES, detect_test_commands
from penguin.orchestration.core.test_detection.runners import uncounted_test_run
from penguin.orchestration.core.test_detection.summaries import RUNNERS

Files = dict[str, str]
PYTEST_FILE = {"tests/test_a.py": "def test_a():\n    assert True\n"}
UNITTEST = "import unittest\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        pass\n"
MADE_BY_NPM = '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'
NODE = {"package.json": '{"name": "a", "scripts": {"build": "tsc", "test": "vitest run"}}'}

CASES: dict[str, tuple[Files, list[str]]] = {
    "nothing": ({"README.md": "pytest"}, []),
    "pytest.ini": ({"pytest.ini": "[pytest]\n"}, ["pytest -q"]),
    "pyproject with settings": ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, ["pytest -q"]),
    "pyproject with a dependency": ({"pyproject.toml": '[dependency-groups]\ndev = ["pytest>=8"]\n'}, ["pytest -q"]),
    "pyproject of poetry": ({"pyproject.toml": '[tool.poetry.dev-dependencies]\npytest = "^8"\n'}, ["pytest -q"]),
    "pyproject without pytest": ({"pyproject.toml": "[project]\nname = 'mypytester'\n"}, []),
    "setup.cfg": ({"setup.cfg": "[tool:pytest]\n"}, ["pytest -q"]),
    "requirements": ({"requirements-dev.txt": "ruff\npytest==8.1\n"}, ["pytest -q"]),
    "functions": (PYTEST_FILE, ["pytest -q"]),
    "a test file without tests": ({"tests/test_a.py": ""}, ["pytest -q"]),
    "deeper functions": ({"tests/unit/test_a.py": "import pytest\n"}, ["pytest -q"]),
    "conftest": ({"tests/conftest.py": ""}, ["pytest -q"]),
    "uv": ({**PYTEST_FILE, "uv.lock": ""}, ["uv run pytest -q"]),
    "poetry": ({**PYTEST_FILE, "poetry.lock": ""}, ["poetry run pytest -q"]),
    "pipenv": ({"Pipfile": '[dev-packages]\npytest = "*"\n', "Pipfile.lock": ""}, ["pipenv run pytest -q"]),
    "venv": ({**PYTEST_FILE, ".venv/bin/pytest": ""}, [".venv/bin/pytest -q"]),
    "uv before venv": ({**PYTEST_FILE, ".venv/bin/pytest": "", "uv.lock": ""}, ["uv run pytest -q"]),
    "venv without pytest": ({**PYTEST_FILE, ".venv/bin/python": ""}, ["pytest -q"]),
    "unittest": ({"tests/test_a.py": UNITTEST}, ["python3 -m unittest discover -s tests"]),
    "unittest beside the code": ({"test_a.py": UNITTEST}, ["python3 -m unittest discover"]),
    "unittest in a package": (
        {"tests/test_a.py": UNITTEST, "tests/__init__.py": ""},
        ["python3 -m unittest discover -s tests -t ."],
    ),
    "unittest in venv": (
        {"tests/test_a.py": UNITTEST, "venv/bin/python": ""},
        ["venv/bin/python -m unittest discover -s tests"],
    ),
    "unittest with uv": (
        {"tests/test_a.py": UNITTEST, "uv.lock": ""},
        ["uv run python -m unittest discover -s tests"],
    ),
    "npm": (NODE, ["npm test"]),
    "pnpm": ({**NODE, "pnpm-lock.yaml": ""}, ["pnpm test"]),
    "yarn": ({**NODE, "yarn.lock": ""}, ["yarn test"]),
    "npm init": ({"package.json": MADE_BY_NPM}, []),
    "package.json without scripts": ({"package.json": '{"name": "test"}'}, []),
    "broken package.json": ({"package.json": '{"scripts": ["test"'}, []),
    "strange package.json": ({"package.json": '{"scripts": ["test"]}'}, []),
    "go": ({"go.mod": "module a\n"}, ["go test ./..."]),
    "cargo": ({"Cargo.toml": "[package]\n"}, ["cargo test"]),
    "make": ({"Makefile": ".PHONY: test\ntest: build\n\tpytest\n"}, ["make test"]),
    "make with several targets": ({"Makefile": "check test: build\n"}, ["make test"]),
    "make without tests": ({"Makefile": ".PHONY: test\ntests: a\nlatest:\ntest := 1\n"}, []),
    "just": ({"justfile": "test *args:\n  cargo test\n"}, ["just test"]),
    "tox": ({"tox.ini": "[tox]\nenvlist = py311\n"}, ["tox"]),
    "tox in pyproject": ({"pyproject.toml": "[tool.tox]\n"}, ["tox"]),
    "tox.ini of pytest": ({"tox.ini": "[pytest]\n"}, ["pytest -q"]),
    "nox": ({"noxfile.py": ""}, ["nox"]),
    "several": (
        {**PYTEST_FILE, **NODE, "Makefile": "test:\n", "tox.ini": "[tox]\n"},
        ["pytest -q", "npm test", "make test", "tox"],
    ),
}


def write(root: Path, files: Files) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize("name", CASES)
def test_the_commands_of_a_project(tmp_path: Path, name: str) -> None:
    files, commands = CASES[name]
    write(tmp_path, files)
    found = detect_test_commands(tmp_path)
    assert [one.command for one in found] == commands
    assert {one.evidence for one in found} <= set(files)


def test_files_that_are_none_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "go.mod").mkdir()
    os.mkfifo(tmp_path / "pyproject.toml")
    (tmp_path / "Cargo.toml").symlink_to("nowhere")
    assert detect_test_commands(tmp_path) == []
    assert detect_test_commands(tmp_path / "missing") == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300))
def test_any_file_is_read(tmp_path: Path, content: bytes) -> None:
    for name in ("package.json", "Makefile", "pyproject.toml", "test_a.py"):
        (tmp_path / name).write_bytes(content)
    detect_test_commands(tmp_path)


@pytest.mark.integration
@pytest.mark.parametrize("name", ["functions", "unittest", "unittest beside the code", "unittest in a package"])
def test_the_command_runs_the_tests(tmp_path: Path, name: str) -> None:
    write(tmp_path, CASES[name][0])
    command = shlex.split(detect_test_commands(tmp_path)[0].command)
    python = [sys.executable, "-m", "pytest"] if command[0] == "pytest" else [sys.executable]
    ran = subprocess.run([*python, *command[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, "1 passed" in ran.stdout or "Ran 1 test" in ran.stderr) == (0, True)


def test_gates_count_the_tests_of_each_command_or_lint_warns() -> None:
    """Otherwise a run of no tests would not be noticed."""
    summaries = {*(name.lower() for name, _ in RUNNERS), "mvn"}
    for rule in RULES:
        counted = any(name in rule.command for name in summaries)
        assert counted or uncounted_test_run(rule.command), rule.command
