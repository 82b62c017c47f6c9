"""Fenced code blocks with a meaning: the steps of a recipe, and the settings of a task.

In a recipe, each block is a step. The first word after the fence is its kind, followed by the expected result:

    ```shell expect_exit=0 expect_stdout="hello"   also: expect_stdout=/regex/ background timeout=5 name="greet"
    ```python expect_stdout=42
    ```http expect_status=200 within=10            GET http://127.0.0.1:8765/, header lines, a blank line, a body
    ```json expect                                 after an http block: JSON that its response must contain
    ```yaml                                        a list of steps, written as in a YAML blueprint
    ```text                                        only for the reader

In a task, ```yaml phases and ```yaml ituv hold what `phases:` and `ituv:` hold in a YAML blueprint.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from penguin.orchestration.blueprint.markdown.blocks import Block, walk
from penguin.orchestration.blueprint.recipes import KINDS
from penguin.orchestration.config.document import parse_json, parse_yaml, scalar
from penguin.orchestration.config.document_checker import Checker, Node, suggest

SETTINGS = ("phases", "ituv")
_ALIASES = {"sh": "shell", "py": "python", "yml": "yaml"}
_ALL_KINDS = (*KINDS, "json", "yaml", "text")


def plain_name(text: str) -> str:
    """Return the recipe name of a heading: `Recipe: name`, or the name alone."""
    return re.sub(r"(?i)^recipe\s*(:|$)\s*", "", text.strip()).strip("` ")


def settings_block(block: Block, checker: Checker) -> tuple[str, Node] | None:
    """Return the settings of a block in a task, with their key."""
    words = block.info.split()
    if len(words) != 2 or _ALIASES.get(words[0], words[0]) != "yaml":
        return None
    if words[1] not in SETTINGS:
        checker.error(block.line, f"unknown settings {words[1][:60]!r}", suggest(words[1], SETTINGS))
        return None
    node = parse_yaml(block.text, checker, block.line + 1)
    if node is None:
        return None
    node.key_line = block.line
    return words[1], node


def recipe_steps(blocks: Sequence[Block], checker: Checker) -> list[Node]:
    """Return the steps of a recipe; blocks that are not code are prose."""
    steps: list[Node] = []
    for block in walk(blocks):
        if block.kind == "fence":
            steps += _steps(block, steps, checker)
    return steps


def _steps(block: Block, before: list[Node], checker: Checker) -> list[Node]:
    words = _words(block, checker)
    if words is None:
        return []
    kind = _ALIASES.get(words[0], words[0])
    if kind == "yaml":
        return checker.items(parse_yaml(block.text, checker, block.line + 1), "recipe")
    if kind == "json":
        _expect_json(block, words, before, checker)
    elif kind in KINDS:
        return [_step(block, kind, words[1:], checker)]
    elif kind != "text":
        hint = "did you mean shell?" if kind in ("bash", "console") else suggest(kind, _ALL_KINDS)
        checker.error(block.line, f"unknown kind of step {kind[:60]!r}", hint)
    return []


def _words(block: Block, checker: Checker) -> list[str] | None:
    lexer = shlex.shlex(block.info, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = lexer.escape = ""  # a backslash belongs to the regular expression that it is in
    try:
        words = list(lexer)
    except ValueError:
        checker.error(
            block.line, "a quote after the fence is not closed", 'for example ```shell expect_stdout="all good"'
        )
        return None
    if not words:
        checker.error(block.line, "a code block in a recipe needs its kind", f"one of {', '.join(_ALL_KINDS)}")
        return None
    return words


def _step(block: Block, kind: str, words: list[str], checker: Checker) -> Node:
    entries = _http(block, checker) if kind == "http" else {kind: _node(block.text.rstrip("\n"), block.line)}
    for word in words:
        key, equals, raw = word.partition("=")
        if key in entries:
            checker.error(block.line, f"{key[:60]!r} was given more than once")
        elif key == "expect_json":
            wanted = parse_json(raw, Checker(checker.path))
            if wanted is None:
                checker.error(block.line, "expect_json: is not valid JSON", "put it in single quotes")
            else:
                entries[key] = Node.of(wanted.plain(), block.line)
        else:
            entries[key] = Node(scalar(raw), block.line, raw=raw) if equals else Node(True, block.line)
    return Node(entries, block.line)


def _node(text: str, line: int) -> Node:
    return Node(text, line, raw=text)


def _http(block: Block, checker: Checker) -> dict[str, Node]:
    head, _, body = block.text.partition("\n\n")
    request, *header_lines = head.rstrip("\n").split("\n")
    entries = {"http": _node(request.strip(), block.line + 1)}
    headers: dict[str, Node] = {}
    for number, line in enumerate(header_lines, block.line + 2):
        name, colon, value = line.partition(":")
        if not colon:
            checker.error(number, f"{line[:60]!r} is not a header", "write NAME: VALUE; a body follows a blank line")
        headers[name.strip()] = _node(value.strip(), number)
    if headers:
        entries["headers"] = Node(headers, block.line + 2)
    if body.strip():
        entries["body"] = _node(body.rstrip("\n"), block.line + len(header_lines) + 3)
    return entries


def _expect_json(block: Block, words: list[str], before: list[Node], checker: Checker) -> None:
    step = before[-1].value if before and isinstance(before[-1].value, dict) else {}
    if words[1:] != ["expect"]:
        checker.error(block.line, "a json block holds the expected response", "write ```json expect")
    elif "http" not in step or "expect_json" in step:
        checker.error(block.line, "has no http step before it")
    else:
        inner = Checker(checker.path)
        wanted = parse_json(block.text, inner)
        for problem in inner.problems:
            checker.error(problem.line + block.line, problem.message)
        if wanted is not None:
            step["expect_json"] = wanted
