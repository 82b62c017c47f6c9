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
_MARK = r"(?:\([A-Z]\)\s+|[^\w\s\[\](){}<>`*~\"'@#$%&+=|\\/.,:;!?^-]+\s*)?"
"""What may stand before an id: a sign, or a priority as in todo.txt."""
_MARKED = re.compile(
    rf"{_MARK}(?:`([^`\s]+)`|\*\*([^*\s]+?):?\*\*|\[([A-Z][A-Z0-9]*-\d+)\]\([^()\s]*\))(?:\s*:)?\s+(\S.*)"
)
_KEY = re.compile(
    _MARK + r"([A-Z][A-Z0-9]*-\d+[a-z]?|[A-Z]{1,4}\d{2,}[a-z]?|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)(?:\s*:)?\s+(\S.*)"
)
_TASK_HEADING = re.compile(
    r"(?:(?:task|story|issue)\s+(?:\d+(?:\.\d+)*|[A-Z](?=\s*[:.—–-]))|[A-Z]{1,6}-\d+|[A-Z]{1,2}\d{2,})\W++(?<=\s)\w",
    re.IGNORECASE,
)
_NUMBERED_TASK = re.compile(
    r"(?:\*\*)?(?:task|story|issue)\s+#?(\d+(?:\.\d+)*)(?:\*\*)?\s*[:.—–-]+(?:\*\*)?\s+(\S.*)", re.IGNORECASE
)
_SUBHEADING = re.compile(r"^#{2,6}\s+(?:\[[ xX]\]\s+)?(\S.*)", re.MULTILINE)
_UNIQUE_ID = re.compile(r"🆔\s*([A-Za-z0-9_-]+)")
"""An id as the plug-in Tasks of Obsidian writes it, anywhere in the title."""
_BOX = re.compile(r"^[ \t]*(?:[-*+]|\d+[.)])\s+\[.?\]\s+(.*)", re.MULTILINE)
_NUMBERED_BOX = re.compile(r"^[ \t]*[-*+]\s+\[.?\]\s+\d+\.\d+\.?\s", re.MULTILINE)
_FILE_NAME = re.compile(
    r".*\.(?:md|py|js|jsx|ts|tsx|json|ya?ml|toml|txt|rs|go|java|c|h|cpp|rb|php|css|html?|sh|sql|cfg|ini|lock|com|org|io)",
    re.IGNORECASE,
)


def _split(text: str) -> tuple[str, str]:
    """Split an id off that looks like one: `A-1 Title`, `T001 Title`, or any id in backticks or bold."""
    unique = _UNIQUE_ID.search(text)
    if unique:
        return unique[1], text[: unique.start()].rstrip() + text[unique.end() :]
    marked = _MARKED.fullmatch(text)
    if marked:
        name = (marked[1] or marked[2] or marked[3]).rstrip(":")
        if valid_id(name) and re.search(r"[\d._-]", name) and not _FILE_NAME.fullmatch(name):
            return name, marked[4]
    match = _KEY.fullmatch(text)
    if match and not _FILE_NAME.fullmatch(match[1]) and re.search(r"[A-Za-z]", match[1]):
        return match[1], match[2]
    return "", text


def _split_numbered(text: str) -> tuple[str, str]:
    """Split an id or a number such as 1.0 and 1.1 off."""
    found = _split(text)
    number, title = numbered(text)
    return (number, title) if not found[0] and "." in number else found


def _split_task(text: str) -> tuple[str, str]:
    """Split the number of `Task 1.1: Title` off."""
    match = _NUMBERED_TASK.fullmatch(text)
    return (match[1], match[2]) if match else _split(text)


def _is_task_heading(text: str, section: str) -> bool:
    """Return whether a heading such as `US-001: Title` is a task: its section has boxes, but no tasks of their own."""
    below = (match[1] for match in _SUBHEADING.finditer(section))
    if not _TASK_HEADING.match(text) or any(map(_TASK_HEADING.match, below)):
        return False
    boxes = [match[1] for match in _BOX.finditer(section)]
    about = any(KEY_LINE.match(line.strip().lstrip("-* ")) for line in section.split("\n"))
    return (bool(boxes) or about or _NUMBERED_TASK.fullmatch(text) is not None) and not any(
        _split(box)[0] for box in boxes
    )


def _recognise(source: Source) -> int:
    if source.is_json or source.suffix in (".yaml", ".yml") or _BLUEPRINT.search(source.text):
        return 0
    if next(box_lines(source.text), None):
        return 10
    return 5 if headings_as_boxes(source.text, _is_task_heading) != source.text else 0


def _read(source: Source) -> ImportedBacklog:
    backlog = ImportedBacklog(format="checklist", id=PurePath(source.shown).stem if source.path else "checklist")
    source.rewrite(headings_as_boxes(source.text, _is_task_heading))
    split = _split_numbered if _NUMBERED_BOX.search(source.text) else _split
    numbers = [match[1] for box in _BOX.finditer(source.text) if (match := _NUMBERED_TASK.fullmatch(box[1]))]
    if split is _split and len(set(numbers)) == len(numbers):
        split = _split_task
    BoxReader(source, backlog, split, lambda word: bool(split(f"{word} x")[0])).read_all()
    return backlog


FORMAT = Format("checklist", "a plain checklist", _recognise, _read)
