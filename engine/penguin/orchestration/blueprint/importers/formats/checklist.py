"""A plain checklist: Markdown with check boxes, in no particular tool's form."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog
from penguin.orchestration.blueprint.importers.box_tasks import BoxReader, numbered
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.markdown_outline import box_lines, headings_as_boxes
from penguin.orchestration.blueprint.importers.references import KEY_LINE
from penguin.orchestration.config.document_checker import valid_id

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source_file import Source

_BLUEPRINT = re.compile(r"^[ \t]*[-*]\s+\*\*ID:\*\*", re.MULTILINE)
_MARKED = re.compile(r"(?:`([^`\s]+)`|\*\*([^*\s]+?):?\*\*)\s*:?\s+(\S.*)")
_KEY = re.compile(
    r"([A-Z][A-Z0-9]*-\d+[a-z]?|[A-Z]{1,4}\d{2,}[a-z]?|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)\s*:?\s+(\S.*)"
)
_TASK_HEADING = re.compile(
    r"(?:(?:task|story|issue)\s+\d+(?:\.\d+)*|[A-Z]{1,6}-\d+|[A-Z]{1,2}\d{2,})\W*\s+\w", re.IGNORECASE
)
_BOX = re.compile(r"^[ \t]*(?:[-*+]|\d+[.)])\s+\[.?\]\s+(.*)", re.MULTILINE)
_NUMBERED_BOX = re.compile(r"^[ \t]*[-*+]\s+\[.?\]\s+\d+\.\d+\.?\s", re.MULTILINE)
_FILE_NAME = re.compile(
    r".*\.(?:md|py|js|jsx|ts|tsx|json|ya?ml|toml|txt|rs|go|java|c|h|cpp|rb|php|css|html?|sh|sql|cfg|ini|lock|com|org|io)",
    re.IGNORECASE,
)


def _split(text: str) -> tuple[str, str]:
    """Split an id off that looks like one: `A-1 Title`, `T001 Title`, or any id in backticks or bold."""
    marked = _MARKED.fullmatch(text)
    if marked:
        name = (marked[1] or marked[2]).rstrip(":")
        if valid_id(name) and re.search(r"[\d._-]", name) and not _FILE_NAME.fullmatch(name):
            return name, marked[3]
    match = _KEY.fullmatch(text)
    if match and not _FILE_NAME.fullmatch(match[1]) and re.search(r"[A-Za-z]", match[1]):
        return match[1], match[2]
    return "", text


def _split_numbered(text: str) -> tuple[str, str]:
    """Split an id or a number such as 1.0 and 1.1 off."""
    found = _split(text)
    number, title = numbered(text)
    return (number, title) if not found[0] and "." in number else found


def _is_task_heading(text: str, section: str) -> bool:
    """Return whether a heading such as `US-001: Title` is a task: its section has boxes, but no tasks of their own."""
    if not _TASK_HEADING.match(text):
        return False
    boxes = [match[1] for match in _BOX.finditer(section)]
    about = any(KEY_LINE.match(line.strip().lstrip("-* ")) for line in section.split("\n"))
    return (bool(boxes) or about) and not any(_split(box)[0] for box in boxes)


def _recognise(source: Source) -> int:
    if source.is_json or source.suffix in (".yaml", ".yml") or _BLUEPRINT.search(source.text):
        return 0
    return 10 if next(box_lines(source.text), None) else 0


def _read(source: Source) -> ImportedBacklog:
    backlog = ImportedBacklog(format="checklist", id=PurePath(source.shown).stem if source.path else "checklist")
    source.rewrite(headings_as_boxes(source.text, _is_task_heading))
    split = _split_numbered if _NUMBERED_BOX.search(source.text) else _split
    BoxReader(source, backlog, split, lambda word: bool(split(f"{word} x")[0])).read_all()
    return backlog


FORMAT = Format("checklist", "a plain checklist", _recognise, _read)
