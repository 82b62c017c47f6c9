"""Questions with numbered answers."""

from __future__ import annotations

from typing import NamedTuple

from penguin_commands.grammar.values import MAX_LENGTH


class Option(NamedTuple):
    """A possible answer."""

    value: str
    """What the answer stands for."""
    text: str
    detail: str = ""


class Question(NamedTuple):
    """A question that is answered with the number of an option, with the Enter key, or with a text."""

    text: str
    options: tuple[Option, ...] = ()
    default: str | None = None
    """The value that the Enter key stands for; None: it is no answer."""
    other: str = ""
    """What else may be typed, such as `a command`; empty: only a number or the value of an option."""

    def lines(self) -> list[str]:
        """Return the question with its options, a line each."""
        width = max((len(option.text) for option in self.options if option.detail), default=0)
        return [self.text, *(f"  {n}  {_option(option, width)}" for n, option in enumerate(self.options, 1))]

    @property
    def prompt(self) -> str:
        """Return what stands before the answer: `1 to 3, or a command [1]: `."""
        count = len(self.options)
        ways = [f"1 to {count}" if count > 1 else "1"] * bool(count) + [self.other] * bool(self.other)
        numbers = {option.value: str(number) for number, option in enumerate(self.options, 1)}
        default = "" if self.default is None else f" [{numbers.get(self.default, 'Enter: none')}]"
        text = ", or ".join(ways)
        return f"{text[:1].upper()}{text[1:]}{default}: "

    def answer(self, typed: str) -> str | None:
        """Return the value that a typed line stands for; None if it is no answer."""
        text = typed.strip()
        if not text:
            return self.default
        if text.isascii() and text.isdigit() and 1 <= int(text) <= len(self.options):
            return self.options[int(text) - 1].value
        named = [option.value for option in self.options if text in (option.value, option.text)]
        return named[0] if named else text if self.other else None

    def problem(self, typed: str) -> str:
        """Return why a typed line is no answer."""
        text = typed.strip()
        return f"{text[:MAX_LENGTH]!r} is no answer" if text else "an answer is needed"


def _option(option: Option, width: int) -> str:
    return f"{option.text:{width}}  {option.detail}" if option.detail else option.text
