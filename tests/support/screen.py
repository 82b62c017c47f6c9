"""The screen of a terminal, whose size can change."""

from __future__ import annotations

import pyte


def resize(screen: pyte.Screen, columns: int, rows: int) -> None:
    """As in xterm, a shrinking window first loses the lines below the cursor, then those at the top."""
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
