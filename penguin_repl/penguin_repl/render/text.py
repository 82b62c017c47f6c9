"""Sentences and named values, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin_commands.results.text import Facts, Message
from penguin_repl.render.safe import clean, clean_block
from penguin_repl.render.words import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from penguin_repl.render.grid import Part


def _message(result: Message) -> Iterator[Part]:
    yield clean_block(result.text)


def _facts(result: Facts) -> Iterator[Part]:
    for name, value in result.facts.items():
        yield f"{clean(name)}: {clean(shown(value))}"


RENDERERS: dict[type, Callable[[Any], Iterator[Part]]] = {
    Message: _message,
    Facts: _facts,
}
