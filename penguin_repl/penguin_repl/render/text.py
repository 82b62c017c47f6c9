"""Sentences and named values, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results.text import Facts, Message
from penguin_repl.render.format import shown
from penguin_repl.render.registry import Renderers
from penguin_repl.text.escape import clean, clean_block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_repl.render.table import Part

RENDERERS = Renderers()


@RENDERERS.shows(Message)
def _message(result: Message) -> Iterator[Part]:
    yield clean_block(result.text)


@RENDERERS.shows(Facts)
def _facts(result: Facts) -> Iterator[Part]:
    for name, value in result.facts.items():
        yield f"{clean(name)}: {clean(shown(value))}"
