"""Questions with numbered answers in a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_repl.shell.foreground import CommandInterrupted, TerminalClosed
from penguin_repl.shell.plain_prompt import make_prompt
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from penguin_commands.question import Question
    from penguin_repl.shell.prompt_screen import PromptScreen


async def ask_question(question: Question, screen: PromptScreen) -> str:
    """Ask until there is an answer, and return its value; '' after Ctrl-C or Ctrl-D.

    Raises TerminalClosed.
    """
    for line in question.lines():
        screen.narrate(clean(line))
    while True:
        prompt = make_prompt(screen, question.prompt, interrupt_exception=CommandInterrupted)
        try:
            typed = await prompt.prompt_async(set_exception_handler=False)
        except (CommandInterrupted, EOFError):
            return ""
        except OSError:
            raise TerminalClosed from None
        answer = question.answer(typed)
        if answer is not None:
            return answer
        screen.narrate(question.problem(typed))
