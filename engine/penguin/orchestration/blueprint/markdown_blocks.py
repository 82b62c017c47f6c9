"""The blocks of a Markdown text as a tree with line numbers, built from markdown-it's flat list of tokens.

Only block structure is parsed; inline Markdown stays as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from markdown_it.token import Token


class Block(Struct):
    """A heading, paragraph, list, item, fence, or other block."""

    kind: str
    line: int
    """From 1, in the file."""
    end: int
    """The line after its last."""
    text: str = ""
    """The inline source of a heading or paragraph, the content of a fence."""
    info: str = ""
    """The text after the opening ``` of a fence."""
    level: int = 0
    """Level of a heading, 1 to 6."""
    markup: str = ""
    children: list[Block] = []


_KINDS = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "list_item_open": "item",
    "fence": "fence",
}


def read_blocks(text: str, first_line: int = 1) -> list[Block]:
    """Return the top-level blocks of a text whose first line is `first_line` of its file."""
    # markdown-it costs more to import than to run.
    from penguin.orchestration.blueprint.markdown_rules import tokens_of

    return _children(iter(tokens_of(text)), first_line)


def _children(tokens: Iterator[Token], first: int) -> list[Block]:
    """Return the blocks up to the end of the enclosing one."""
    blocks: list[Block] = []
    line = first
    for token in tokens:
        if token.nesting < 0:
            break
        start, end = token.map or (line - first, line - first)
        line = start + first
        block = Block(
            _KINDS.get(token.type, "other"), line, end + first, token.content, token.info, markup=token.markup
        )
        if token.nesting > 0:
            block.children = _children(tokens, first)
        if block.kind in ("heading", "paragraph"):
            block.text = block.children[0].text if block.children else ""
            block.level = len(block.markup) if block.markup[:1] == "#" else 1 if block.markup == "=" else 2
            block.children = []
        blocks.append(block)
    return blocks
