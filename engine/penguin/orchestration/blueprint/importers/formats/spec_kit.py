"""spec-kit: `specs/NAME/tasks.md`, in phases. Within a phase, tasks marked `[P]` may run at the same time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
from penguin.orchestration.blueprint.importers.box_tasks import BoxReader, boxes_in
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.markdown_outline import Heading, Item, Prose, headings_as_boxes
from penguin.orchestration.blueprint.importers.stated_order import statements
from penguin.orchestration.blueprint.importers.unassigned_text import ProseCollector
from penguin.orchestration.blueprint.prose.reachability import Reachability

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source_file import Source

_ID = r"T\d{1,5}[A-Za-z]?"
_TASK = re.compile(rf"(?:[^\w\s`*\[]+\s*)?(?:\*\*|`|\[)?({_ID})(?:\*\*|`|\])?[.:)]?(?:\*\*)?\s+(\S.*)")
_PLACEHOLDER = re.compile(r"TX{2,4}\s+")
"""The id of a task in the template of spec-kit."""
_BOX = re.compile(rf"^[ \t]*[-*]\s+\[[ xX]?\]\s+(?:[^\w\s`*\[]+\s*)?(?:\*\*|`|\[)?({_ID})\b", re.MULTILINE)
_MARK = re.compile(r"[\[(](P|US\d+)[\])]\s*")
_STYLE = re.compile(r"[\[(](?:P|US\d+)[\])]|^#{1,4}\s+Phase\b", re.MULTILINE)
_PHASE = re.compile(r"phase\b", re.IGNORECASE)
_CHECKPOINT = re.compile(r"\W*checkpoint\b(?:\*\*)?\s*[:—–-]*\s*(?:\*\*)?\s*(.+)", re.IGNORECASE | re.DOTALL)


class _Phase(Struct):
    """A phase while it is read."""

    heading: str
    prose: list[str] = []
    tasks: list[list[ImportedItem]] = []
    """Each task, with its subtasks after it."""

    def add_criterion(self, text: str) -> None:
        """Add a criterion to the last task."""
        self.tasks[-1][0].criteria.append(text.strip())


def _is_id(word: str) -> bool:
    return re.fullmatch(_ID, word) is not None


def _split(text: str) -> tuple[str, str]:
    match = _TASK.fullmatch(text)
    return (match[1], match[2]) if match else ("", _PLACEHOLDER.sub("", text, count=1))


def _recognise(source: Source) -> int:
    if source.is_json or source.suffix in (".yaml", ".yml") or not _BOX.search(source.text):
        return 0
    return 90 if _STYLE.search(source.text) else 40


def _read(source: Source) -> ImportedBacklog:
    folder = source.path.absolute().parent.name if source.path else ""
    boxed = {match[1] for match in _BOX.finditer(source.text)}
    source.rewrite(headings_as_boxes(source.text, lambda text, _: _split(text)[0] not in ("", *boxed)))
    return _Reader(source, ImportedBacklog(format="spec-kit", id=folder or "spec-kit")).read()


class _Reader:
    """Reads one file, phase by phase."""

    def __init__(self, source: Source, backlog: ImportedBacklog) -> None:
        self.source = source
        self.backlog = backlog
        self.boxes = BoxReader(source, backlog, _split, _is_id)
        self.prose = ProseCollector(backlog, "tasks?")
        self.has_phases = any(isinstance(part, Heading) and _PHASE.match(part.text) for part in source.parts)
        self.phases: list[_Phase] = []
        self.phase: _Phase | None = None if self.has_phases else self._new_phase("")
        self.level = 0
        """The level of the heading of the phase."""
        items = (item for part in source.parts if isinstance(part, Item) for item in part.walk())
        self.box_ids = {_split(item.text)[0] for item in items if item.box is not None}
        self.after: list[tuple[int, str]] = []
        """Lines that may say which task comes before which."""

    def _new_phase(self, heading: str) -> _Phase:
        self.phases.append(_Phase(heading))
        return self.phases[-1]

    def read(self) -> ImportedBacklog:
        for part in self.source.parts:
            if isinstance(part, Heading):
                self._heading(part)
            elif isinstance(part, Item):
                self._item(part)
            else:
                self._prose(part)
        self.boxes.note_unread()
        self._order()
        self._state_order()
        for phase in self.phases:
            context = "\n\n".join([phase.heading, *phase.prose]) if phase.heading else ""
            for task in (one for family in phase.tasks for one in family):
                task.description = "\n\n".join(part for part in (task.description, context) if part)
        return self.backlog

    def _heading(self, heading: Heading) -> None:
        checkpoint = _CHECKPOINT.fullmatch(heading.text)
        if _PHASE.match(heading.text):
            self.phase, self.level = self._new_phase(heading.text), heading.level
        elif checkpoint and self.phase and self.phase.tasks:
            self.phase.add_criterion(checkpoint[1])
            return
        elif self.has_phases and heading.level <= self.level:
            self.phase = None
        if self.phase is None or not self.phase.heading:
            self.prose.add(heading)

    def _item(self, item: Item) -> None:
        boxes = list(boxes_in(item))
        checkpoint = None if boxes else _CHECKPOINT.fullmatch(item.text)
        if self.phase is None:
            if any(_split(box.text)[0] or _PLACEHOLDER.match(box.text) for box in boxes):
                # Tasks below a heading that is no phase come after the phases before it.
                self.phase, self.level = self._new_phase(self.prose.section), 2
            else:
                self._outside(item)
                return
        if checkpoint and self.phase.tasks:
            self.phase.add_criterion(checkpoint[1])
        elif boxes:
            for box in boxes:
                self._task(self.phase, box)
        elif _split(item.text)[0] and _split(item.text)[0] not in self.box_ids:
            self._task(self.phase, item)
        else:
            text = "\n".join(self.boxes.lines[item.line - 1 : item.end - 1])
            self.boxes.note_strays(text, item.line)
            self.phase.prose.append(text.strip())

    def _outside(self, item: Item) -> None:
        self.after += [(number, self.boxes.lines[number - 1]) for number in range(item.line, item.end)]
        self.prose.add_item(item, self.boxes.lines)

    def _task(self, phase: _Phase, item: Item) -> None:
        before = len(self.backlog.items)
        self.boxes.add(item)
        # Its subtasks come with it.
        new = self.backlog.items[before:]
        for one in new:
            while match := _MARK.match(one.title):
                one.title = one.title[match.end() :]
                one.metadata |= {"parallel": "yes"} if match[1] == "P" else {"story": match[1]}
        phase.tasks.append(new)

    def _prose(self, prose: Prose) -> None:
        checkpoint = _CHECKPOINT.fullmatch(prose.text) if prose.kind != "fence" else None
        if checkpoint and self.phase and self.phase.tasks:
            self.phase.add_criterion(checkpoint[1])
        elif self.phase is not None and self.phase.heading:
            self.boxes.note_strays(prose.text, prose.line)
            if prose.kind != "other" or not re.fullmatch(r"[-*_\s]+", prose.text):
                self.phase.prose.append(prose.text)
        else:
            if self.phase is None and prose.kind != "fence":
                self.after += list(enumerate(prose.text.split("\n"), prose.line))
            self.prose.add(prose)

    def _order(self) -> None:
        """Make each phase wait for the one before it, and each task without `[P]` for those before it in its phase."""
        before: list[str] = []
        for phase in self.phases:
            base: list[str] = before
            group: list[str] = []
            for task, *below in phase.tasks:
                parallel = "parallel" in task.metadata
                needed = base if parallel else group or base
                for one in (task, *below):
                    one.dependencies = [*needed, *one.dependencies]
                if parallel:
                    group.append(task.id)
                else:
                    base, group = [task.id], []
            before = group or base

    def _state_order(self) -> None:
        """Add the order that the text outside of the phases states, where the phases do not imply it."""
        by_id = {task.id: task for task in self.backlog.items if task.id}
        needed = {task.id: task.dependencies for task in self.backlog.items}
        reach = Reachability(needed)
        for line, text in self.after:
            found, unread = statements(text, _ID)
            for first, then in found:
                if first in by_id and then in by_id and not reach.has(then, first):
                    by_id[then].dependencies.append(first)
                    reach = Reachability(needed)
            if unread:
                self.backlog.note(line, f"names tasks, but no order that could be read: {text.strip()[:100]}")


FORMAT = Format("spec-kit", "a spec-kit tasks.md", _recognise, _read, places=("specs/*/tasks.md",))
