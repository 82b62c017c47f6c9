"""Keys, as a terminal sends them."""

from __future__ import annotations

ENTER, TAB, BACKSPACE, HOME = "\r", "\t", "\x7f", "\x01"
UP, LEFT, RIGHT = "\x1b[A", "\x1b[D", "\x1b[C"
CTRL_C, CTRL_D, CTRL_R, CTRL_U = "\x03", "\x04", "\x12", "\x15"
