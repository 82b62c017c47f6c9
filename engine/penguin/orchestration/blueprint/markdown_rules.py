"""markdown-it's block rules, run only if the first character of a line lets them match.

markdown-it's own parser runs each rule on each line, and makes tokens for a renderer. Without that, a backlog of
thousands of tasks is read in less than half the time, with the same result.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from markdown_it import MarkdownIt
from markdown_it.parser_block import ParserBlock, RuleFuncBlockType
from markdown_it.rules_block import StateBlock
from msgspec import Struct

if TYPE_CHECKING:
    from markdown_it.token import Token

_BEGINNINGS = {
    "fence": "`~",
    "blockquote": ">",
    "hr": "*-_",
    "list": "*-+0123456789",
    "html_block": "<",
    "heading": "#",
}
"""The characters after its indent with which a line must begin for a rule; the other rules accept any line."""
_UNDERLINE = re.compile(r"[=-][ \t]*(?:\r?\n|\r|\Z)")
"""A text without a line like this has no underlined heading."""
_CODE_INDENT = 4


class _Token(Struct):
    """The attributes of a token that the rules set."""

    type: str
    tag: str
    nesting: int
    attrs: Any = None
    map: list[int] | None = None
    level: int = 0
    children: Any = None
    content: str = ""
    markup: str = ""
    info: str = ""
    meta: Any = None
    hidden: bool = False


class _State(StateBlock):
    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        if nesting < 0:
            self.level -= 1
        token: Any = _Token(ttype, tag, nesting, level=self.level)
        if nesting > 0:
            self.level += 1
        self.tokens.append(token)
        return token  # type: ignore[no-any-return]


class _Blocks(ParserBlock):
    """The same rules in the same order."""

    def __init__(self, *, underlined: bool) -> None:
        super().__init__()
        # Link definitions would be removed from the text, and looking for them costs a third of the time.
        self.ruler.disable(["table", "reference"] if underlined else ["table", "reference", "lheading"])
        rules = list(zip(self.ruler.get_active_rules(), self.ruler.getRules(""), strict=True))
        self._all = tuple(rule for _, rule in rules)
        unindented = [(name, rule) for name, rule in rules if name != "code"]
        self._others = _matching(unindented, "")
        self._by_character = {char: _matching(unindented, char) for char in set("".join(_BEGINNINGS.values()))}

    def parse(self, src: str, md: MarkdownIt, env: Any, outTokens: list[Token]) -> list[Token] | None:
        if not src:
            return None
        state = _State(src, md, env, outTokens)
        self.tokenize(state, state.line, state.lineMax)
        return state.tokens

    def tokenize(self, state: StateBlock, startLine: int, endLine: int) -> None:
        """Follow ParserBlock.tokenize line by line."""
        line, seen_empty = startLine, False
        nested_too_deep = state.level >= state.md.options.maxNesting
        while line < endLine:
            state.line = line = state.skipEmptyLines(line)
            if line >= endLine or state.sCount[line] < state.blkIndent:
                break
            if nested_too_deep:
                state.line = endLine
                break
            for rule in self._rules(state, line):
                if rule(state, line, endLine, False):
                    break
            state.tight = not seen_empty
            line = state.line
            # A paragraph may have consumed the empty line after it.
            seen_empty = seen_empty or ((line - 1) < endLine and state.isEmpty(line - 1))
            if line < endLine and state.isEmpty(line):
                seen_empty = True
                line += 1
                state.line = line

    def _rules(self, state: StateBlock, line: int) -> tuple[RuleFuncBlockType, ...]:
        if state.sCount[line] - state.blkIndent >= _CODE_INDENT:
            return self._all
        return self._by_character.get(state.src[state.bMarks[line] + state.tShift[line]], self._others)


def _matching(rules: list[tuple[str, RuleFuncBlockType]], char: str) -> tuple[RuleFuncBlockType, ...]:
    return tuple(rule for name, rule in rules if name not in _BEGINNINGS or (char and char in _BEGINNINGS[name]))


def _parser(*, underlined: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    parser.block = _Blocks(underlined=underlined)
    return parser


_PARSERS = {underlined: _parser(underlined=underlined) for underlined in (False, True)}


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a text's blocks."""
    return _PARSERS[_UNDERLINE.search(text) is not None].parse(text)
