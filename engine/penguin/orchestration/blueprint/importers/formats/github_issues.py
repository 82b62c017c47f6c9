"""GitHub issues: the JSON of `gh issue list --json number,title,body,labels,state`, or of the REST API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
from penguin.orchestration.blueprint.importers.field_reader import FieldReader
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.markdown_outline import Heading, Item, Prose, outline, text_below
from penguin.orchestration.blueprint.importers.references import denies, inline_ids, key_values
from penguin.orchestration.blueprint.prose.content_lines import content_lines

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source_file import Source
    from penguin.orchestration.config.document_checker import Node

_REFERENCE = re.compile(r"(?:(?:https?://\S{1,1000}/issues/)|#|GH-)(\d+)", re.IGNORECASE)
_LINK = re.compile(r"https?://\S{1,1000}?/issues/(\d+)")
_CRITERIA = re.compile(r"(?:acceptance |success |exit )?criteria|definition of done|done when|acs?", re.IGNORECASE)
_PRIORITY = re.compile(r"(?:priority|prio|p)?\W*(critical|urgent|high|medium|low|[0-4])", re.IGNORECASE)
_RANKS = {"urgent": "critical", "0": "critical", "1": "high", "2": "medium", "3": "low", "4": "low"}


def _recognise(source: Source) -> int:
    if not source.is_json:
        return 0
    records = source.records()
    if not records and {"number", "title"} <= source.keys():
        return 80
    return 90 if any({"number", "title"} <= frozenset(node.value) for node in records) else 0


def _read(source: Source) -> ImportedBacklog:
    backlog = ImportedBacklog(format="github", id="issues", title="GitHub issues", partial=True)
    nodes = source.records() or [node for node in [source.document] if node is not None]
    parents: list[tuple[str, str]] = []
    for node in nodes:
        _issue(FieldReader(node, source.checker, "issue"), backlog, parents)
    by_id = {item.id: item for item in backlog.items}
    for name, child in dict.fromkeys(parents):
        parent, below = by_id.get(name), by_id.get(child)
        if parent and below and name not in below.dependencies and child not in parent.dependencies:
            parent.dependencies.append(child)
    return backlog


def _issue(record: FieldReader, backlog: ImportedBacklog, parents: list[tuple[str, str]]) -> None:
    number, state = record.text("number"), record.text("state").lower()
    reason = record.text("stateReason", "state_reason").lower()
    item = ImportedItem(id=f"GH-{number}", title=record.text("title"), line=record.line, metadata={})
    if not number.isdecimal():
        record.checker.error(record.line, "an issue without a number")
        return
    closed = record.take("closed")
    item.done = state == "closed" or (closed is not None and closed.value is True)
    _body(record.text("body"), item)
    _relations(record, item, parents)
    labels = [_name(node) for node in record.nodes("labels")]
    item.priority = next((rank for rank in map(_priority, labels) if rank), "")
    item.metadata |= {"labels": ", ".join(labels)} if labels else {}
    for name in ("assignees", "milestone", "author", "user", "issueType", "type"):
        found = [_name(node) for node in record.nodes(name)]
        item.metadata |= {name: ", ".join(found)} if any(found) else {}
    if "pull_request" in record:
        backlog.leave_out(item, "is a pull request")
    elif reason in ("not_planned", "duplicate"):
        backlog.leave_out(item, f"was closed as {reason.replace('_', ' ')}")
    else:
        item.metadata |= record.leftovers()
        backlog.items.append(item)


def _name(node: Node) -> str:
    """Return the name of a label, a person or a milestone."""
    if not isinstance(node.value, dict):
        return str(node.raw)
    named = (node.value[key] for key in ("name", "login", "title") if key in node.value)
    return next((str(one.raw) for one in named if one.raw), "")


def _priority(label: str) -> str:
    match = _PRIORITY.fullmatch(label.strip())
    if match is None or match[1] == label.strip():
        return match[1].lower() if match and match[1].lower() in ("critical", "high", "medium", "low") else ""
    return _RANKS.get(match[1].lower(), match[1].lower())


def _relations(record: FieldReader, item: ImportedItem, parents: list[tuple[str, str]]) -> None:
    """Read the fields that newer versions of gh have: blockedBy, parent and subIssues."""
    item.dependencies += [name for node in record.nodes("blockedBy") for name in _issue_ids(node)]
    parents += [(name, item.id) for node in record.nodes("parent") for name in _issue_ids(node)]
    parents += [(item.id, name) for node in record.nodes("subIssues") for name in _issue_ids(node)]


def _issue_ids(node: Node) -> list[str]:
    value = node.value
    if isinstance(value, dict) and "nodes" in value and isinstance(value["nodes"].value, list):
        return [name for one in value["nodes"].value for name in _issue_ids(one)]
    number = value.get("number") if isinstance(value, dict) else node
    return [f"GH-{number.raw}"] if number is not None and str(number.raw).isdecimal() else []


def _is_reference(word: str) -> bool:
    return _REFERENCE.fullmatch(word) is not None


def _plain_line(line: str) -> str:
    """Return a line with `#12` for a link to an issue, and a heading as a key, such as `## Depends on`."""
    line = _LINK.sub(r"#\1", line)
    heading = re.match(r"\s*#{1,6}\s++(.*[^\s:#]|)", line)
    return f"{heading[1]}:" if heading else line.rstrip("*_ ")


def _numbers(text: str) -> list[str]:
    return [f"GH-{number}" for number in _REFERENCE.findall(text)]


def _body(body: str, item: ImportedItem) -> None:
    """Read the criteria and dependencies in the text of an issue; the rest is the description."""
    body = body.replace("\r\n", "\n").replace("\r", "\n")
    lines = body.split("\n")
    used: set[int] = set()
    in_criteria = False
    for part in outline(body):
        if isinstance(part, Heading):
            in_criteria = _CRITERIA.fullmatch(part.text.strip(" :*")) is not None
        elif isinstance(part, Prose):
            in_criteria = _CRITERIA.fullmatch(part.text.strip(" :*_")) is not None
        else:
            _boxes(part, item, lines, used, in_criteria)
    stated = [_plain_line(line) for _, line in content_lines(body) if not line.lstrip().startswith(">")]
    for value, _ in key_values(stated):
        item.dependencies += _numbers(value) if value and not denies(value) else []
    item.dependencies += [name for word in inline_ids("\n".join(stated), _is_reference) for name in _numbers(word)]
    item.dependencies = [name for name in dict.fromkeys(item.dependencies) if name != item.id]
    item.description = "\n".join(line for number, line in enumerate(lines, 1) if number not in used).strip()


def _boxes(part: Item, item: ImportedItem, lines: list[str], used: set[int], in_criteria: bool) -> None:
    for one in part.walk():
        if one.box is None and not (in_criteria and one is part):
            continue
        below = [child for child in one.children if any(deep.box is not None for deep in child.walk())]
        text = "\n".join(piece for piece in (one.text, text_below(one, lines, below)) if piece)
        reference = _REFERENCE.match(one.text)
        if reference:
            # A task list of issues: this one is done when they are.
            item.dependencies.append(f"GH-{reference[1]}")
        else:
            item.criteria.append(text)
        skipped = {number for child in below for number in range(child.line, child.end)}
        used.update(number for number in range(one.line, one.end) if number not in skipped)


FORMAT = Format("github", "a JSON list of GitHub issues", _recognise, _read)
