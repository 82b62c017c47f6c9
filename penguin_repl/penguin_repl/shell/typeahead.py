"""A terminal without echo between two prompts: keys typed there are kept for the next prompt, but not shown."""

from __future__ import annotations

import termios
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompt_toolkit.input import Input

LFLAG = 3
"""The index of the local modes in termios attributes."""


def is_echo_on(terminal: Input) -> bool:
    """Return whether the terminal shows the typed text. Emacs, for example, turns echo off since it echoes itself."""
    try:
        modes = termios.tcgetattr(terminal.fileno())
    except (termios.error, OSError, NotImplementedError):
        return True
    return bool(modes[LFLAG] & termios.ECHO)


@contextmanager
def echo_off(terminal: Input) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Turn off echo, which would appear in the middle of output, and line buffering. Ctrl-C still interrupts.

    Yields a context manager that restores the terminal modes, for a program that uses the terminal temporarily.
    """
    try:
        descriptor = terminal.fileno()
        before = termios.tcgetattr(descriptor)
    except (termios.error, OSError, NotImplementedError):
        # Not a terminal, so there is no echo.
        yield nullcontext
        return
    modes = termios.tcgetattr(descriptor)
    modes[LFLAG] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(descriptor, termios.TCSANOW, modes)

    @contextmanager
    def loud() -> Iterator[None]:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        try:
            yield
        finally:
            # The terminal may have been closed meanwhile.
            with suppress(termios.error):
                termios.tcsetattr(descriptor, termios.TCSADRAIN, modes)

    try:
        yield loud
    finally:
        # The terminal may have been closed meanwhile.
        with suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
