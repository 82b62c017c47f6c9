"""The sections of a Markdown document: headings with what is below them, and which of them are tasks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from penguin.orchestration.blueprint.keys import can_have_box, key_alone, key_line, key_of, may_be_of_section
from penguin.orchestration.blueprint.markdown.blocks import Block
from penguin.orchestration.blueprint.markdown.key_blocks import has_key
from penguin.orchestration.blueprint.task_ids import number_of, split_id

_NUMBER = re.compile(r"^\d+[.)]\s+")


class Section(Struct, gc=False):
    """A heading with all that is below it."""

    heading: Block | None
    level: int
    blocks: list[Block] = []
    """What comes before the next heading."""
    sections: list[Section] = []

    @property
    def name(self) -> str:
        if self.heading is None:
            return ""
        text = self.heading.text.strip()
        if text[:1].isdigit():
            text = _NUMBER.sub("", text, count=1)
        return " ".join(text.rstrip(":").lower().split())


def sections_of(blocks: Sequence[Block]) -> list[Section]:
    """Return blocks as a tree of sections. What is before the first heading is a section without one."""
    root = Section(None, 0)
    path = [root]
    for block in blocks:
        if block.kind != "heading":
            path[-1].blocks.append(block)
            continue
        while len(path) > 1 and path[-1].level >= block.level:
            path.pop()
        section = Section(block, block.level)
        path[-1].sections.append(section)
        path.append(section)
    return [Section(None, 0, root.blocks), *root.sections] if root.blocks else root.sections


def is_task(section: Section, in_tasks: bool) -> bool:
    """Return whether a heading is a task: it has an ID, a box, or in a section of tasks a key or an id."""
    assert section.heading is not None
    if section.heading.box is not None or has_key(section.blocks, "id"):
        return True
    if not in_tasks:
        return is_subtask(section) and (has_key(section.blocks) or any(map(key_of_heading, section.sections)))
    before_boxes: list[Block] = []
    for block in section.blocks:
        if block.box is not None and not is_key(block):
            break
        before_boxes.append(block)
    parts = (key_of_heading(inner) for inner in section.sections if not _is_of_section(inner))
    return has_key(before_boxes) or any(parts) or is_subtask(section)


def _is_of_section(section: Section) -> bool:
    return section.heading is not None and may_be_of_section(section.heading.text)


def key_of_heading(section: Section) -> str | None:
    """Return the key of a heading such as `#### Acceptance Criteria`."""
    text = section.heading.text if section.heading else ""
    found = key_line(text)
    return key_of(found[0]) if found else key_alone(text)


def is_subtask(section: Section) -> bool:
    assert section.heading is not None
    if section.heading.box is not None or has_key(section.blocks, "id"):
        return True
    text = section.heading.text.strip()
    number, title = number_of(text)
    if number and not text[0].isdigit():  # Such as Task 2: Build.
        return True
    task_id, rest = split_id(title, marked=False)
    return task_id is not None and bool(rest.strip())


def is_key(block: Block) -> bool:
    if block.kind not in ("bullet", "text"):
        return False
    found = key_line(block.text)
    if found is None:
        return block.kind == "text" and key_alone(block.text) is not None
    return key_of(found[0]) is not None and (block.box is None or can_have_box(found[0]))
