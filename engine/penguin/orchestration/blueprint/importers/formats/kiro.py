"""Kiro: `.kiro/specs/NAME/tasks.md`, with the acceptance criteria of `requirements.md` beside it."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog
from penguin.orchestration.blueprint.importers.box_tasks import (
    BoxReader,
    is_dotted_number,
    link_numbered,
    numbered,
)
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.markdown_outline import Heading, Item
from penguin.orchestration.blueprint.importers.source_file import read_source

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source_file import Source

_REQUIREMENTS = re.compile(
    r"_Requirements?:\s*+(.+?)_\s*$|\bValidates:\s*Requirements?\s+([\d., –-]*\d)", re.MULTILINE | re.IGNORECASE
)
_NUMBERS = re.compile(r"(\d+(?:\.\d+)*)(?:\s*(?:-|–|—|\bto\b|\bthrough\b|\.\.+)\s*(\d+(?:\.\d+)*))?")
_PART = re.compile(r"^[-*]\s+\[.?\]\*?\s+\d+\.?\s", re.MULTILINE)
_STEP_BELOW = re.compile(r"^[ \t]+[-*]\s+\[.?\]\*?\s+\d+\.\d+\.?\s", re.MULTILINE)
_STEP = re.compile(r"^[ \t]*[-*]\s+\[.?\]\*?\s+\d+(?:\.\d+)*\.?\s", re.MULTILINE)
_REQUIREMENT = re.compile(r"(?:requirement\s+)?(\d+)\b", re.IGNORECASE)


def _recognise(source: Source) -> int:
    if source.is_json or not _STEP.search(source.text):
        return 0
    if ".kiro" in PurePath(source.shown).parts:
        return 95
    if _REQUIREMENTS.search(source.text):
        return 90
    return 60 if _PART.search(source.text) and _STEP_BELOW.search(source.text) else 0


def _read(source: Source) -> ImportedBacklog:
    folder = source.path.absolute().parent.name if source.path else ""
    backlog = ImportedBacklog(format="kiro", id=folder or "kiro")
    reader = BoxReader(source, backlog, numbered, is_dotted_number)
    reader.read_all("implementation plan|implementation tasks|tasks?", sections=False)
    link_numbered(backlog.items)
    _add_requirements(source, backlog)
    return backlog


def _add_requirements(source: Source, backlog: ImportedBacklog) -> None:
    """Set which requirements a task names, and add their acceptance criteria if requirements.md is there."""
    criteria = _acceptance_criteria(source)
    for item in backlog.items:
        match = _REQUIREMENTS.search(item.description)
        if match is None:
            continue
        named = (match[1] or match[2]).strip()
        item.metadata["requirements"] = named
        names = dict.fromkeys(_named_criteria(named, list(criteria)))
        item.criteria += [f"{name} {criteria[name]}" for name in names if name in criteria]
        missing = [name for name in names if name not in criteria] if criteria else []
        if missing:
            backlog.note(item.line, f"{item.id} names requirements that requirements.md lacks: {', '.join(missing)}")


def _named_criteria(text: str, known: list[str]) -> list[str]:
    """Return the numbers of the criteria in a text such as `1.1-1.3, 2` or `All`: a whole number is a requirement."""
    if re.fullmatch(r"all(?:\s+requirements)?\.?", text, re.IGNORECASE):
        return known
    found: list[str] = []
    for first, last in _NUMBERS.findall(text):
        if last:
            found += _range(first, last, known)
        elif "." in first:
            found.append(first)
        else:
            found += [name for name in known if name.startswith(f"{first}.")] or [first]
    return found


def _range(first: str, last: str, known: list[str]) -> list[str]:
    """Return the numbers from one to another: those that are known, and both ends."""
    start, end = _order(first), _order(last)
    within = [name for name in known if start <= _order(name)[: len(start)] and _order(name)[: len(end)] <= end]
    ends = [one for one in (first, last) if "." in one and one not in within]
    return within + ends


def _order(number: str) -> list[int]:
    return [int(part) for part in number.split(".")]


def _acceptance_criteria(source: Source) -> dict[str, str]:
    """Return the acceptance criteria of requirements.md by their numbers, such as `1.2`."""
    path = source.path.with_name("requirements.md") if source.path else None
    if path is None or not path.is_file():
        return {}
    found: dict[str, str] = {}
    requirement, number, in_criteria = "", 0, False
    for part in read_source(path, str(path)).parts:
        if isinstance(part, Heading):
            in_criteria = part.text.lower().startswith("acceptance criteria")
            match = None if in_criteria else _REQUIREMENT.match(part.text)
            requirement = match[1] if match else requirement
            number = 0
        elif isinstance(part, Item) and in_criteria and requirement:
            number += 1
            stated = re.match(r"(\d+\.\d+)[.:]?\s+", part.text)
            name = stated[1] if stated else f"{requirement}.{number}"
            found[name] = part.text[stated.end() :] if stated else part.text
    return found


FORMAT = Format("kiro", "a Kiro tasks.md", _recognise, _read, places=(".kiro/specs/*/tasks.md",))
