"""The tables of a Markdown text: their rows, each with the cells by column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from penguin.orchestration.blueprint.prose.content_lines import content_lines

_ROW = re.compile(r"\s*\|(.*)")
_RULE = re.compile(r"[\s|:]*+-[\s|:-]*")


class Row(NamedTuple):
    """A row of a table below its header."""

    line: int
    """From 1, in the source."""
    text: str
    cells: list[tuple[str, str]]
    """The header of each column, and the text of its cell."""


def table_rows(text: str) -> Iterator[Row]:
    """Yield the rows of all tables. A table without a rule below its first row has empty headers."""
    header: list[str] = []
    first: tuple[int, str] | None = None
    for number, line in [*content_lines(text), (0, "")]:
        if not _ROW.match(line):
            if first and not header:
                yield Row(first[0], first[1], [("", cell) for cell in _cells(first[1])])
            header, first = [], None
        elif first is None:
            first = (number, line)
        elif not header and _RULE.fullmatch(line):
            header = _cells(first[1])
        else:
            cells = _cells(line)
            names = [*header, *[""] * len(cells)]
            yield Row(number, line, list(zip(names, cells, strict=False)))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
