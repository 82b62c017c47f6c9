"""Questions on a terminal outside of the shell."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from penguin_commands.question import Question
    from penguin_repl.output.screen import Screen


def ask(question: Question, screen: Screen) -> str:
    """Ask until there is an answer, and return its value. Raises WorkflowError at the end of the input."""
    for line in question.lines():
        screen.narrate(clean(line))
    while True:
        typed = _read_line(question.prompt)
        answer = question.answer(typed)
        if answer is not None:
            return answer
        screen.narrate(f"{clean(typed.strip())!r} is no answer" if typed.strip() else "type an answer")


def _read_line(prompt: str) -> str:
    """Return a typed line. Raises WorkflowError at the end of the input."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    typed = sys.stdin.readline()
    if not typed:
        sys.stderr.write("\n")
        raise WorkflowError("the question was not answered", "nothing was changed")
    return typed
