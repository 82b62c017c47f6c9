"""The registry of formats: one module of `formats/` each, and the search for the format of a file."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint.importers import formats
from penguin.orchestration.blueprint.importers.references import note_unread
from penguin.orchestration.blueprint.importers.unread.dependency_claims import note_dependency_claims
from penguin.orchestration.blueprint.importers.unread.skipped_fields import note_skipped_fields
from penguin.orchestration.blueprint.importers.unread.skipped_rows import note_skipped_rows
from penguin.orchestration.config.document_checker import raise_problems, suggest

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog
    from penguin.orchestration.blueprint.importers.format import Format
    from penguin.orchestration.blueprint.importers.source_file import Source


@cache
def known_formats() -> dict[str, Format]:
    """Return all formats by name."""
    modules = (import_module(f"{formats.__name__}.{module.name}") for module in iter_modules(formats.__path__))
    found: list[Format] = [module.FORMAT for module in modules]
    return {one.name: one for one in found}


def format_named(name: str) -> Format:
    """Return the format with this name. Raises BlueprintError if there is none."""
    known = known_formats()
    if name not in known:
        raise BlueprintError(f"unknown format {name[:60]!r}", suggest(name, tuple(known)))
    return known[name]


def recognise(source: Source) -> Format | None:
    """Return the format of a file, or None if it has none that is known."""
    scores = [(one.recognise(source), one) for one in known_formats().values()]
    score, found = max(scores, key=lambda pair: pair[0])
    return found if score > 0 else None


def read_backlog(source: Source, format_name: str | None = None) -> ImportedBacklog:
    """Return the backlog in a file.

    Args:
        source: The file.
        format_name: The name of its format; None: it is recognised by its content.

    Returns:
        The backlog as the source has it. `completion.complete` gives it its final ids.

    Raises:
        BlueprintError: The format is not known, or the file has errors. They name file and line.
    """
    found = format_named(format_name) if format_name else recognise(source)
    raise_problems(source.checker.problems, BlueprintError)
    if found is None:
        names = ", ".join(known_formats())
        raise BlueprintError(f"{source.shown}: is not a backlog of a known format", f"--format names one of {names}")
    backlog = found.read(source)
    raise_problems(source.checker.problems, BlueprintError)
    for problem in source.checker.problems:
        backlog.note(problem.line, problem.message)
    note_unread(source, backlog)
    note_dependency_claims(source, backlog)
    note_skipped_rows(source, backlog)
    note_skipped_fields(source, backlog)
    return backlog
