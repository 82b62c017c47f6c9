"""Tasks in Markdown, in both forms, as nodes.

    ### 1. Title                                - [ ] KEY-1 Title {priority=high, effort=2}
    - **ID:** `some-id`                           - Depends: KEY-0
    - **Priority:** high                          - Acceptance: greets by name `check: sh greet.sh | grep -q Ada`
    - **Dependencies:** `a`, `b`                  - Recipe: name
    Prose.
    #### Acceptance Criteria
    - [ ] greets by name `check: sh greet.sh | grep -q Ada`
    #### Recipe: name

Bullets: ID, Title, Priority, Effort, Value, Risk, Dependencies (Depends, Depends on), Recipe (Recipes), Isolation,
Done. What is neither bullet, settings nor one of these sections is the task's description.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from penguin.orchestration.blueprint.fences import recipe_steps, settings_block
from penguin.orchestration.blueprint.markdown_blocks import Block
from penguin.orchestration.config.document import scalar
from penguin.orchestration.config.document_checker import Checker, Node, nearest, suggest

_KEYS = {
    "id": "id",
    "title": "title",
    "priority": "priority",
    "effort": "effort",
    "value": "value",
    "risk": "risk",
    "done": "done",
    "dependencies": "dependencies",
    "depends": "dependencies",
    "depends on": "dependencies",
    "recipe": "recipe",
    "recipes": "recipe",
    "isolation": "isolation",
}
_LINE_KEYS = {**_KEYS, "acceptance": "acceptance_criteria", "acceptance criteria": "acceptance_criteria"}
_BULLET = re.compile(r"\*\*\s*([A-Za-z][A-Za-z _-]*?)\s*(?::\s*\*\*|\*\*\s*:)\s*(.*)", re.DOTALL)
_NESTED = re.compile(r"(?:\*\*)?([A-Za-z][A-Za-z ]{0,40}):(?:\*\*)?\s*(.*)", re.DOTALL)
_NUMBER = re.compile(r"\d+[.)]\s+")
_BOX = re.compile(r"\[[ xX]?\]\s*")
_TASK = re.compile(r"\[([ xX])\]\s+(\S+)[ \t]*([^\n]*)\n?(.*)", re.DOTALL)
_ATTRIBUTES = re.compile(r"\{([^{}]*=[^{}]*)\}\s*$")
_COLON_ATTRIBUTES = re.compile(r"\{\s*(?:priority|effort|value|risk)\s*:[^{}]*\}\s*$", re.IGNORECASE)
_OPEN_ATTRIBUTES = re.compile(r"\{\s*\w+\s*=[^}]*$")
_CHECK = re.compile(r"(?<!`)(`+)(?!`)\s*check:(.*?)(?<!`)\1(?!`)", re.DOTALL | re.IGNORECASE)
_OPEN_CHECK = re.compile(r"`\s*check:", re.IGNORECASE)
_BARE_CHECK = re.compile(r"(?:^|\s)check:\s", re.IGNORECASE)
_NOTHING = frozenset({"", "none", "-", "n/a"})
_CRITERIA = ("acceptance criteria", "acceptance")


def is_task(body: Sequence[Block]) -> bool:
    """Return whether the section of a heading is a task: a bullet list of `**Key:** value` comes before any `####`."""
    for block in body:
        if block.kind == "heading":
            return False
        if block.kind == "list" and _is_metadata(block):
            return True
    return False


def has_id(body: Sequence[Block]) -> bool:
    """Return whether a section that is not a task has a bullet `**ID:** …` as if it were one."""
    lists = (block for block in body if block.kind == "list")
    matches = (_BULLET.match(_first_text(item)) for block in lists for item in block.children)
    return any(match is not None and match[1].lower() == "id" for match in matches)


def _is_metadata(block: Block) -> bool:
    match = _BULLET.match(_first_text(block.children[0])) if block.children else None
    return match is not None and match[1].lower() in _KEYS


def _first_text(item: Block) -> str:
    return item.children[0].text if item.children and item.children[0].kind == "paragraph" else ""


def _full_text(item: Block) -> str:
    """Return the text of an item with its nested items."""
    parts: list[str] = []
    for child in item.children:
        if child.kind == "list":
            parts += [f"- {_full_text(nested)}" for nested in child.children]
        elif child.text:
            parts.append(child.text)
    return "\n".join(parts)


def plain_name(text: str) -> str:
    """Return the recipe name of a heading: `Recipe: name`, or the name alone."""
    return re.sub(r"(?i)^recipe\s*(:|$)\s*", "", text.strip()).strip("` ")


class TaskReader:
    """Makes a node of each task."""

    def __init__(self, lines: Sequence[str], checker: Checker) -> None:
        self.lines = lines
        self.checker = checker

    def section(self, heading: Block, body: Sequence[Block]) -> Node:
        """Return a task that is a heading with bullets."""
        title = _NUMBER.sub("", heading.text.strip(), count=1)
        task = _TaskDraft(self.checker, heading.line)
        if title:
            task.set("title", _node(title, heading.line))
        section: Block | None = None
        blocks: list[Block] = []
        for block in [*body, None]:
            if block is None or (block.kind == "heading" and block.level == 4):
                self._part(task, section, blocks)
                section, blocks = block, []
            else:
                blocks.append(block)
        return task.node()

    def _part(self, task: _TaskDraft, heading: Block | None, blocks: list[Block]) -> None:
        """Read one `####` section of a task, or the blocks before the first."""
        name = " ".join(heading.text.lower().strip(" :").split()) if heading else ""
        if heading is None:
            self._main(task, blocks)
        elif name in _CRITERIA:
            for block in blocks:
                if block.kind == "list":
                    task.criteria += [self._criterion(_full_text(item), item.line) for item in block.children]
                else:
                    self._prose(task, block)
        elif re.match(r"recipe\b", name):
            task.add_recipe(plain_name(heading.text), recipe_steps(blocks, self.checker), heading.line)
        else:
            if match := nearest(name, ("acceptance criteria", "recipe"), 0.8):
                self.checker.error(heading.line, f"unknown section {heading.text[:60]!r}", f"did you mean {match!r}?")
            for block in [heading, *blocks]:
                self._prose(task, block)

    def _main(self, task: _TaskDraft, blocks: list[Block]) -> None:
        for block in blocks:
            if block.kind == "list" and _is_metadata(block):
                for item in block.children:
                    self._bullet(task, item)
            else:
                self._prose(task, block)

    def _prose(self, task: _TaskDraft, block: Block) -> None:
        found = settings_block(block, self.checker) if block.kind == "fence" else None
        if found:
            task.set(*found)
        else:
            text = "\n".join(self.lines[block.line - 1 : block.end - 1]).strip()
            if not (text.startswith("<!--") and text.endswith("-->")):
                task.prose.append(text)

    def _bullet(self, task: _TaskDraft, item: Block) -> None:
        match = _BULLET.match(_first_text(item))
        if match is None:
            hint = "write - **Key:** value, or put a blank line and prose between"
            self.checker.error(item.line, "a bullet without a key among the task's settings", hint)
        elif match[1].lower() not in _KEYS:
            self.checker.error(item.line, f"unknown key {match[1]!r}", suggest(match[1].lower(), tuple(_KEYS)))
        else:
            self._value(task, _KEYS[match[1].lower()], match[2], item.line)

    def _value(self, task: _TaskDraft, key: str, raw: str, line: int) -> None:
        raw = raw.strip()
        if key in ("dependencies", "recipe"):
            names = [] if raw.lower() in _NOTHING else [part.strip().strip("`").strip() for part in raw.split(",")]
            task.set(key, Node([_node(name, line) for name in names], line))
            return
        if key == "title":
            task.set(key, _node(raw, line))
            return
        raw = raw.strip("`").strip()
        raw = raw.lower() if key == "priority" else raw
        task.set(key, Node(scalar(raw), line, raw=raw))

    def _criterion(self, raw: str, line: int) -> Node:
        text = _BOX.sub("", raw.strip(), count=1) if _BOX.match(raw.strip()) else raw.strip()
        matches = list(_CHECK.finditer(text))
        rest = " ".join(_CHECK.sub(" ", text).split(" ")).strip()
        if len(matches) > 1:
            self.checker.error(line, "a criterion has more than one check", "write two criteria")
        elif not matches and _OPEN_CHECK.search(text):
            self.checker.error(line, "the check is not closed", "write `check: COMMAND` with a backtick at both ends")
        elif _BARE_CHECK.search(rest):
            self.checker.warn(line, "a check without backticks is prose", "write `check: COMMAND`")
        entries = {"text": _node(rest, line)} if rest or not matches else {}
        if matches:
            entries["check"] = _node(" ".join(matches[0][2].split("\n")).strip(), line)
        return Node(entries, line)

    def line(self, item: Block) -> Node | None:
        """Return a task that is one line with a box, or None after an error."""
        match = _TASK.match(_first_text(item))
        if match is None:
            self.checker.error(item.line, "a bullet under ## Tasks is not a task", "write - [ ] ID Title")
            return None
        task = _TaskDraft(self.checker, item.line)
        task.set("id", _node(match[2].rstrip(":").strip("`*"), item.line))
        if match[1] != " ":
            task.set("done", Node(True, item.line))
        title = self._attributes(task, match[3], item.line).strip()
        if title:
            task.set("title", _node(title, item.line))
        if match[4].strip():
            task.prose.append(match[4].strip())
        for child in item.children[1:]:
            for nested in child.children if child.kind == "list" else ():
                self._nested(task, nested)
            if child.kind != "list":
                self._prose(task, child)
        return task.node()

    def _attributes(self, task: _TaskDraft, text: str, line: int) -> str:
        """Read `{key=value, …}` at the end of a line. Return the rest of the line."""
        match = _ATTRIBUTES.search(text)
        if match is None:
            if _OPEN_ATTRIBUTES.search(text):
                self.checker.error(line, "the braces at the end are not closed", "write {priority=high, effort=2}")
            elif _COLON_ATTRIBUTES.search(text):
                self.checker.error(line, "the braces at the end contain no `=`", "write {priority=high, effort=2}")
            return text
        for part in match[1].split(","):
            key, _, raw = part.partition("=")
            name = key.strip().lower()
            if name in ("priority", "effort", "value", "risk"):
                self._value(task, name, raw, line)
            else:
                hint = suggest(name, ("priority", "effort", "value", "risk"))
                self.checker.error(line, f"unknown key {key.strip()[:60]!r}", hint)
        return text[: match.start()]

    def _nested(self, task: _TaskDraft, item: Block) -> None:
        match = _NESTED.match(_first_text(item))
        key = _LINE_KEYS.get(match[1].strip().lower()) if match else None
        if match is None or key is None:
            if match and (known := nearest(match[1], _LINE_KEYS, 0.8)):
                self.checker.error(item.line, f"unknown key {match[1]!r}", f"did you mean {known.capitalize()!r}?")
            task.prose.append(f"- {_full_text(item)}")
        elif key == "acceptance_criteria":
            if match[2].strip():
                task.criteria.append(self._criterion(match[2], item.line))
            nested = [below for child in item.children[1:] for below in child.children]
            task.criteria += [self._criterion(_full_text(below), below.line) for below in nested]
        elif key == "recipe" and any(child.kind == "fence" for child in item.children):
            task.add_recipe(match[2].strip().strip("`"), recipe_steps(item.children, self.checker), item.line)
        else:
            self._value(task, key, match[2], item.line)


def _node(text: str, line: int) -> Node:
    return Node(text, line, raw=text)


class _TaskDraft:
    """A task while it is read."""

    def __init__(self, checker: Checker, line: int) -> None:
        self.checker = checker
        self.line = line
        self.entries: dict[str, Node] = {}
        self.recipes: dict[str, Node] = {}
        self.criteria: list[Node] = []
        self.prose: list[str] = []

    def set(self, key: str, node: Node) -> None:
        # The title bullet is more specific than the heading.
        if key in self.entries and key != "title":
            first = self.entries[key].key_line
            self.checker.error(node.key_line, f"duplicate key {key!r} (first on line {first})", "keep one of the two")
        self.entries[key] = node

    def add_recipe(self, name: str, steps: list[Node], line: int) -> None:
        name = name or str(self.entries["id"].raw if "id" in self.entries else "recipe")
        if name in self.recipes:
            self.checker.error(line, f"duplicate recipe {name[:60]!r} (first on line {self.recipes[name].line})")
        self.recipes[name] = Node(steps, line)

    def node(self) -> Node:
        entries = dict(self.entries)
        if self.recipes:
            entries["recipes"] = Node(self.recipes, self.line)
        if self.criteria:
            entries["acceptance_criteria"] = Node(self.criteria, self.line)
        if self.prose:
            entries["description"] = _node("\n\n".join(self.prose), self.line)
        return Node(entries, self.line)
