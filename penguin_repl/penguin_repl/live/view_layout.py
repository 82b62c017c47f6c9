"""What the full-screen view shows at a moment, and how it is drawn: exactly as many lines as the window has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penguin_repl.live.poller import NOTHING
from penguin_repl.live.table import ASCII, DIM, clipped, cut, table
from penguin_repl.live.workflow_detail import drawn_steps, head
from penguin_repl.shell.toolbar import fitting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_repl.live.poller import Seen
    from penguin_repl.live.table import Glyphs, Line
    from penguin_repl.live.workflow_detail import Portrait

KEYS = (
    "↑↓ choose · p pause · r resume · c cancel · l logs · q back",
    "p pause  r resume  c cancel  l logs  q back",
    "p·r·c·l logs·q back",
    "q back",
)
SINGLE_KEYS = (KEYS[0].replace("choose", "scroll"), *KEYS[1:])
LOG_KEYS = (
    "↑↓ PgUp PgDn scroll · l less · p pause · r resume · c cancel · q back",
    "↑↓ scroll · l less · q back",
    "q back",
)
PLAIN = str.maketrans({"↑": "^", "↓": "v", "·": "|"})
FIXED = 4
"""Lines for the title, the rules and the keys."""


class Scene(NamedTuple):
    """How things stand."""

    seen: Seen = NOTHING
    """Its rows are the part of the list that is shown."""
    chosen: int = 0
    """The place in the list of the workflow that is shown from near."""
    first: int = 0
    """The place of the first row."""
    listed: bool = True
    """Several workflows are shown, not one alone."""
    portrait: Portrait | None = None
    logs: bool = False
    """Output has the whole window."""
    back: int = 0
    """Lines between the last one that is shown and the end of the output."""
    words: str = ""
    """A question, or what came of a key; the keys stand there otherwise."""


def list_height(rows: int) -> int:
    """Lines of the list, in a window of so many."""
    return max(1, (rows - FIXED) // 3)


def compose(scene: Scene, columns: int, rows: int, glyphs: Glyphs, now: float) -> list[Line]:
    """The lines of the window."""
    body = _logs if scene.logs else _overview
    lines = [_title(scene, columns, glyphs), *body(scene, columns, rows - 2, glyphs, now)][: max(0, rows - 1)]
    lines += [[] for _ in range(rows - 1 - len(lines))]
    return [*lines, _footer(scene, columns, glyphs)]


def _title(scene: Scene, columns: int, glyphs: Glyphs) -> Line:
    text = fitting(scene.seen.counts, scene.seen.active, columns)
    return [("reverse", _plain(text, glyphs).ljust(columns))]


def _overview(scene: Scene, columns: int, rows: int, glyphs: Glyphs, now: float) -> list[Line]:
    lines = _list(scene, columns, glyphs, now) if scene.listed else []
    if scene.portrait is None:
        return lines or [[(DIM, cut(" Nothing runs. q goes back.", columns))]]
    if scene.listed:
        lines.append(_rule("", columns, glyphs))
    lines += head(scene.portrait, columns, now)
    room = rows - len(lines) - 1
    steps = drawn_steps(scene.portrait.steps, columns, glyphs)
    shown = steps[-max(1, min(len(steps), room - min(len(scene.portrait.output), room // 2))) :]
    lines += shown
    return [*lines, _rule("output", columns, glyphs), *_output(scene, columns, rows - len(lines) - 1)]


def _logs(scene: Scene, columns: int, rows: int, glyphs: Glyphs, now: float) -> list[Line]:
    if scene.portrait is None:
        return []
    lines = [*head(scene.portrait, columns, now)[:1], _rule("output", columns, glyphs)]
    return [*lines, *_output(scene, columns, rows - len(lines))]


def _list(scene: Scene, columns: int, glyphs: Glyphs, now: float) -> list[Line]:
    lines = table(scene.seen.rows, columns - 2, glyphs, now)
    marked: list[Line] = []
    for place, line in enumerate(lines, scene.first):
        chosen = place == scene.chosen
        mark = (f"bold {DIM if not chosen else ''}".strip(), f"{glyphs.chosen} " if chosen else "  ")
        marked.append([mark, *((f"{style} bold" if chosen else style, text) for style, text in line)])
    return marked


def _output(scene: Scene, columns: int, rows: int) -> list[Line]:
    if scene.portrait is None or rows < 1:
        return []
    output = scene.portrait.output
    if not output:
        return [[(DIM, cut(" nothing was printed yet", columns))]]
    end = len(output) - scene.back
    return [clipped([("", line)], columns) for line in output[max(0, end - rows) : end]]


def _rule(title: str, columns: int, glyphs: Glyphs) -> Line:
    text = f"{glyphs.rule * 2} {title} " if title else ""
    return [(DIM, cut(text, columns, "") + glyphs.rule * max(0, columns - len(text)))]


def _footer(scene: Scene, columns: int, glyphs: Glyphs) -> Line:
    if scene.words:
        return [("bold", cut(f" {scene.words}", columns, glyphs.more))]
    keys = LOG_KEYS if scene.logs else KEYS if scene.listed else SINGLE_KEYS
    return [(DIM, cut(" " + _plain(_fitting(keys, columns - 1), glyphs), columns))]


def _fitting(texts: Sequence[str], columns: int) -> str:
    return next((text for text in texts if len(text) <= columns), cut(texts[-1], columns))


def _plain(text: str, glyphs: Glyphs) -> str:
    """A text of this program as the terminal can show it."""
    return text if glyphs is not ASCII else text.translate(PLAIN).replace("…", "~")
