"""Names of environment variables in penguin.yaml: names or patterns, never values."""

from __future__ import annotations

import re

from penguin.orchestration.config.document_checker import Checker, Node

_PATTERN = re.compile(r"[A-Za-z0-9_*?]+")
_REFERENCE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?|([A-Za-z_][A-Za-z0-9_]*)=.*", re.DOTALL)


def check_names(node: Node | None, checker: Checker, where: str) -> list[str]:
    """Return one name or pattern, or a list of them."""
    if node is None or node.value is None:
        return []
    nodes = node.value if isinstance(node.value, list) else [node]
    return [name for name in (_name(item, checker, where) for item in nodes) if name]


def _name(node: Node, checker: Checker, where: str) -> str | None:
    text = checker.label(node, where)
    if node.value is None:
        checker.wrong_type(node, where, "the name of a variable")
    if text is None or _PATTERN.fullmatch(text):
        return text
    if meant := _REFERENCE.fullmatch(text):
        # The rest of the text is not in the message: it may be the variable's value.
        checker.error(node.line, f"{where}: takes only names of variables", f"write {meant[1] or meant[2]}")
    else:
        rule = "letters, digits and _, with * for any of them and ? for one"
        shown = f"a string of {len(text)} characters" if len(text) > 40 else repr(text)
        checker.error(node.line, f"{where}: {shown} is not a valid variable name", rule)
    return None
