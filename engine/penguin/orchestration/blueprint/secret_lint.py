"""Lint for secrets: values of secret variables in files that Penguin stores unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from penguin.orchestration.blueprint.loader import MAX_BYTES
from penguin.orchestration.config.document import read_text
from penguin.orchestration.config.document_checker import WARNING, Checker, Problem
from penguin.orchestration.files.text_encoding import unescape_path


def secret_problems(root: Path, paths: Iterable[str], secrets: Mapping[str, str]) -> Iterator[Problem]:
    """Find values of secret variables in `penguin.yaml` and blueprints.

    Args:
        root: The workspace.
        paths: The files, relative to the workspace. One that can't be read has no problem here.
        secrets: Values by the names of their variables.

    Yields:
        A warning for each file and variable, with the first line that holds the value.
    """
    for path in paths:
        text = read_text(root / unescape_path(path), Checker(path), MAX_BYTES) or ""
        for name, value in secrets.items():
            place = text.find(value)
            if place >= 0:
                message = f"contains the value of {name}, which is stored with every workflow that uses it"
                yield Problem(WARNING, path, text.count("\n", 0, place) + 1, message, f"write ${name}")
