"""Lines of a Markdown blueprint that look like tasks, but are prose, and check boxes that are read as open."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from penguin.orchestration.blueprint.markdown.blocks import Block, walk
from penguin.orchestration.blueprint.markdown.draft import TaskDraft, id_prefix
from penguin.orchestration.blueprint.task_ids import bare, looks_like_id
from penguin.orchestration.config.document_checker import NOTE, Checker

_SIGN = re.compile(r"[☐☑☒⬜□◻]\s*\S")
_LIST_ITEM = re.compile(
    r"(?:</?[ou]l[^>]*>\s*)*<li\b[^>]*>\s*(?P<box>\[[ xX]?\]|<input\b)?\s*(?P<word>[\w.-]*)", re.IGNORECASE
)
_STATE_WORD = re.compile(r"(?:TODO|DOING|DONE|FIXME)\b[:\s]+\S")
_RULER = re.compile(r"[\s|:-]+")
_TASK_COLUMN = re.compile(r"(?:task|story|ticket|issue|work item)s?(?: (?:id|name|title))?", re.IGNORECASE)
_STRUCK = re.compile(r"\s*(?:\S+\s+)?~~.+~~\s*")
_SHOWN = 20
_HINT = "write - [ ] ID Title below ## Tasks"


def report_lost_tasks(
    blocks: Sequence[Block],
    every: Sequence[Block],
    drafts: Sequence[TaskDraft],
    owners: Mapping[int, str],
    lines: Sequence[str],
    checker: Checker,
) -> None:
    """Warn of lines that look like tasks, and note the boxes and titles with another state than open or done.

    Args:
        blocks: The blocks of the file.
        every: The same with all that is below them.
        drafts: The tasks, with their ids.
        owners: The id of the task that each line belongs to.
        lines: The lines of the file.
        checker: Takes the problems.
    """
    reported = {problem.line for problem in checker.problems if problem.severity != NOTE}
    found = (line for line in _Finder(drafts, owners, lines).lines(blocks) if line not in reported)
    _report(checker.warn, dict.fromkeys(found, ("looks like a task, but is prose", _HINT)))
    _report(checker.note, dict(_states(every, {draft.line for draft in drafts})))


def _report(report: Callable[[int, str, str], None], found: Mapping[int, tuple[str, str]]) -> None:
    """Report the first problems, and the number of the others."""
    for place, (line, (message, hint)) in enumerate(found.items()):
        if place == _SHOWN:
            report(line, f"{message}; so do {len(found) - _SHOWN - 1} lines below it", hint)
            return
        report(line, message, hint)


def _states(blocks: Iterable[Block], tasks: set[int]) -> Iterator[tuple[int, tuple[str, str]]]:
    for block in blocks:
        if block.box and not block.ticked:
            yield block.line, (f"the box [{block.box}] is read as open", "write [x] if it is done, or remove the line")
        elif block.line in tasks and _STRUCK.fullmatch(block.text):
            yield (
                block.line,
                ("a title that is struck out is read as an open task", "remove the task if it is cancelled"),
            )


class _Finder:
    """Finds lines that look like tasks."""

    def __init__(self, drafts: Sequence[TaskDraft], owners: Mapping[int, str], lines: Sequence[str]) -> None:
        self.owners = owners
        self.source = lines
        self.starts = {draft.line for draft in drafts}
        self.ids = {str(draft.entries["id"].raw) for draft in drafts}
        self.names = {draft.title.casefold() for draft in drafts}
        self.prefixes = {id_prefix(task_id) for task_id in self.ids if looks_like_id(task_id)}

    def lines(self, blocks: Sequence[Block]) -> Iterator[int]:
        """Yield the numbers of the lines."""
        for section in _sections(blocks):
            has_tasks = any(block.kind == "bullet" and block.line in self.starts for block in section)
            header: list[str] = []
            for block in walk(section):
                cells: list[str] = []
                if block.text[:1] == "|" and block.kind == "text":
                    cells = [bare(cell) for cell in block.text.strip("|").split("|")]
                    header = header or cells
                elif header:
                    header = []
                if block.kind not in ("text", "bullet") or block.box is not None:
                    continue
                owned = block.line in self.owners
                if block.used and not owned:
                    continue
                is_beside = has_tasks and not owned and self._is_beside_tasks(block)
                is_row = bool(cells) and self._is_row_of_task(cells, header)
                if is_beside or is_row or self._is_item(block.text):
                    yield block.line

    def _is_row_of_task(self, cells: Sequence[str], header: Sequence[str]) -> bool:
        """Return whether a row of a table has the id of an unknown task, or is one of a table of unknown tasks."""
        if self.ids.intersection(cells) or all(_RULER.fullmatch(cell) or not cell for cell in cells):
            return False
        if any(self._is_unknown_id(cell.partition(" ")[0].rstrip(":.")) for cell in cells[:2]):
            return True
        column = next((place for place, name in enumerate(header) if _TASK_COLUMN.fullmatch(name)), None)
        if column is None or cells == header or column >= len(cells) or not cells[column]:
            return False
        return not any(cell.casefold() in self.names for cell in cells)

    def _is_item(self, text: str) -> bool:
        """Return whether a line starts with a sign such as ☐, or is an item of a list in HTML."""
        first = text[:1]
        if first.isalnum():  # The usual line needs no search.
            return False
        if _SIGN.match(text):
            return True
        item = _LIST_ITEM.match(text)
        return item is not None and (item["box"] is not None or self._is_unknown_id(item["word"]))

    def _is_beside_tasks(self, block: Block) -> bool:
        is_numbered = block.kind == "bullet" and self.source[block.line - 1].lstrip()[:1].isdigit()
        return is_numbered or _STATE_WORD.match(block.text) is not None

    def _is_unknown_id(self, word: str) -> bool:
        return looks_like_id(word) and word not in self.ids and id_prefix(word) in self.prefixes


def _sections(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield the blocks between headings."""
    section: list[Block] = []
    for block in blocks:
        if block.kind == "heading":
            yield section
            section = []
        section.append(block)
    yield section
