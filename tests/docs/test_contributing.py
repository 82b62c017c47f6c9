"""CONTRIBUTING.md names existing files, and all packages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ENGINE = "engine/penguin/orchestration/"
PLACES = {"O/": ENGINE, "C/": "commands/penguin_commands/", "R/": "penguin_repl/penguin_repl/"}
"""The short names of the source roots."""
FOLDERS = (".", ENGINE, "tests", "tests/support")
"""Possible starts of a path."""
CODE = re.findall(r"`([^`\n ]+)`", TEXT)
PATHS = sorted(
    {code for code in CODE if not code.startswith("/") and re.search(r"/|\.(py|md|toml|yaml)$", code)} - set(PLACES)
)


def located(path: str) -> Path:
    """Return the full path: expand short names, and add the folder of packages and modules in tables."""
    for short, root in PLACES.items():
        if path.startswith(short):
            return ROOT / root / path[len(short) :]
    places = [ROOT / folder / path for folder in FOLDERS]
    return next((place for place in places if place.exists()), places[0])


@pytest.mark.parametrize("path", [path for path in PATHS if path != "penguin.yaml"])
def test_every_path_exists(path: str) -> None:
    found = located(path)
    assert found.exists()
    assert found.is_dir() or not path.endswith("/")


@pytest.mark.parametrize("root", PLACES.values())
def test_every_package_is_in_a_table(root: str) -> None:
    packages = {path.parent for path in (ROOT / root).glob("*/__init__.py")}
    assert packages <= {located(path) for path in PATHS if path.endswith("/")}


def test_the_recipes_use_the_short_names_that_they_explain() -> None:
    for short, root in PLACES.items():
        assert f"`{short}` is `{root}`" in " ".join(TEXT.split())
