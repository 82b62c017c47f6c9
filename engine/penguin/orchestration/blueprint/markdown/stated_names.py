"""Stated names: lines of prose below a task that hold nothing but names of other tasks, or say to depend on them."""

from __future__ import annotations

import re
from typing import NamedTuple

from penguin.orchestration.blueprint.markdown.blocks import Block
from penguin.orchestration.blueprint.prose.order_phrases import is_denied, labelled
from penguin.orchestration.blueprint.task_ids import is_names, names_in
from penguin.orchestration.config.document_checker import valid_id

_WITHIN = re.compile(
    r"\b(?:depend(?:s|ent|ing)\s+(?:up)?on|blocked\s+(?:by|on)|waits?\s+for)\b[*_`:\s]*+(?P<value>[^.()\n]*[^.()\s])",
    re.IGNORECASE,
)
_WITHIN_STEMS = ("depend", "blocked", "wait")
_PHRASE = re.compile(
    r"[*_`#\s]*(?:depend(?:s|ent|ing)?(?:\s+(?:up)?on)?|dependenc(?:y|ies)|deps?|blocked\s+(?:by|on)|requires?|needs?"
    r"|after|prerequisites?|waits?\s+for)\b[*_`]*[\s=–—>:-]*(?P<value>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_LIST_ITEM = re.compile(r"[\s*_`]*+\S+(?:\s*[(\[–—:,&+-].*|\s+and\s.*)?", re.DOTALL)
"""A name, and perhaps more names or a remark: no sentence that begins with a name."""


class StatedNames(NamedTuple):
    """The tasks that a line of prose names."""

    line: int
    names: list[str]
    reverse: bool = False
    """Whether they wait for the task of the line."""


def stated_names(block: Block) -> StatedNames | None:
    """Return the names of tasks on a line of prose, if it says that one task waits for others; None for other lines."""
    reverse = False
    value: str | None = None
    if label := labelled(block.text):
        value, reverse = block.text[slice(*label.value)], label.reverse
    else:
        value = _after_phrase(block.text)
    if value is None and block.kind in ("bullet", "text") and is_names(block.text):
        value = block.text if _LIST_ITEM.fullmatch(block.text) and not _is_sentence(block.text) else None
    names = [name for name, _ in names_in(value)] if value else []
    return StatedNames(block.line, names, reverse) if names and all(map(valid_id, names)) else None


def _is_sentence(text: str) -> bool:
    return not re.search(r"[(\[–—:]|\s-\s", text) and any(" " in note for _, note in names_in(text))


def _after_phrase(text: str) -> str | None:
    """Return what follows words such as `requires` at the start of a line or `depends on` in it; None for others."""
    match = _PHRASE.match(text)
    folded = text.casefold()
    if match is None and any(stem in folded for stem in _WITHIN_STEMS):
        within = _WITHIN.search(text)
        match = within if within and not is_denied(text[: within.start()]) else None
    return match["value"].strip("`*_ ") if match else None
