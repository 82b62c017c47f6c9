"""Keys that mean something else here than elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, get_common_complete_suffix
from prompt_toolkit.filters import is_searching
from prompt_toolkit.key_binding import KeyBindings

from penguin_repl.completion import Ranked
from penguin_repl.ranking import BEGINS

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.key_binding import KeyPressEvent


def line_keys(on_nothing: Callable[[], None]) -> KeyBindings:
    """Ctrl-C clears the line; on an empty one it calls `on_nothing`. Tab completes."""
    keys = KeyBindings()

    def clear(event: KeyPressEvent) -> None:
        buffer = event.app.current_buffer
        if buffer.text:
            buffer.reset()
        else:
            on_nothing()

    keys.add("c-c", filter=~is_searching)(clear)
    keys.add("<sigint>", filter=~is_searching)(clear)

    @keys.add("tab", filter=~is_searching)
    def complete(event: KeyPressEvent) -> None:
        buffer = event.app.current_buffer
        if buffer.complete_state is None:
            event.app.create_background_task(_complete(buffer))
        else:
            _next_completion(buffer)

    return keys


async def _complete(buffer: Buffer) -> None:
    """Take the one completion that there is, or that begins with what was typed; else show them all, with what they
    have in common typed already. A completion may take the place of what was typed."""
    document = buffer.document
    asked = CompleteEvent(completion_requested=True)
    found = await asyncio.to_thread(lambda: list(buffer.completer.get_completions(document, asked)))
    if buffer.document != document or not found:
        return
    begin = [it for it in found if isinstance(it, Ranked) and it.tier == BEGINS]
    if len(begin) == 1 or len(found) == 1:
        buffer.apply_completion((begin or found)[0])
        return
    buffer.insert_text(get_common_complete_suffix(document, begin))
    if buffer.complete_state is None:
        buffer.start_completion()


def _next_completion(buffer: Buffer) -> None:
    state = buffer.complete_state
    if state is not None and len(state.completions) == 1:
        buffer.apply_completion(state.completions[0])
    else:
        buffer.complete_next()


def answer_keys(answers: dict[str, str]) -> KeyBindings:
    """One key is the whole answer: by key, what it means."""
    keys = KeyBindings()

    def bind(key: str, answer: str) -> None:
        @keys.add(key, eager=True)
        def leave(event: KeyPressEvent) -> None:
            event.app.exit(result=answer)

    for key, answer in answers.items():
        bind(key, answer)

    @keys.add("<any>")
    def ignore(event: KeyPressEvent) -> None:
        event.app.output.bell()

    return keys
