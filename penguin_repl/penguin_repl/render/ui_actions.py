"""Wishes: nothing is shown of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin_commands.results.ui_actions import Quit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from penguin_repl.render.table import Part


def _nothing(result: Quit) -> Iterator[Part]:
    return iter(())


RENDERERS: dict[type, Callable[[Any], Iterator[Part]]] = {
    Quit: _nothing,
}
