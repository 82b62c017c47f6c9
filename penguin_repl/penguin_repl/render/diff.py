"""Rendering of file changes as lines, when they are not streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.files.text_lines import split_lines
from penguin_commands.results.output import DiffResult, RemoteDiffResult
from penguin_repl.render.registry import Renderers
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_repl.render.table import Part

RENDERERS = Renderers()


@RENDERERS.shows(DiffResult)
def _diff(result: DiffResult) -> Iterator[Part]:
    yield from (clean(line) for line in split_lines(b"".join(result.text()).decode("utf-8", "replace")))


@RENDERERS.shows(RemoteDiffResult)
def _diff_elsewhere(result: RemoteDiffResult) -> Iterator[Part]:
    yield clean(result.note)
    if result.files:
        yield "Its evidence lists:"
        yield from (clean(path) for path in result.files)
