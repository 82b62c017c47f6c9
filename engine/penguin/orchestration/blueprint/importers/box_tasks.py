"""Tasks that are list items with a check box: what spec-kit, OpenSpec, Kiro and plain checklists share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
from penguin.orchestration.blueprint.importers.criteria_sections import CriteriaSections, note_other_sections
from penguin.orchestration.blueprint.importers.markdown_outline import Heading, Item, Prose, box_lines, text_below
from penguin.orchestration.blueprint.importers.references import (
    KEY_LINE,
    expand_ranges,
    inline_ids,
    key_values,
    says_none,
    unknown_numbers,
    value_ids,
)
from penguin.orchestration.blueprint.importers.task_ids import UniqueIds, id_from_title
from penguin.orchestration.blueprint.importers.unassigned_text import ProseCollector

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source_file import Source

SplitId = Callable[[str], tuple[str, str]]
"""Splits the text of an item into its id, which may be empty, and its title."""
_CRITERIA_KEY = r"\W*(?:acceptance(?:\s+criteri(?:a|on))?|accept|done\s+when|definition\s+of\s+done"
_CRITERIA_KEY += r"|(?:success|exit)\s+criteria|acs?)\b"
_CRITERIA = re.compile(rf"{_CRITERIA_KEY}\W*", re.IGNORECASE)
_CRITERIA_LINE = re.compile(rf"{_CRITERIA_KEY}\**\s*:\s*\**(.*)", re.IGNORECASE)
_SCENARIO = re.compile(r"\W*(GIVEN|WHEN|THEN|AND|BUT)\b")
_STEP_NUMBER = re.compile(r"\d+(?:\.\d+)*")


class _Scenario:
    """Joins lines such as `WHEN …` and `THEN …` to one criterion."""

    def __init__(self, criteria: list[str]) -> None:
        self._criteria = criteria
        self._words: list[str] = []
        """The first words of the lines of the open scenario."""

    def add(self, text: str) -> bool:
        """Add a line. Return whether it is part of a scenario."""
        match = _SCENARIO.match(text)
        word = match[1] if match else ""
        starts = word in ("GIVEN", "WHEN") and (not self._words or "THEN" in self._words)
        if not word or not (starts or self._words):
            return False
        if starts:
            self._criteria.append(text)
            self._words = [word]
        else:
            self._criteria[-1] += f" {text}"
            self._words.append(word)
        return True

    def close(self) -> None:
        """End the open scenario."""
        self._words = []


class BoxReader:
    """Reads the boxes of one source into a backlog."""

    def __init__(self, source: Source, backlog: ImportedBacklog, split: SplitId, inline: Callable[[str], bool]) -> None:
        """Create a reader. `inline` says which words are ids where they stand in a sentence."""
        self.source = source
        self.backlog = backlog
        self.split = split
        self.inline = inline
        self.lines = source.text.split("\n")
        self.read_lines: set[int] = set()
        """The lines of the boxes that became tasks or criteria."""
        items = (item for part in source.parts if isinstance(part, Item) for item in part.walk())
        self.ids = {self.split(item.text)[0] for item in items}
        self.made_ids = UniqueIds(self.ids)
        """Ids of tasks that the source gives none."""

    def read_all(self, title_prefix: str = "", *, sections: bool = True) -> None:
        """Read the whole source: boxes are tasks, all else is prose. With `sections` a task names its section."""
        prose = ProseCollector(self.backlog, title_prefix)
        criteria = CriteriaSections(self.source.parts, lambda item: bool(self.split(item.text)[0]))
        among_tasks = False
        for part in self.source.parts:
            if isinstance(part, Heading):
                criteria.enter(part)
                prose.add(part)
            elif isinstance(part, Prose):
                # A paragraph that introduces a list was mostly meant for the task above it.
                self._note_text(part.text, part.line, among_tasks and part.text.rstrip("*_ ").endswith(":"))
                prose.add(part)
            elif criteria.take(part, self.backlog.items):
                among_tasks = False
                continue
            else:
                boxes = list(boxes_in(part))
                for box in boxes:
                    self.add(box, f"Section: {prose.section}" if sections and prose.section else "")
                if not boxes:
                    text = "\n".join(self.lines[part.line - 1 : part.end - 1])
                    self._note_text(text, part.line, among_tasks)
                    prose.add_item(part, self.lines)
            among_tasks = isinstance(part, Item) and (among_tasks or bool(boxes))
        for section in criteria.assign(self.backlog):
            for item in section.items:
                self.criterion(section.task, item)
        note_other_sections(self.source.parts, self.backlog)
        self.note_unread()

    def _note_text(self, text: str, line: int, among_tasks: bool) -> None:
        """Add a note for text outside of tasks that names a dependency, or stands in a list of tasks."""
        earlier = len(self.backlog.notes)
        self.note_strays(text, line)
        first = text.strip().split("\n")[0]
        if among_tasks and not any(note.line == line for note in self.backlog.notes[earlier:]):
            self.backlog.note(line, f"is below no task, and is kept as prose: {first[:80]}")

    def note_strays(self, text: str, first: int) -> None:
        """Add a note for each line of a text outside of tasks that names a dependency of one. `first`: its line."""
        for line, words in enumerate(text.split("\n"), first):
            match = KEY_LINE.fullmatch(words.strip().lstrip("-*+ "))
            if match and any(word in self.ids for word in value_ids(match[1], self.ids.__contains__, self._is_id)):
                self.backlog.note(line, f"names a dependency, but is not below a task: {words.strip()[:80]}")

    def add(self, item: Item, context: str = "") -> ImportedItem:
        """Add the task of a box and its subtasks. `context` is text for its description, such as its section."""
        raw_id, title = self.split(item.text)
        if KEY_LINE.match(item.text):
            hint = "indent it below its task"
            self.source.checker.error(item.line, f"is not below a task: {item.text[:80]}", hint)
        self.read_lines.add(item.line)
        task_id = raw_id or self.made_ids.take(id_from_title(title))
        task = ImportedItem(id=task_id, title=title, line=item.line, done=item.done, metadata={})
        self.backlog.items.append(task)
        if item.started:
            task.metadata["status"] = "in progress"
        if item.box and item.box not in " xX" and self.backlog.format != "kiro":
            read = "in progress" if item.started else "open"
            remark = f"the box [{item.box}] of {task_id} is read as {read}: remove the task if it was declined"
            self.backlog.note(item.line, remark)
        if item.starred:
            task.metadata["optional"] = "yes"
        task.dependencies = inline_ids(expand_ranges(item.text, self.ids), self._is_inline_id)
        if unknown := unknown_numbers(item.text, self.ids):
            self.backlog.note(item.line, f"{unknown} names no task of the file, and is kept as prose")
        without = self._children(task, item, context)
        below = self._key_lines(task, text_below(item, self.lines, without).split("\n"), item.line)
        task.description = "\n\n".join(part for part in (below, context) if part)
        return task

    def _children(self, task: ImportedItem, item: Item, context: str) -> list[Item]:
        """Add what the items below a task are. Return those that are not part of its description."""
        used: list[Item] = []
        scenario = _Scenario(task.criteria)
        end, label = item.line + 1, ""
        for child in item.children:
            end, label = child.end, self._label(child, end, label)
            if KEY_LINE.match(child.text):
                # With a box or without: it is read with the text of the task.
                self.read_lines.update(one.line for one in child.walk())
            elif child.box is not None:
                used.append(child)
                self._box_below(task, child, context)
            elif self._scenario(task, scenario, child):
                used.append(child)
                continue
            elif _CRITERIA.fullmatch(label) and not child.text.endswith(":"):
                used.append(child)
                self.criterion(task, child)
            elif criteria := _CRITERIA_LINE.fullmatch(child.text):
                used.append(child)
                label = child.text
                self._criteria(task, scenario, child, criteria[1])
                continue
            else:
                label = ""
                used += self._boxes_deep(task, child)
            scenario.close()
        return used

    def _scenario(self, task: ImportedItem, scenario: _Scenario, item: Item) -> bool:
        """Add an item to a scenario, with what is below it. Return whether it is part of one."""
        if not scenario.add(item.text):
            return False
        text = text_below(item, self.lines, item.children)
        if text:
            task.criteria[-1] += f"\n{text}"
        for child in item.children:
            if child.box is not None or not self._scenario(task, scenario, child):
                scenario.close()
                self.criterion(task, child)
        return True

    def _label(self, child: Item, end: int, label: str) -> str:
        """Return the line before the list that a child is in, such as `**Acceptance criteria:**`.

        `end` is the line after its sibling before it, or after the first line of the task, and `label` that of the
        sibling.
        """
        place = child.line - 1
        while place >= end and not self.lines[place - 1].strip():
            place -= 1
        return self.lines[place - 1].strip() if place >= end else label

    def _criteria(self, task: ImportedItem, scenario: _Scenario, item: Item, value: str) -> None:
        """Add the criteria of a line such as `Acceptance: …`, and those in the list below it."""
        scenario.close()
        if value.strip():
            task.criteria.append(value.strip())
        for child in item.children:
            if child.box is not None or not self._scenario(task, scenario, child):
                scenario.close()
                self.criterion(task, child)

    def _box_below(self, task: ImportedItem, child: Item, context: str) -> None:
        if self.split(child.text)[0]:
            task.dependencies.append(self.add(child, context).id)
        else:
            self.criterion(task, child)

    def _boxes_deep(self, task: ImportedItem, item: Item) -> list[Item]:
        """Add the boxes below a bullet without one as criteria."""
        found = [one for one in item.walk() if one.box is not None]
        for one in found:
            if one.line not in self.read_lines:
                self.criterion(task, one)
        return found

    def criterion(self, task: ImportedItem, item: Item) -> None:
        """Add a box as a criterion, with the text and the boxes below it."""
        below = [one for child in item.children for one in child.walk() if one.box is not None]
        text = "\n".join(part for part in (item.text, text_below(item, self.lines, below)) if part)
        task.criteria.append(text)
        self.read_lines.add(item.line)
        for one in below:
            if one.line not in self.read_lines:
                self.criterion(task, one)

    def _key_lines(self, task: ImportedItem, lines: list[str], first: int) -> str:
        """Read the lines that are dependencies. Return the others. `first` is the number of the first line."""
        kept: list[str] = []
        for value, own in key_values(lines):
            found = (
                [] if value is None else value_ids(expand_ranges(value, self.ids), self.ids.__contains__, self._is_id)
            )
            task.dependencies += found
            if value is not None and not found and not says_none(value):
                line = next((n for n, text in enumerate(self.lines[first:], first + 1) if own[0] in text), first)
                self.backlog.note(line, f"names no task of the file, and is kept as prose: {own[0].strip()[:80]}")
            if value is None or not (found or says_none(value)):
                kept += own
        return "\n".join(kept).strip()

    def _is_id(self, word: str) -> bool:
        """Return whether a word is or looks like the id of a task."""
        return word in self.ids or bool(self.split(f"{word} title")[0])

    def _is_inline_id(self, word: str) -> bool:
        """Return whether a word in a sentence is an id. A number or an ordinary word is one only where it looks so."""
        return self.inline(word) or (word in self.ids and not word.isalpha() and not word.replace(".", "").isdecimal())

    def note_unread(self) -> None:
        """Add a note for each box of the file that is neither a task nor a criterion."""
        for line in box_lines(self.source.text):
            if line not in self.read_lines:
                text = self.lines[line - 1].strip()
                self.backlog.note(line, f"is kept as prose, not as a task: {text[:80]}")


def boxes_in(item: Item) -> Iterator[Item]:
    """Yield the topmost items with a box: the item itself, or those below it."""
    if item.box is not None:
        yield item
        return
    for child in item.children:
        yield from boxes_in(child)


def link_numbered(items: Sequence[ImportedItem]) -> None:
    """Make each task depend on the tasks whose numbers continue its own: 2 on 2.1 and 2.2."""
    by_id = {item.id: item for item in items}
    for item in items:
        if not _STEP_NUMBER.fullmatch(item.id):
            continue
        parent = by_id.get(item.id.rpartition(".")[0])
        if parent is not None and item.id not in parent.dependencies:
            parent.dependencies.append(item.id)


def numbered(text: str) -> tuple[str, str]:
    """Split `1.2 Title` or `3. Title` into number and title."""
    match = re.match(r"(?:\*\*|`)?(\d+(?:\.\d+)*)(?:\*\*|`)?[.):]?(?:\*\*)?\s+(\S.*)", text)
    return (match[1], match[2]) if match else ("", text)


def is_dotted_number(word: str) -> bool:
    """Return whether a word is the number of a step within a sentence, such as `1.2`."""
    return re.fullmatch(r"\d+(?:\.\d+)+", word) is not None
