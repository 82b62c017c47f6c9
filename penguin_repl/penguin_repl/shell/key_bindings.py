"""The key bindings of the prompt that differ from the defaults."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, get_common_complete_suffix
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys

from penguin_repl.completion.completer import RankedCompletion
from penguin_repl.completion.match import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.key_binding import KeyPressEvent
    from prompt_toolkit.key_binding.key_processor import KeyPress

CANCEL_KEYS = (Keys.ControlC, Keys.SIGINT)
"""Keys that end the wait for a completion."""


class PendingCompletion:
    """A completion that was requested and is not available yet.

    Keys typed meanwhile are held until it is: in `sta Tab au`, `au` belongs to the word after the completed one.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._held_keys: list[KeyPress] = []

    def is_active(self) -> bool:
        """Return whether keys are held."""
        return self._task is not None

    def start(self, event: KeyPressEvent) -> None:
        """Start to complete the typed text."""
        self._held_keys = []
        self._task = event.app.create_background_task(_complete(event.app.current_buffer))
        self._task.add_done_callback(lambda task: self._finish(task, event))

    def hold_key(self, event: KeyPressEvent) -> None:
        """Hold a key until the completion is available. Ctrl-C cancels both."""
        if event.key_sequence[0].key in CANCEL_KEYS and self._task is not None:
            self._held_keys = list(event.key_sequence)
            self._task.cancel()
        else:
            self._held_keys.extend(event.key_sequence)

    def _finish(self, task: asyncio.Task[None], event: KeyPressEvent) -> None:
        self._task = None
        if event.app.is_running:
            event.key_processor.feed_multiple(self._held_keys)
            event.key_processor.process_keys()


def line_key_bindings(on_nothing: Callable[[], None]) -> KeyBindings:
    """Return the bindings of the line: Ctrl-C clears it, or calls `on_nothing` if it is empty. Tab completes."""
    keys = KeyBindings()
    completing = PendingCompletion()
    keys.add("<any>", eager=True, filter=Condition(completing.is_active))(completing.hold_key)

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
            completing.start(event)
        else:
            _next_completion(buffer)

    return keys


async def _complete(buffer: Buffer) -> None:
    """Insert the only completion, or the only one that begins with the typed text.

    Otherwise, insert the common prefix and show all completions. A completion may replace the typed text.
    """
    document = buffer.document
    asked = CompleteEvent(completion_requested=True)
    found = await asyncio.to_thread(lambda: list(buffer.completer.get_completions(document, asked)))
    if buffer.document != document or not found:
        return
    begin = [
        completion for completion in found if isinstance(completion, RankedCompletion) and completion.tier == PREFIX
    ]
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


def answer_key_bindings(answers: dict[str, str]) -> KeyBindings:
    """Return the bindings for a question that a single key answers, by key."""
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
