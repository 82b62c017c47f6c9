"""Renderers of requests to the terminal, which show nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results.ui_actions import QuitAction
from penguin_repl.render.registry import Renderers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_repl.render.parts import Part

RENDERERS = Renderers()


@RENDERERS.shows(QuitAction)
def _nothing(result: QuitAction) -> Iterator[Part]:
    return iter(())
