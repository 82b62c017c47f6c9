"""One acceptance criterion in Markdown: its text, and its check in backticks."""

from __future__ import annotations

import re

from penguin.orchestration.config.document_checker import Checker, Node

_BOX = re.compile(r"^\[[ xX]?\]\s+")
_CHECK = re.compile(r"(?<!`)(`+)(?!`)\s*check:(.*?)(?<!`)\1(?!`)", re.DOTALL | re.IGNORECASE)
_OPEN_CHECK = re.compile(r"`\s*check:", re.IGNORECASE)
_BARE_CHECK = re.compile(r"(?:^|\s)check:\s", re.IGNORECASE)


def read_criterion(raw: str, line: int, checker: Checker) -> Node:
    """Return the criterion in a text such as "greets by name `check: sh greet.sh | grep -q Ada`"."""
    text = _BOX.sub("", raw.strip(), count=1)
    matches = list(_CHECK.finditer(text))
    rest = " ".join(_CHECK.sub(" ", text).split(" ")).strip()
    if len(matches) > 1:
        checker.error(line, "a criterion has more than one check", "write two criteria")
    elif not matches and _OPEN_CHECK.search(text):
        checker.error(line, "the check is not closed", "write `check: COMMAND` with a backtick at both ends")
    elif _BARE_CHECK.search(rest):
        checker.warn(line, "a check without backticks is prose", "write `check: COMMAND`")
    entries = {"text": text_node(rest, line)} if rest or not matches else {}
    if matches:
        entries["check"] = text_node(" ".join(matches[0][2].split("\n")).strip(), line)
    return Node(entries, line)


def text_node(text: str, line: int) -> Node:
    """Return the node of a text."""
    return Node(text, line, raw=text)
