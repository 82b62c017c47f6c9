"""The screen of a terminal, and what a change of its size does to its lines."""

from __future__ import annotations

import pyte


def resize(screen: pyte.Screen, columns: int, rows: int) -> None:
    """As xterm does it: a window that gets lower loses what is below the cursor first, then what is on top."""
    x, y = screen.cursor.x, screen.cursor.y
    over = max(0, y - rows + 1)
    if over:
        screen.cursor_position()
        screen.delete_lines(over)
    for line in range(rows, screen.lines):
        screen.buffer.pop(line, None)
    screen.lines = min(rows, screen.lines)
    screen.cursor.x, screen.cursor.y = min(x, columns - 1), y - over
    screen.resize(rows, columns)
