"""A terminal that keeps quiet between two prompts: keys typed there wait for the next prompt, unseen."""

from __future__ import annotations

import termios
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompt_toolkit.input import Input

LFLAG = 3
"""Place of the local modes in what termios gives."""


def is_echo_on(terminal: Input) -> bool:
    """Whether the terminal shows what is typed; Emacs, for one, asks its terminals not to, since it did so itself."""
    try:
        modes = termios.tcgetattr(terminal.fileno())
    except (termios.error, OSError, NotImplementedError):
        return True
    return bool(modes[LFLAG] & termios.ECHO)


@contextmanager
def echo_off(terminal: Input) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Without echo, which would land in the middle of output, and key by key; Ctrl-C still interrupts.

    Gives the context in which it is as loud as before, for a program that has the terminal for a while.
    """
    try:
        descriptor = terminal.fileno()
        before = termios.tcgetattr(descriptor)
    except (termios.error, OSError, NotImplementedError):
        # No terminal, nothing to keep quiet.
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
            # It may have been closed meanwhile.
            with suppress(termios.error):
                termios.tcsetattr(descriptor, termios.TCSADRAIN, modes)

    try:
        yield loud
    finally:
        # It may have been closed meanwhile.
        with suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
