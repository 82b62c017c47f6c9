"""Recipes: checked nodes as steps with their expected results.

A step is a mapping with one of `shell`, `python` and `http`, and the expected result:

    - {shell: shop --demo, expect_exit: 0, expect_stdout: /total: [0-9]+/}
    - {shell: shop serve, background: true}
    - {http: GET http://127.0.0.1:8765/health, expect_status: 200, expect_json: {status: ok}, within: 10}

It may also be written as {type: shell, command: COMMAND}. A recipe is a list of steps, or {description, steps}.
"""

from __future__ import annotations

import json
import re
from typing import Any

from penguin.orchestration.config.document_checker import Checker, Node
from penguin.orchestration.config.orchestration_keys import MONTH
from penguin.orchestration.core.definition import Expectation, Recipe, RecipeStep
from penguin.orchestration.core.regex import pattern_of, problem_of

KINDS = ("shell", "http", "python")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
RECIPE_KEYS = ("recipe", "name", "description", "steps", "artifacts")
_SOURCES = ("command", "request", "script", "code", "source", "run")
"""Keys that hold what a step with a `type` runs."""
_COMMON = ("name", "timeout")
_PROCESS = (*_COMMON, "expect_exit", "expect_stdout")
_KEYS = {
    "shell": ("shell", *_PROCESS, "background"),
    "python": ("python", *_PROCESS),
    "http": ("http", *_COMMON, "headers", "body", "expect_status", "expect_json", "within"),
}
_ALL_KEYS = tuple(dict.fromkeys(key for keys in _KEYS.values() for key in keys))
_URL = re.compile(r"(?:https?://[^\s/?#]+|/)\S*")
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_EXPECTATION = Expectation()


def recipe_entries(node: Node | None, checker: Checker) -> list[tuple[str, Node]]:
    """Return the recipes of a mapping by name, or of a list of mappings with a `recipe` or `name`."""
    if node is None or not isinstance(node.value, list):
        return list(checker.mapping(node, "recipes", None).items())
    found: list[tuple[str, Node]] = []
    for item in node.value:
        entries = checker.mapping(item, "recipes", RECIPE_KEYS)
        name = checker.label(entries.get("recipe") or entries.get("name"), "recipes")
        if name is None:
            checker.error(item.line, "recipes: a recipe has no name", "write - recipe: NAME")
        else:
            found.append((name, item))
    return found


def check_recipe(name: str, node: Node, checker: Checker) -> Recipe:
    """Return the recipe of a list of steps, or of a mapping with `steps`."""
    where = f"recipe {name!r}"
    entries: dict[str, Node] = {}
    steps: Node | None = node
    if isinstance(node.value, dict):
        entries = checker.mapping(node, where, RECIPE_KEYS)
        steps = entries.get("steps")
        if "artifacts" in entries:
            hint = "phases: {use: {artifacts: [PATTERN]}} keeps files"
            checker.note(entries["artifacts"].key_line, f"{where}: artifacts are not used", hint)
    nodes = checker.items(steps, where)
    if not nodes and (steps is None or steps.value is None or steps.value == []):
        checker.error(node.line, f"{where}: has no steps", "a step is one of shell, http, python")
    found = (_step(_with_kind(step), checker, f"{where}, step {number}") for number, step in enumerate(nodes, 1))
    description = checker.label(entries.get("description"), f"{where}.description") or ""
    return Recipe(name, tuple(step for step in found if step), node.line, description)


def _with_kind(node: Node) -> Node:
    """Return a step that is written as {type: KIND, command: SOURCE} as {KIND: SOURCE}."""
    if not isinstance(node.value, dict) or "type" not in node.value or node.value["type"].value not in KINDS:
        return node
    kind = str(node.value["type"].value)
    source = next((key for key in (*_SOURCES, kind) if key in node.value), None)
    if source is None:
        return node
    rest = {key: child for key, child in node.value.items() if key not in ("type", source)}
    return Node({kind: node.value[source], **rest}, node.line)


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
    method, _, url = source.strip().partition(" ")
    if method.upper() not in METHODS and not url.strip():
        method, url = "GET", method
    method, url = method.strip().upper(), url.strip()
    line = entries["http"].line
    if method not in METHODS or not _URL.fullmatch(_PLACEHOLDER.sub("x", url)):
        hint = "write METHOD URL, for example GET http://127.0.0.1:8000/"
        checker.error(line, f"{where}.http: {source.strip()[:80]!r} is not a request", hint)
    elif url.startswith("/"):
        hint = f"write {method} http://127.0.0.1:PORT{url[:60]}"
        checker.warn(line, f"{where}.http: {url[:60]!r} has no host: the request can't be sent", hint)
    status = checker.integer(entries.get("expect_status"), f"{where}.expect_status", 100, 599)
    wanted = entries["expect_json"].plain() if "expect_json" in entries else None
    headers = _headers(entries.get("headers"), checker, f"{where}.headers")
    body = entries.get("body")
    if body is not None and isinstance(body.value, dict | list):
        text = json.dumps(body.plain(), ensure_ascii=False)
        body = Node(text, body.line, raw=text)
        if "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = "application/json"
    _warn_placeholders(entries, checker, where)
    return {
        "source": url,
        "method": method,
        "headers": headers,
        "body": checker.label(body, f"{where}.body"),
        "expect": Expectation(status=status, json=wanted),
        "within": checker.number(entries.get("within"), f"{where}.within", 0, MONTH, " of seconds") or 0.0,
    }


def _warn_placeholders(entries: dict[str, Node], checker: Checker, where: str) -> None:
    for key in ("http", "headers", "body"):
        if key in entries and (match := _PLACEHOLDER.search(str(entries[key].plain()))):
            hint = "use a shell or python step for values of earlier responses"
            checker.warn(entries[key].line, f"{where}.{key}: {match[0][:60]!r} is sent as it is written", hint)


def _headers(node: Node | None, checker: Checker, where: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, child in checker.mapping(node, where, None).items():
        value = checker.label(child, f"{where}.{name}")
        if not _HEADER.fullmatch(name) or (value and ("\n" in value or not value.isascii())):
            checker.error(child.key_line, f"{where}: {name[:40]!r} is not a header that can be sent")
        elif value is not None:
            headers[name] = value
    return headers
