"""Recipes: checked nodes as steps with their expected results.

A step is a mapping with one of `shell`, `python` and `http`, and the expected result:

    - {shell: shop --demo, expect_exit: 0, expect_stdout: /total: [0-9]+/}
    - {shell: shop serve, background: true}
    - {http: GET http://127.0.0.1:8765/health, expect_status: 200, expect_json: {status: ok}, within: 10}
"""

from __future__ import annotations

import re
from typing import Any

from penguin.orchestration.config.document_checker import Checker, Node
from penguin.orchestration.config.fields import MONTH
from penguin.orchestration.core.definition import Expectation, Recipe, RecipeStep
from penguin.orchestration.core.regex import pattern_of, problem_of

KINDS = ("shell", "http", "python")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_COMMON = ("name", "timeout")
_PROCESS = (*_COMMON, "expect_exit", "expect_stdout")
_KEYS = {
    "shell": ("shell", *_PROCESS, "background"),
    "python": ("python", *_PROCESS),
    "http": ("http", *_COMMON, "headers", "body", "expect_status", "expect_json", "within"),
}
_ALL_KEYS = tuple(dict.fromkeys(key for keys in _KEYS.values() for key in keys))
_URL = re.compile(r"https?://[^\s/?#]+\S*")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_EXPECTATION = Expectation()


def check_recipe(name: str, node: Node, checker: Checker) -> Recipe:
    """Return the recipe of a list of steps."""
    where = f"recipe {name!r}"
    nodes = checker.items(node, where)
    if not nodes and (node.value is None or node.value == []):
        checker.error(node.line, f"{where}: has no steps", "a step is one of shell, http, python")
    steps = (_step(step, checker, f"{where}, step {number}") for number, step in enumerate(nodes, 1))
    return Recipe(name, tuple(step for step in steps if step), node.line)


def _step(node: Node, checker: Checker, where: str) -> RecipeStep | None:
    if not isinstance(node.value, dict):
        checker.wrong_type(node, where, "a mapping", "for example {shell: COMMAND, expect_exit: 0}")
        return None
    kinds = [kind for kind in KINDS if kind in node.value]
    if len(kinds) != 1:
        checker.mapping(node, where, _ALL_KEYS)
        checker.error(node.line, f"{where}: must have exactly one of {', '.join(KINDS)}")
        return None
    kind = kinds[0]
    entries = checker.mapping(node, where, _KEYS[kind])
    source = checker.text(entries[kind], f"{where}.{kind}")
    if source is None:
        if entries[kind].value is None:
            checker.wrong_type(entries[kind], f"{where}.{kind}", "a string")
        return None
    extra = _http(source, entries, checker, where) if kind == "http" else _process(source, entries, checker, where)
    return RecipeStep(
        kind=kind,
        name=checker.label(entries.get("name"), f"{where}.name") or "",
        timeout=checker.number(entries.get("timeout"), f"{where}.timeout", 0.001, MONTH, " of seconds"),
        line=node.line,
        **extra,
    )


def _process(source: str, entries: dict[str, Node], checker: Checker, where: str) -> dict[str, Any]:
    background = checker.boolean(entries.get("background"), f"{where}.background") or False
    exit_code = checker.integer(entries.get("expect_exit"), f"{where}.expect_exit", 0, 255)
    stdout = _pattern(entries.get("expect_stdout"), checker, f"{where}.expect_stdout")
    if background and (exit_code is not None or stdout is not None):
        line = (entries.get("expect_exit") or entries["expect_stdout"]).key_line
        hint = "expect the result in a later step"
        checker.error(
            line,
            f"{where}: a background step runs until the recipe ends, so it has no exit code or output to expect",
            hint,
        )
    expect = _NO_EXPECTATION if exit_code is None and stdout is None else Expectation(exit=exit_code, stdout=stdout)
    return {"source": source, "expect": expect, "background": background}


def _pattern(node: Node | None, checker: Checker, where: str) -> str | None:
    text = checker.label(node, where)
    pattern = pattern_of(text or "")
    if node is not None and pattern and (problem := problem_of(pattern)):
        checker.error(node.line, f"{where}: {(text or '')[:80]} is not a regular expression: {problem}")
    return text


def _http(source: str, entries: dict[str, Node], checker: Checker, where: str) -> dict[str, Any]:
    method, _, url = source.strip().rpartition(" ")
    method = method.strip().upper() or "GET"
    if method not in METHODS or not _URL.fullmatch(url):
        hint = "write METHOD URL, for example GET http://127.0.0.1:8000/"
        checker.error(entries["http"].line, f"{where}.http: {source.strip()[:80]!r} is not a request", hint)
    status = checker.integer(entries.get("expect_status"), f"{where}.expect_status", 100, 599)
    wanted = entries["expect_json"].plain() if "expect_json" in entries else None
    return {
        "source": url,
        "method": method,
        "headers": _headers(entries.get("headers"), checker, f"{where}.headers"),
        "body": checker.label(entries.get("body"), f"{where}.body"),
        "expect": Expectation(status=status, json=wanted),
        "within": checker.number(entries.get("within"), f"{where}.within", 0, MONTH, " of seconds") or 0.0,
    }


def _headers(node: Node | None, checker: Checker, where: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, child in checker.mapping(node, where, None).items():
        value = checker.label(child, f"{where}.{name}")
        if not _HEADER.fullmatch(name) or (value and ("\n" in value or not value.isascii())):
            checker.error(child.key_line, f"{where}: {name[:40]!r} is not a header that can be sent")
        elif value is not None:
            headers[name] = value
    return headers
