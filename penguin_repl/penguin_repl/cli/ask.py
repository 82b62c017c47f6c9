"""Questions with numbered answers on a terminal outside of the shell."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from penguin_commands.question import Question
    from penguin_repl.output.screen import Screen

LONGEST = 4096
"""Bytes of a line that a terminal hands over at once."""


def ask(question: Question, screen: Screen) -> str:
    """Ask until there is an answer, and return its value. Raises WorkflowError at the end of the input."""
    _show(question, screen)
    while (answer := question.answer(typed := _read_line())) is None:
        _show_problem(question, typed, screen)
    return answer


async def ask_in_loop(question: Question, screen: Screen) -> str:
    """Ask as `ask` does, while the event loop continues."""
    _show(question, screen)
    while True:
        await _input_available()
        typed = _read_line()
        answer = question.answer(typed)
        if answer is not None:
            return answer
        _show_problem(question, typed, screen)


def _show(question: Question, screen: Screen) -> None:
    for line in question.lines():
        screen.narrate(clean(line))
    _show_prompt(question)


def _show_problem(question: Question, typed: str, screen: Screen) -> None:
    screen.narrate(clean(question.problem(typed)))
    _show_prompt(question)


def _show_prompt(question: Question) -> None:
    sys.stderr.write(question.prompt)
    sys.stderr.flush()


async def _input_available() -> None:
    """Wait for a typed line. Ctrl-C ends the wait, unlike a read."""
    # Every command on a terminal may ask, but few do: without a question, no event loop is imported.
    import asyncio

    loop = asyncio.get_running_loop()
    available = asyncio.Event()
    loop.add_reader(0, available.set)
    try:
        await available.wait()
    finally:
        loop.remove_reader(0)


def _read_line() -> str:
    """Return a typed line. Raises WorkflowError at the end of the input."""
    # A terminal hands over a line at a time.
    typed = os.read(0, LONGEST).decode(errors="replace")
    if not typed:
        sys.stderr.write("\n")
        raise WorkflowError("the question was not answered", "nothing was changed")
    return typed
