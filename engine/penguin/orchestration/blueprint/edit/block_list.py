"""Block lists in the lines of a YAML file: where an item ends, and the column of the dashes."""

from __future__ import annotations

from collections.abc import Sequence


def indent_of(line: str) -> int:
    """Return the number of blanks before the text of a line."""
    return len(line) - len(line.lstrip())


def end_of_item(lines: Sequence[str], start: int, end: int, dash: int) -> int:
    """Return the index of the line after an item of a block list.

    Empty lines behind the item, and comments in the column of its dash or before it, are no part of it.

    Args:
        lines: The lines of the file.
        start: The index of the first line of the item.
        end: The index of the line where the next item, or what is below the list, begins.
        dash: The column of the dash.
    """
    inside = (index for index in range(start + 1, end) if lines[index].strip() and indent_of(lines[index]) > dash)
    return 1 + max(inside, default=start)


def is_spaced(lines: Sequence[str], start: int) -> bool:
    """Return whether an empty line is before the item that begins at this index."""
    return start > 0 and not lines[start - 1].strip()


def move_to_column(lines: Sequence[str], dash: int) -> list[str]:
    """Return the lines of an item with its dash in this column."""
    shift = dash - indent_of(lines[0])
    return [line[-shift:] if shift < 0 else f"{' ' * shift}{line}" if line else "" for line in lines]
