"""A prompt of plain lines, for screen readers and for terminals without escape sequences.

The typed text appears as a terminal would echo it: character by character, with backspaces for corrections. The prompt
writes no escape sequences and changes nothing above the line. A notice goes on lines of its own; after it the prompt is
shown again with the text typed so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app_session
from prompt_toolkit.filters import is_true
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.search import SearchState

if TYPE_CHECKING:
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.data_structures import Size
    from prompt_toolkit.output import Output

    from penguin_repl.shell.prompt_screen import PromptScreen

MAX_LISTED = 40
"""The maximum number of completions to list."""


class BellOnlyOutput(DummyOutput):
    """An output that discards everything that prompt_toolkit draws, except the bell."""

    def __init__(self, terminal: Output) -> None:
        self._terminal = terminal

    def bell(self) -> None:
        """Ring the bell; see Output."""
        self._terminal.bell()
        self._terminal.flush()

    def get_size(self) -> Size:
        """Return the size; see Output."""
        return self._terminal.get_size()


class PlainPrompt(PromptSession[str]):
    """A prompt with the usual key bindings. A question may use a prompt of its own."""

    def __init__(self, screen: PromptScreen, message: str, **options: Any) -> None:
        super().__init__(
            message, output=BellOnlyOutput(get_app_session().output), complete_while_typing=False, **options
        )
        self._screen = screen
        self._question = message
        self.default_buffer.on_completions_changed += self._list_completions

    async def prompt_async(self, *arguments: Any, **options: Any) -> str:
        """Read a line; see PromptSession."""
        echo = self._screen.begin_echo(self._question)
        self.app.after_render += self._update_echo
        text = None
        try:
            text = await super().prompt_async(*arguments, **options)
        finally:
            self.app.after_render -= self._update_echo
            if isinstance(text, str) and text == self.default_buffer.text:
                echo.show(text, len(text))
            self._screen.end_echo()
        return text

    def _update_echo(self, _: object) -> None:
        if self._screen.echo is not None:
            self._screen.echo.show(*self._visible_line())

    def _visible_line(self) -> tuple[str, int]:
        """Return the visible text of the line, and the position of the cursor in it."""
        layout, buffer = self.app.layout, self.default_buffer
        if not layout.is_searching:
            return buffer.text, buffer.cursor_position
        wanted = self.search_buffer.text
        state = SearchState(
            wanted, self.app.current_search_state.direction, ignore_case=is_true(self.search_ignore_case)
        )
        shown = f"(find '{wanted}') {buffer.document_for_search(state).text}"
        return shown, len(shown)

    def _list_completions(self, buffer: Buffer) -> None:
        """List the completions. Tab moves from one to the next."""
        state = buffer.complete_state
        if state is None or state.complete_index is not None or len(state.completions) < 2:
            return
        names = [completion.display_text for completion in state.completions]
        more = [f"and {len(names) - MAX_LISTED} more"] if len(names) > MAX_LISTED else []
        self._screen.narrate("  ".join([*names[:MAX_LISTED], *more]))


def make_prompt(screen: PromptScreen, message: str, **options: Any) -> PromptSession[str]:
    """Return a prompt that this screen can show."""
    return PlainPrompt(screen, message, **options) if screen.style.plain else PromptSession(message, **options)
