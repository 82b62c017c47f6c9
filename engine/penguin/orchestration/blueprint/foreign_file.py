"""A file of another tool that is named as a blueprint, and the command that imports it."""

from __future__ import annotations

from shlex import quote

from penguin.orchestration.blueprint.importers.registry import recognise
from penguin.orchestration.blueprint.importers.source_file import Source
from penguin.orchestration.blueprint.model import IMPORT
from penguin.orchestration.config.document_checker import ERROR, Problem

_SURE = 50
"""A plain checklist is no sign of another tool."""


def foreign_problem(text: str, path: str) -> Problem | None:
    """Return the problem of a file that another tool wrote, or None if none is known to write such files."""
    source = Source(text, path)
    found = recognise(source)
    if found is None or found.recognise(source) < _SURE:
        return None
    return Problem(ERROR, path, 0, f"this is {found.title}", f"{IMPORT}{quote(path)}")
