"""Markdown for GitHub: escaping, fences, tables and folded parts, within a limit."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from penguin_repl.report.phrases import plural
from penguin_repl.report.visible_text import one_line, unwrapped, visible_text

LIMIT = 60_000
"""Maximum bytes of a document. GitHub accepts 65,536 characters."""
NOTES = 2_000
"""Bytes reserved for the notes of what was left out."""
_SPECIAL = re.compile(r"[\\`*_\[\]|~$]|^(?:[#>+=-]|\d+(?=[.)](?:\s|$)))")
_REFERENCE = re.compile(r"(?<=[@#])(?=\w)")


class Section(NamedTuple):
    """A folded part of a document. Pieces that do not fit are left out, and counted."""

    title: str
    pieces: Sequence[str]
    """Markdown, each valid alone."""
    noun: str
    """What a piece is."""
    command: str
    """Shows what was left out."""
    importance: int
    """Sections with a higher number get room first."""
    open: bool = False


def inline(text: str) -> str:
    """Return text as one line of Markdown that shows it: no markup, no HTML, no mention of users or issues."""
    return _escape(one_line(text))


def _escape(line: str) -> str:
    escaped = _SPECIAL.sub(_escaped, line)
    return _unreferenced(escaped.replace("&", "&amp;").replace("<", "&lt;"))


def _escaped(match: re.Match[str]) -> str:
    """Return what has a meaning in Markdown with a backslash. A number at the start of a line gets it at its end."""
    return f"{match[0]}\\" if match[0].isdigit() else f"\\{match[0]}"


def summary_text(text: str) -> str:
    """Return text as one line for an HTML element within Markdown."""
    return _unreferenced(html.escape(one_line(text)))


def _unreferenced(text: str) -> str:
    """Return text in which `@name` sends no notification, and `#12` is no link."""
    return _REFERENCE.sub("<!-- -->", text)


def code(text: str) -> str:
    """Return text as inline code."""
    line = one_line(text)
    if not line:
        return ""
    fence = "`" * (1 + _longest_run(line))
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{padding}{line}{padding}{fence}"


def cell_code(text: str) -> str:
    """Return text as inline code in a table: a bar would end the cell."""
    return code(text).replace("|", "\\|")


def prose(text: str) -> str:
    """Return text of a task on one line, in which what is between backticks is code."""
    parts = one_line(text).split("`")
    if len(parts) % 2 == 0 or not all(parts[1::2]):
        return inline(text)
    # A blank at the end of a part must stay.
    return "".join(code(part) if index % 2 else _escape(part) for index, part in enumerate(parts))


def fenced(text: str, language: str = "") -> str:
    """Return text as a code block, whatever fences it contains."""
    shown = visible_text(text).rstrip("\n")
    fence = "`" * max(3, 1 + _longest_run(shown))
    return f"{fence}{language}\n{shown}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def quoted(text: str) -> str:
    """Return text of several lines as a quotation."""
    return _quotation(text, inline)


def quoted_prose(text: str) -> str:
    """Return text of a task as a quotation."""
    return _quotation(unwrapped(text), prose)


def _quotation(text: str, shown: Callable[[str], str]) -> str:
    paragraphs = re.split(r"\n\s*\n", visible_text(text).strip("\n"))
    quotations = ("  \n".join(f"> {shown(line)}" for line in part.split("\n")) for part in paragraphs)
    return "\n>\n".join(quotations)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table. The cells are Markdown on one line."""
    return "\n".join(
        [
            f"| {' | '.join(heads)} |",
            f"|{'|'.join(' --- ' for _ in heads)}|",
            *(f"| {' | '.join(row)} |" for row in rows),
        ]
    )


def folded(title: str, text: str, *, is_open: bool = False) -> str:
    """Return text below a title that unfolds it. The title is HTML."""
    return f"<details{' open' if is_open else ''}>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def document(head: str, sections: Sequence[Section], foot: str, limit: int = LIMIT) -> str:
    """Return a document of at most `limit` bytes, with notes of the pieces that were left out."""
    room = limit - NOTES - _size(head) - _size(foot)
    kept: dict[int, list[str]] = {}
    for place in sorted(range(len(sections)), key=lambda place: -sections[place].importance):
        section = sections[place]
        left = room - _size(_section_text(section, []))
        kept[place] = []
        for piece in section.pieces:
            if _size(piece) <= left:
                kept[place].append(piece)
                left -= _size(piece)
        room = left if kept[place] else room
    parts = [_section_text(section, kept[place]) for place, section in enumerate(sections) if kept[place]]
    return "\n\n".join([head, *parts, *_left_out(sections, kept), foot]) + "\n"


def _section_text(section: Section, pieces: Sequence[str]) -> str:
    return folded(f"<b>{html.escape(section.title)}</b>", "\n\n".join(pieces), is_open=section.open)


def _left_out(sections: Sequence[Section], kept: dict[int, list[str]]) -> list[str]:
    missing = []
    for place, section in enumerate(sections):
        if count := len(section.pieces) - len(kept[place]):
            missing.append(f"- {plural(count, section.noun)} of “{section.title}”: {code(section.command)}")
    return ["**Left out, because GitHub limits the size of a text:**\n\n" + "\n".join(missing)] if missing else []


def _size(text: str) -> int:
    """Return the bytes of a text and of the blank line after it."""
    return len(text.encode()) + 2
