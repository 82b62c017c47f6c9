"""The replies of the scripted model: actions, and the scripts that choose them.

A script is named by a marker in a prompt, `SCRIPT:name` or `SCRIPT:name(1,2)`. It is called for each action with the
conversation and has no state: the number of tool results since the prompt is its position.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MARKER = re.compile(r"SCRIPT:([a-z0-9-]+)(?:\(([\d,]*)\))?")


@dataclass(frozen=True, kw_only=True)
class Action:
    """The next action of the model."""

    read: int = 1000
    """Tokens that it reports as read and written."""
    wrote: int = 50


@dataclass(frozen=True)
class Say(Action):
    """Ends its turn with words."""

    text: str


@dataclass(frozen=True)
class Answer(Action):
    """Ends its turn with a JSON value, in the form that the agent requested."""

    value: object


@dataclass(frozen=True)
class Write(Action):
    """Uses a tool to write a file."""

    path: str
    content: str


@dataclass(frozen=True)
class Shell(Action):
    """Uses a tool to run a command, after some words."""

    command: str
    say: str = ""


@dataclass(frozen=True)
class Refuse(Action):
    """The request fails."""

    status: int
    kind: str
    message: str
    retry_after: int | None = None


@dataclass(frozen=True)
class Hang(Action):
    """Sends nothing until the server closes."""


@dataclass(frozen=True)
class Cut(Action):
    """The connection breaks in the middle of a stream. A request for plain JSON then gets `plainly`, if set."""

    plainly: Action | None = None


@dataclass(frozen=True)
class Wait(Action):
    """Continues with `then` after `ModelServer.release(name)`."""

    name: str
    then: Action


@dataclass(frozen=True)
class ScriptInput:
    """The input of a script."""

    prompt: str
    """The newest text of the user that has a marker."""
    numbers: tuple[int, ...] = ()
    """The numbers in the marker's parentheses."""
    step: int = 0
    """Tool results since then."""
    requests: int = 1
    """The number of requests for this script over all conversations, including this one."""

    def number(self, place: int, default: int) -> int:
        return self.numbers[place] if place < len(self.numbers) else default


Script = Callable[[ScriptInput], Action]

WRONG = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
FILE = "calc.py"
OUTSIDE = "/var/tmp/penguin-outside-the-workspace.txt"
FAILURE = re.compile(r"assert -1 == 5|AssertionError")
"""Matches the output of a failed test of `add`."""


def in_order(*actions: Action) -> Script:
    """Return the actions in order, and then repeat the last one."""
    return lambda given: actions[min(given.step, len(actions) - 1)]


def _fix_add(given: ScriptInput) -> Action:
    """Write a wrong file first, and the right one when the prompt shows a failed test."""
    if FAILURE.search(given.prompt):
        return in_order(Write(FILE, RIGHT), Say("Fixed the sign error."))(given)
    return in_order(Write(FILE, WRONG), Say("Implemented add in calc.py."))(given)


def _never_right(given: ScriptInput) -> Action:
    """Write a different wrong file each time."""
    text = f"def add(a, b):\n    return a - b  # {given.requests}\n"
    return in_order(Write(FILE, text), Say("It must be right now."))(given)


def _limited(given: ScriptInput) -> Action:
    """`busy(SECONDS,TIMES)`: refuse TIMES requests with a rate limit, then work."""
    if given.requests <= given.number(1, 1):
        return Refuse(429, "rate_limit_error", "Too many requests", given.number(0, 1))
    return in_order(Write(FILE, RIGHT), Say("Implemented add in calc.py."))(given)


def _long(given: ScriptInput) -> Action:
    """`long(STEPS,SIZE)`: send STEPS answers of SIZE characters, each with a command."""
    if given.step >= given.number(0, 20):
        return Say("That was long.")
    words = f"Thought {given.step}: ".ljust(given.number(1, 20_000), "x")
    return Shell(f"echo step {given.step}", words)


def _burn(given: ScriptInput) -> Action:
    """`burn(READ,WROTE)`: spend these tokens with each of 100 answers."""
    read, wrote = given.number(0, 100_000), given.number(1, 5_000)
    if given.step >= 100:
        return Say("Done.", read=read, wrote=wrote)
    return Shell(f"echo step {given.step}", read=read, wrote=wrote)


def _refuse(status: int, kind: str, message: str) -> Script:
    return lambda given: Refuse(status, kind, message, given.number(0, 0) or None)


SCRIPTS: dict[str, Script] = {
    "fix-add": _fix_add,
    "never-right": _never_right,
    "write-add": in_order(Write(FILE, RIGHT), Say("Implemented add in calc.py.")),
    "nothing": in_order(Say("There is nothing to do.")),
    "denied": in_order(Write(OUTSIDE, "Was I allowed to?\n"), Say("I could not write it.")),
    "busy": _limited,
    "400": _refuse(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
    "401": _refuse(401, "authentication_error", "invalid x-api-key"),
    "429": _refuse(429, "rate_limit_error", "Too many requests"),
    "500": _refuse(500, "api_error", "Internal server error"),
    "hang": in_order(Hang()),
    "tool-hang": in_order(Shell("sleep 600"), Say("Slept well.")),
    "cut": in_order(Cut(Say("Plainly said.")), Say("Done.")),
    "cut-always": in_order(Cut()),
    "long": _long,
    "burn": _burn,
    "wait": in_order(Write("half.txt", "half\n"), Wait("go", Write(FILE, RIGHT)), Say("Implemented add in calc.py.")),
}
