"""Tasks in Markdown, in both forms, as drafts.

    ### 1. Title                                - [ ] KEY-1 Title {priority=high, effort=2}
    - **ID:** `some-id`                           - Depends: KEY-0
    - **Priority:** high                          - Acceptance: greets by name `check: sh greet.sh | grep -q Ada`
    - **Dependencies:** `a`, `b`                  - Recipe: name
    Prose.                                        - [ ] KEY-1a A subtask
    #### Acceptance Criteria
    - [ ] greets by name `check: sh greet.sh | grep -q Ada`
    #### Recipe: name

A line with the name of a key is that key wherever it stands in a task: in a bullet or not, emphasized or not, with a
box or not (see keys.py). Boxes below a task are its subtasks if they have an id, and its criteria otherwise. All else
is the task's description.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from penguin.orchestration.blueprint.keys import (
    CRITERIA,
    DEPENDENCIES,
    LISTS,
    RECIPE,
    can_have_box,
    close_key,
    is_metadata,
    key_alone,
    key_line,
    key_of,
    normalized,
    split_keys,
)
from penguin.orchestration.blueprint.markdown.blocks import Block
from penguin.orchestration.blueprint.markdown.criteria import read_criterion, text_node
from penguin.orchestration.blueprint.markdown.draft import TaskDraft
from penguin.orchestration.blueprint.markdown.fences import plain_name, recipe_steps, settings_block
from penguin.orchestration.blueprint.markdown.key_blocks import (
    bullets,
    continuation,
    end_of_part,
    has_key,
    is_hidden,
    items_of_part,
    list_after,
    names_only,
    settings_list,
    texts_below,
)
from penguin.orchestration.blueprint.markdown.stated_names import stated_names
from penguin.orchestration.blueprint.markdown.titles import read_title
from penguin.orchestration.blueprint.markdown.values import ATTRIBUTES, note_condition, set_value
from penguin.orchestration.blueprint.task_ids import (
    bare,
    split_id,
)
from penguin.orchestration.config.document_checker import Checker, Node

_RECIPE = re.compile(r"recipe\b", re.IGNORECASE)


class TaskReader:
    """Reads tasks from blocks. What it takes over is marked as used."""

    def __init__(self, lines: Sequence[str], checker: Checker) -> None:
        self.lines = lines
        self.checker = checker
        self.drafts: list[TaskDraft] = []

    # Tasks

    def one_line(self, block: Block, parent: TaskDraft | None = None) -> TaskDraft:
        """Read a task that is a bullet with a box, with all that is below it."""
        task = self._new(block, parent)
        read_title(task, block.text, block.line, marked=parent is None)
        self.body(task, block.children)
        return task

    def heading(self, heading: Block, blocks: Sequence[Block], parent: TaskDraft | None = None) -> TaskDraft:
        """Read a task that is a heading with bullets, without its subsections."""
        task = self._new(heading, parent)
        explicit = has_key(blocks, "id")
        read_title(task, heading.text.strip(), heading.line, marked=False, with_id=not explicit)
        for block in settings_list(blocks):
            self._setting(task, block)
        self.body(task, blocks)
        return task

    def _new(self, block: Block, parent: TaskDraft | None) -> TaskDraft:
        task = TaskDraft(self.checker, block.line)
        task.take(block)
        self.drafts.append(task)
        if parent:
            parent.subtasks.append(task)
        if block.ticked:
            task.set("done", Node(True, block.line))
        return task

    def _setting(self, task: TaskDraft, block: Block) -> None:
        """Report a bullet of a list of settings that has no key."""
        if block.box is None and key_line(block.text) is None and not key_alone(block.text):
            hint = "write - **Key:** value, or put a blank line and prose between"
            self.checker.error(block.line, "a bullet without a key among the task's settings", hint)
            task.take(block)

    # Blocks of a task

    def body(self, task: TaskDraft, blocks: Sequence[Block]) -> None:
        """Read what is below a task."""
        for place, block in enumerate(blocks):
            if block.used:
                continue
            if block.kind == "fence":
                self._fence(task, block)
            elif block.kind == "heading":
                end = end_of_part(blocks, place)
                self.part(task, block, blocks[place + 1 : end])
            elif block.kind in ("quote", "rule"):
                self._plain(task, block)
            elif block.box is None and len(parts := split_keys(block.text)) > 1:
                self._several_keys(task, block, parts)
            elif not self._key(task, block, blocks, place):
                self._other(task, block)

    def _several_keys(self, task: TaskDraft, block: Block, parts: Sequence[str]) -> None:
        """Read a line with several keys."""
        task.take(block)
        lines = [Block("text", block.line, block.end, block.indent, part) for part in parts]
        for line in lines:
            if not self._key(task, line, [line], 0):
                task.prose.append((block.line, block.end, line.text))
        self.body(task, block.children)

    def _other(self, task: TaskDraft, block: Block) -> None:
        if block.box is None:
            self._prose(task, block)
        elif split_id(block.text, has_attributes=ATTRIBUTES.search(block.text) is not None, marked=False)[0]:
            self.one_line(block, task)
        else:
            self._criterion_block(task, block)

    def _fence(self, task: TaskDraft, block: Block) -> None:
        found = settings_block(block, self.checker)
        if found:
            task.take(block)
            task.set(*found)
        else:
            self._plain(task, block)

    def _prose(self, task: TaskDraft, block: Block) -> None:
        self._plain(task, block)
        stated = stated_names(block)
        if stated:
            task.stated.append(stated)
        self.body(task, block.children)

    def _plain(self, task: TaskDraft, block: Block) -> None:
        """Add a block to the description as it is written."""
        if block.kind == "quote" and is_hidden(block.text):
            return  # It stays unused, which is an error.
        task.take(block)
        if block.kind != "rule":
            task.prose.append((block.line, block.end, "\n".join(self.lines[block.line - 1 : block.end - 1]).rstrip()))

    # Keys

    def _key(self, task: TaskDraft, block: Block, siblings: Sequence[Block], place: int) -> bool:
        """Read a line with a key. Return whether it is one."""
        found = key_line(block.text)
        if found is None:
            alone = key_alone(block.text)
            below = alone and [*bullets(block.children), *list_after(block, siblings, place, alone)]
            if not alone or not below:
                return False
            self._value(task, alone, "", block, siblings, place)
            return True
        key = key_of(found[0])
        if key is None:
            return self._unknown_key(task, found[0], found[1], block)
        if block.box is not None and not can_have_box(found[0]):
            return False
        self._value(task, key, found[1], block, siblings, place)
        return True

    def _unknown_key(self, task: TaskDraft, name: str, value: str, block: Block) -> bool:
        if is_metadata(name) and block.box is None:
            self._keep(task, name, value, block)
            return True
        close = close_key(name)
        if close is None or (block.box is not None and not can_have_box(close)):
            return False
        task.take(block)
        self.checker.error(block.line, f"unknown key {name[:60]!r}", f"did you mean {close.capitalize()!r}?")
        self.body(task, block.children)
        return True

    def _keep(self, task: TaskDraft, name: str, value: str, block: Block) -> None:
        """Keep a value of another program as metadata."""
        task.take(block)
        texts = [value] if value else []
        for child in block.children:
            if child.box is None and child.kind in ("text", "bullet") and not key_line(child.text):
                task.take(child)
                texts.append(child.text)
        task.metadata[normalized(name).replace(" ", "_")] = text_node(", ".join(texts), block.line)
        self.body(task, block.children)

    def _value(
        self, task: TaskDraft, key: str, value: str, block: Block, siblings: Sequence[Block], place: int
    ) -> None:
        task.take(block)
        if key == CRITERIA:
            self._acceptance(task, value, block, siblings, place)
            return
        below = bullets(block.children) or ([] if value else list_after(block, siblings, place, key))
        if key == RECIPE and any(child.kind == "fence" for child in block.children):
            self._own_recipe(task, value, block.line, block.children)
        elif key in LISTS:
            self._list(task, key, value, block, below)
        elif key == "description":
            task.prose.append((block.line, block.end, value))
        else:
            self._scalar(task, key, value, block, siblings[place + 1 : place + 2])
        self.body(task, block.children)

    def _list(self, task: TaskDraft, key: str, value: str, block: Block, below: Sequence[Block]) -> None:
        before = len(task.entries[key].value) if key in task.entries else 0
        problems = len(self.checker.problems)
        if value:
            set_value(task, key, value, block.line)
        for child in continuation(block, value):
            task.take(child)
            set_value(task, key, child.text, child.line)
        for child in below:
            if not child.used:
                self._list_item(task, key, child)
        found = key in task.entries and len(task.entries[key].value) > before
        if not value and not found and len(self.checker.problems) == problems:
            self.checker.warn(block.line, f"{block.text[:60]!r} names nothing", "add a name, or write none")

    def _list_item(self, task: TaskDraft, key: str, item: Block) -> None:
        found = key_line(item.text)
        text = item.text
        if found and normalized(found[0]) in ("task id", "id", "task"):
            text = found[1]
        elif found and key_of(found[0]):
            self.body(task, [item])
            return
        task.take(item)
        set_value(task, key, text, item.line)
        for child in item.children:
            condition = key_line(child.text) if key == DEPENDENCIES else None
            if condition and key_of(condition[0]) is None and child.box is None:
                task.take(child)
                note_condition(task, child.line, child.text)
        self.body(task, item.children)

    def _scalar(self, task: TaskDraft, key: str, value: str, block: Block, after: Sequence[Block]) -> None:
        source = block
        if not value:
            below = [*block.children[:1], *(after if block.kind == "heading" else ())]
            source = next((each for each in below if each.kind in ("bullet", "text") and not each.used), block)
            value = source.text if source is not block else ""
        if not value:
            self.checker.warn(block.line, f"{block.text[:60]!r} has no value", "add a value, or remove the line")
            return
        task.take(source)
        set_value(task, key, value, source.line)

    # Parts under a heading

    def part(self, task: TaskDraft, heading: Block, blocks: Sequence[Block]) -> None:
        """Read a section of a task: its heading and the blocks up to the next heading."""
        found = key_line(heading.text)
        key = key_of(found[0]) if found else key_alone(heading.text)
        value = found[1] if found else ""
        if key is None and _RECIPE.match(heading.text):
            key, value = RECIPE, plain_name(heading.text)
        if key == CRITERIA:
            task.take(heading)
            self._criteria(task, value, heading.line, blocks)
        elif key == RECIPE and not names_only(blocks):
            task.take(heading)
            self._own_recipe(task, value, heading.line, blocks)
        elif key in LISTS:
            task.take(heading)
            self._list(task, key, value, heading, items_of_part(blocks))
            self.body(task, blocks)
        elif key and key != "description" and len(blocks) == 1:
            self._value(task, key, value, heading, [heading, *blocks], 0)
        else:
            self._prose_part(task, heading, blocks)

    def _prose_part(self, task: TaskDraft, heading: Block, blocks: Sequence[Block]) -> None:
        if key_alone(heading.text) is None and (close := close_key(heading.text.strip(" :"))):
            self.checker.error(heading.line, f"unknown section {heading.text[:60]!r}", f"did you mean {close!r}?")
        self._plain(task, heading)
        self.body(task, blocks)

    def _own_recipe(self, task: TaskDraft, name: str, line: int, blocks: Sequence[Block]) -> None:
        task.add_recipe(bare(name), recipe_steps(blocks, self.checker), line)
        for block in blocks:
            found = key_line(block.text) if block.kind in ("bullet", "text") else None
            if block.box is None and not (found and key_of(found[0])):
                task.take(block)  # Prose in a recipe explains it.
        self.body(task, blocks)

    # Criteria

    def _acceptance(self, task: TaskDraft, value: str, block: Block, siblings: Sequence[Block], place: int) -> None:
        below = [child for child in block.children if child.kind == "bullet"]
        if value:
            text = [value, *(child.text for child in texts_below(block))]
            for child in texts_below(block):
                task.take(child)
            task.criteria.append(read_criterion("\n".join(text), block.line, self.checker))
        elif not below:
            below = list_after(block, siblings, place, CRITERIA)
            if not below and not any(each.box is not None for each in siblings[place + 1 : place + 2]):
                self.checker.warn(block.line, f"{block.text[:60]!r} has no criterion", "add one below it")
        self._criteria(task, "", block.line, below)
        self.body(task, block.children)

    def _criteria(self, task: TaskDraft, value: str, line: int, blocks: Sequence[Block]) -> None:
        if value:
            task.criteria.append(read_criterion(value, line, self.checker))
        for block in blocks:
            if block.kind == "bullet" and not block.used:
                self._criterion_block(task, block)
        self.body(task, blocks)

    def _criterion_block(self, task: TaskDraft, block: Block) -> None:
        found = key_line(block.text)
        if found and key_of(found[0]) == DEPENDENCIES:
            self.body(task, [block])
            return
        task.take(block)
        parts, rest = [block.text], []
        for child in block.children:
            inner = key_line(child.text)
            if child.box is not None or child.kind not in ("bullet", "text") or (inner and key_of(inner[0])):
                rest.append(child)
            else:
                task.take(child)
                parts.append(f"- {child.text}" if child.kind == "bullet" else child.text)
                rest += child.children
        task.criteria.append(read_criterion("\n".join(parts), block.line, self.checker))
        if task_id := split_id(block.text, marked=False)[0]:
            task.criteria_with_ids.append((block.line, task_id))
        for child in rest:
            if child.box is not None:
                self._criterion_block(task, child)
        self.body(task, rest)

    def criteria_of(self, blocks: Sequence[Block]) -> list[Node]:
        """Return the criteria of a section that belongs to the whole blueprint."""
        task = TaskDraft(self.checker, 0)
        self._criteria(task, "", 0, blocks)
        return task.criteria
