"""The outline of a Markdown backlog: its headings, paragraphs and list items with check boxes, in order."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from penguin.orchestration.blueprint.markdown.blocks import Block, read_blocks, walk
from penguin.orchestration.blueprint.prose.content_lines import content_lines
from penguin.orchestration.config.document_checker import Checker

_STAR = re.compile(r"\*(?:\s+|$)")
_BOX_LINE = re.compile(r"\s*(?:>\s*)*(?:[-*+]|\d+[.)])\s+\[[ xX~/-]?\]\*?(?:\s|$)")
_HEADING = re.compile(r"(?P<marks>#{2,6})\s++(?:\[(?P<box>[ xX])\]\s++)?(?P<text>\S.*)")
_DONE = frozenset("xX")
_STARTED = frozenset("-~/")


class Heading(Struct):
    """A heading."""

    text: str
    level: int
    line: int


class Prose(Struct):
    """A paragraph, code block, quotation or other text outside of lists."""

    text: str
    line: int
    kind: str = "paragraph"


class Item(Struct):
    """A list item with all that is below it."""

    text: str
    """The first line, without bullet and box."""
    line: int
    end: int
    """The line after its last."""
    box: str | None = None
    """What stands in its check box; None: it has no box."""
    starred: bool = False
    """Its box is followed by `*`: Kiro's mark of an optional task."""
    children: list[Item] = []

    @property
    def done(self) -> bool:
        """Whether the box is ticked."""
        return self.box is not None and self.box in _DONE

    @property
    def started(self) -> bool:
        """Whether the box says that work is under way."""
        return self.box is not None and self.box in _STARTED

    def walk(self) -> Iterator[Item]:
        """Yield the item and all items below it."""
        yield self
        for child in self.children:
            yield from child.walk()


Part = Heading | Prose | Item


def outline(text: str) -> list[Part]:
    """Return the parts of a Markdown text. Comments are left out."""
    lines = text.split("\n")
    parts: list[Part] = []
    for block in read_blocks(lines, 1, Checker("")):
        last = parts[-1] if parts else None
        if block.kind == "heading":
            parts.append(Heading(block.text.strip(), block.level, block.line))
        elif block.kind == "bullet":
            parts.append(_item(block))
        elif block.kind == "text" and block.follows and isinstance(last, Prose) and last.kind == "paragraph":
            last.text += f"\n{block.text}"
        else:
            kind = "paragraph" if block.kind == "text" else block.kind
            parts.append(Prose(source_text(lines, block.line, block.end), block.line, kind))
    return parts


def _item(block: Block) -> Item:
    starred = block.box is not None and _STAR.match(block.text) is not None
    return Item(
        text=_STAR.sub("", block.text, count=1) if starred else block.text,
        line=block.line,
        end=max(each.end for each in walk([block])),
        box=(block.box or " ") if block.box is not None else None,
        starred=starred,
        children=[_item(child) for child in block.children if child.kind == "bullet"],
    )


def source_text(lines: Sequence[str], start: int, end: int) -> str:
    """Return the lines from `start` up to `end` without their common indent."""
    return textwrap.dedent("\n".join(lines[start - 1 : end - 1])).strip("\n").rstrip()


def text_below(item: Item, lines: Sequence[str], without: Sequence[Item]) -> str:
    """Return the text below the first line of an item, without the items in `without`."""
    left_out = {number for one in without for number in range(one.line, one.end)}
    kept = [lines[number - 1] for number in range(item.line + 1, item.end) if number not in left_out]
    return textwrap.dedent("\n".join(kept)).strip("\n").rstrip()


def box_lines(text: str) -> Iterator[int]:
    """Yield the number of each line that looks like a list item with a check box, outside of code and comments."""
    return (number for number, line in content_lines(text) if _BOX_LINE.match(line))


def headings_as_boxes(text: str, is_task: Callable[[str, str], bool]) -> str:
    """Return a text in which each heading that is a task is a list item with a box, with its section below it.

    The numbers of the lines stay the same.

    Args:
        text: A Markdown text.
        is_task: Returns whether a heading is a task, from its text and the text of its section.
    """
    lines = text.split("\n")
    headings = [(number, match) for number, line in content_lines(text) if (match := _HEADING.fullmatch(line))]
    open_until = 0
    for place, (number, match) in enumerate(headings):
        level = len(match["marks"])
        later = (other for other, one in headings[place + 1 :] if len(one["marks"]) <= level)
        end = next(later, len(lines) + 1)
        title = _without_closing(match["text"])
        if number < open_until or not is_task(title, "\n".join(lines[number : end - 1])):
            continue
        lines[number - 1] = f"- [{match['box'] or ' '}] {title}"
        lines[number : end - 1] = [f"  {line}" if line.strip() else line for line in lines[number : end - 1]]
        open_until = end
    return "\n".join(lines)


def _without_closing(text: str) -> str:
    """Return the text of a heading without the marks at its end. Its first character is no such mark."""
    return text[0] + text[1:].rstrip().rstrip("#").rstrip()
