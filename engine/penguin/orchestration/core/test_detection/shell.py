"""The simple commands of a shell command line."""

from __future__ import annotations

import contextlib
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import NamedTuple, cast

LONGEST_LINE = 1 << 17
"""Characters. No shell gets a longer line: Linux refuses an argument of 128 KB and more."""
_SEPARATORS = "();&|\n"
_PUNCTUATION = frozenset(_SEPARATORS + "<>")
_PLAIN = re.compile(r"[^'\"\\#();&|<>\n]*")
"""A line without quotes, comments and punctuation."""
_WORD = re.compile(r"[^ \t\r]+")
_RESERVED = frozenset({"!", "{", "}", "if", "then", "elif", "else", "fi", "while", "until", "do", "done"})


class SimpleCommand(NamedTuple):
    """A program and its arguments, as the shell would start it."""

    words: tuple[str, ...]
    """Without assignments, redirections and quotes. Of expansions, only variables that the line sets are replaced."""
    directory: str = ""
    """The folder after `cd`, relative to the one in which the line starts."""


def simple_commands(line: str) -> Iterator[SimpleCommand]:
    """Return the simple commands of a line or script, including those of lists, pipelines, groups and subshells.

    A part that can't be parsed, such as one after an unterminated quote, is left out, and so is a line that is too long
    to be run.
    """
    if len(line) >= LONGEST_LINE:
        return
    directory, outer = "", [""]
    words: list[str] = []
    values: dict[str, str] = {}
    for token in [*_tokens(line), "\n"]:
        if not _is_punctuation(token):
            words.append(token)
            continue
        if command := _without_prefixes(_expanded(words, values)):
            if command[0] == "cd":
                directory = posixpath.join(directory, command[-1] if len(command) > 1 else "~")
            else:
                yield SimpleCommand(command, directory)
        else:
            values |= _assigned(words)
        words = []
        for character in token:
            if character == "(":
                outer.append(directory)
            elif character == ")" and len(outer) > 1:
                directory = outer.pop()


def is_assignment(word: str) -> bool:
    """Return whether a word is `NAME=value`."""
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def _assigned(words: list[str]) -> dict[str, str]:
    """Return the variables that a command of nothing but assignments sets."""
    assignments = [word.partition("=") for word in words if is_assignment(word)]
    return {name: value for name, _, value in assignments}


def _expanded(words: list[str], values: Mapping[str, str]) -> list[str]:
    """Return the words, with the values of variables that the line itself sets: `P="python -m pytest"; $P -q`."""
    if not values:
        return words
    return [part for word in words for part in _value_of(word, values)]


def _value_of(word: str, values: Mapping[str, str]) -> list[str]:
    name = word[2:-1] if word.startswith("${") and word.endswith("}") else word.removeprefix("$")
    return values[name].split() if word.startswith("$") and name in values else [word]


def _without_prefixes(words: list[str]) -> tuple[str, ...]:
    start = 0
    while start < len(words) and (words[start] in _RESERVED or is_assignment(words[start])):
        start += 1
    return tuple(words[start:])


def _tokens(line: str) -> Iterator[str]:
    """Yield words and separators, without redirections and here-documents."""
    tokens = _raw_tokens(line)
    delimiters: list[str] = []
    for token in tokens:
        if not _is_punctuation(token):
            yield token
            continue
        if separators := _separators(token):
            yield separators
        if ("<" in token or ">" in token) and "(" not in token:
            target = next(tokens, "")
            delimiters += [target.removeprefix("-")] if token.endswith("<<") else []
        elif "\n" in token:
            for delimiter in delimiters:
                _skip_to(delimiter, tokens)
            delimiters.clear()


def _is_punctuation(token: str) -> bool:
    return bool(token) and _PUNCTUATION.issuperset(token)


def _separators(token: str) -> str:
    """Return punctuation without its redirections."""
    for redirection in ("&>", ">&", "<&", ">|", "<", ">"):
        token = token.replace(redirection, "")
    return token


def _skip_to(delimiter: str, tokens: Iterator[str]) -> None:
    while next(tokens, delimiter) != delimiter:
        pass


def _raw_tokens(text: str) -> Iterator[str]:
    """Yield words without quotes, and punctuation, but no comments. Stop at an unterminated quote."""
    text = text.replace("\\\n", "")
    if _PLAIN.fullmatch(text):
        # shlex finds the same words, in a much longer time.
        yield from _WORD.findall(text)
        return
    while text:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="".join(_PUNCTUATION))
        lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t\r", "", True
        text = ""
        for token in _until_unclosed_quote(lexer):
            if token.startswith("#"):
                # shlex treats a # within a word as a comment too, and drops the line end after it.
                text = _after_comment(lexer)
                break
            yield token


def _until_unclosed_quote(lexer: shlex.shlex) -> Iterator[str]:
    with contextlib.suppress(ValueError):
        yield from lexer


def _after_comment(lexer: shlex.shlex) -> str:
    stream = cast(StringIO, lexer.instream)
    # The character after the word has already been read.
    stream.seek(stream.tell() - 1)
    stream.readline()
    return "\n" + stream.read()
