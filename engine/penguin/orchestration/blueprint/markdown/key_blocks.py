"""The blocks that belong to a line with a key: the list below it, and the lines that continue it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from penguin.orchestration.blueprint.keys import CRITERIA, DEPENDENCIES, key_alone, key_line, key_of, may_be_of_section
from penguin.orchestration.blueprint.markdown.blocks import Block
from penguin.orchestration.blueprint.task_ids import is_names, names_in, split_id
from penguin.orchestration.config.document_checker import valid_id

_QUOTED = re.compile(r"[>\s]*(?P<bullet>(?:[-*+•]|\d+[.)])\s+)?(?P<box>\[[ xX]?\]\s+)?")


def has_key(blocks: Iterable[Block], key: str | None = None) -> bool:
    """Return whether one of these blocks is a line with this key, or with any key of a task."""
    for block in blocks:
        line = key_line(block.text) if block.kind in ("bullet", "text") else None
        found = key_of(line[0]) if line else None
        if line and found and key in (None, found) and not may_be_of_section(line[0]):
            return True
    return False


def settings_list(blocks: Sequence[Block]) -> list[Block]:
    """Return the first list of bullets that has a key with emphasis in it."""
    run: list[Block] = []
    for block in [*blocks, None]:
        if block is not None and block.kind == "bullet":
            run.append(block)
            continue
        if any((found := key_line(each.text)) and found[2] and key_of(found[0]) for each in run):
            return run
        run = []
    return []


def bullets(blocks: Iterable[Block]) -> list[Block]:
    return [block for block in blocks if block.kind == "bullet"]


def items_of_part(blocks: Iterable[Block]) -> list[Block]:
    """Return the bullets of a list of names under a heading, and lines of text if they are names or all there is."""
    found = [block for block in blocks if block.kind in ("bullet", "text")]
    has_bullets = any(block.kind == "bullet" for block in found)
    return [
        block
        for block in found
        if block.kind == "bullet" or is_names(block.text) or not (has_bullets or key_line(block.text))
    ]


def texts_below(block: Block) -> list[Block]:
    """Return the lines that continue the text of a bullet."""
    found: list[Block] = []
    for child in block.children:
        line = key_line(child.text)
        if child.kind != "text" or not child.follows or child.used or (line and key_of(line[0])):
            break
        found.append(child)
    return found


def continuation(block: Block, value: str) -> list[Block]:
    """Return the lines that continue a list of names: it ends in a comma, or they are ids too."""
    found: list[Block] = []
    for child in texts_below(block):
        if not value.rstrip().endswith(",") and not is_names(child.text):
            break
        found.append(child)
        value = child.text
    return found


def list_after(block: Block, siblings: Sequence[Block], place: int, key: str) -> list[Block]:
    """Return the list after a line that holds only a key.

    After a bullet or between tasks, only bullets that are names belong to it.
    """
    found: list[Block] = []
    for index in range(place + 1, len(siblings)):
        sibling = siblings[index]
        line = key_line(sibling.text)
        if sibling.kind != "bullet" or sibling.used or (line and key_of(line[0])):
            break
        if key == CRITERIA:
            if block.kind == "bullet" or (sibling.box is not None and split_id(sibling.text)[0]):
                break
        elif block.kind == "bullet" or sibling.box is not None or key == DEPENDENCIES:
            names = [name for name, _ in names_in(sibling.text)]
            if not (names and all(map(valid_id, names))):
                break
        found.append(sibling)
    return found


def end_of_part(blocks: Sequence[Block], place: int) -> int:
    end = place + 1
    while end < len(blocks) and blocks[end].kind != "heading":
        end += 1
    return end


def names_only(blocks: Sequence[Block]) -> bool:
    """Return whether a section about recipes names some, in place of steps."""
    return any(block.kind == "bullet" for block in blocks) and not any(block.kind == "fence" for block in blocks)


def is_hidden(text: str) -> bool:
    """Return whether a line of a quotation would be a task, a criterion or a key outside of it."""
    match = _QUOTED.match(text)
    assert match
    text = text[match.end() :]
    if match["box"] or key_alone(text) or (match["bullet"] and is_names(text)):
        return True
    found = key_line(text)
    key = key_of(found[0]) if found else None
    return key == DEPENDENCIES or bool(key and match["bullet"])
