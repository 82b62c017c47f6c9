"""Rendering of file changes as lines, when they are not streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.files.text_lines import split_lines
from penguin_commands.results.output import DiffResult, RemoteDiffResult
from penguin_repl.render.parts import Span, line
from penguin_repl.render.registry import Renderers
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin.orchestration.config.theme import Meaning
    from penguin_repl.render.parts import Line, Part

RENDERERS = Renderers()
_MEANINGS: dict[str, Meaning] = {"+": "added", "-": "removed", "@": "hunk"}
"""By the first character of a line."""


@RENDERERS.shows(DiffResult)
def _diff(result: DiffResult) -> Iterator[Part]:
    yield from map(diff_line, split_lines(b"".join(result.text()).decode("utf-8", "replace")))


@RENDERERS.shows(RemoteDiffResult)
def _diff_elsewhere(result: RemoteDiffResult) -> Iterator[Part]:
    yield clean(result.note)
    if result.files:
        yield "Its evidence lists:"
        yield from (line(Span(path, "path")) for path in result.files)


def diff_line(text: str) -> Line:
    """Return a line of a diff in unified format with its meaning."""
    if text.startswith(("+++", "---", "diff ", "index ")):
        return line(Span(text, "heading"))
    meaning = _MEANINGS.get(text[:1])
    return line(Span(text, meaning) if meaning else text)
