"""One acceptance criterion in Markdown: its text, and its check in backticks."""

from __future__ import annotations

import re

from penguin.orchestration.config.document_checker import Checker, Node, nearest

_BOX = re.compile(r"^\[[ xX]?\]\s+")
_CHECK = re.compile(r"(?<!`)(`+)(?!`)\s*check:(.*?)(?<!`)\1(?!`)", re.DOTALL | re.IGNORECASE)
_OPEN_CHECK = re.compile(r"`\s*check:", re.IGNORECASE)
_FIRST_WORD = re.compile(r"(?<!`)`+\s*([A-Za-z]{3,8}):\s")
_BARE_CHECK = re.compile(r"(?:^|\s)check:\s", re.IGNORECASE)


def read_criterion(raw: str, line: int, checker: Checker) -> Node:
    """Return the criterion in a text such as "greets by name `check: sh greet.sh | grep -q Ada`"."""
    text = raw.strip()
    if text[:1] == "[":
        text = _BOX.sub("", text, count=1)
    matches = list(_CHECK.finditer(text)) if "`" in text else []
    rest = (_CHECK.sub(" ", text) if matches else text).strip()
    if len(matches) > 1:
        checker.error(line, "a criterion has more than one check", "write two criteria")
    elif not matches and "`" in text and _OPEN_CHECK.search(text):
        checker.error(line, "the check is not closed", "write `check: COMMAND` with a backtick at both ends")
    elif word := _misspelled_check(rest):
        checker.error(line, f"a criterion with `{word}: …`", "did you mean `check: COMMAND`?")
    elif ":" in rest and _BARE_CHECK.search(rest):
        checker.warn(line, "a check without backticks is prose", "write `check: COMMAND`")
    entries = {"text": text_node(rest, line)} if rest or not matches else {}
    if matches:
        entries["check"] = text_node(" ".join(matches[0][2].split("\n")).strip(), line)
    return Node(entries, line)


def has_check(text: str) -> bool:
    """Return whether a text contains a check in backticks."""
    return "`" in text and _CHECK.search(text) is not None


def _misspelled_check(text: str) -> str:
    """Return the first word in backticks that was probably meant to be `check`; '' if there is none."""
    if "`" not in text:
        return ""
    words = (match[1] for match in _FIRST_WORD.finditer(text))
    return next((word for word in words if nearest(word, ("check",), 0.75)), "")


def text_node(text: str, line: int) -> Node:
    """Return the node of a text."""
    return Node(text, line, raw=text)
