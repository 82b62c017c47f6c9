"""Rendering of messages and named values as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results.messages import KeyValueResult, MessageResult
from penguin_repl.render.format import format_value
from penguin_repl.render.parts import field
from penguin_repl.render.registry import Renderers
from penguin_repl.text.escape import clean_block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_repl.render.parts import Part

RENDERERS = Renderers()


@RENDERERS.shows(MessageResult)
def _message(result: MessageResult) -> Iterator[Part]:
    yield clean_block(result.text)


@RENDERERS.shows(KeyValueResult)
def _facts(result: KeyValueResult) -> Iterator[Part]:
    for name, value in result.values.items():
        yield field(name, format_value(value))
