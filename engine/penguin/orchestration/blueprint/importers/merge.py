"""The merge of a changed source into a blueprint that a person may have changed, too.

An import remembers a digest of each value that it wrote. A value with another digest was changed by a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from penguin.orchestration.config.document_checker import Node

LISTS = ("depends_on", "acceptance_criteria")
"""The fields that are merged value by value."""
FOLLOWED = ("title", "description", "priority", "done", "metadata", *LISTS)
"""The fields of an item that follow the source."""


class Merge(NamedTuple):
    """What the import changes in an item."""

    changes: dict[str, Any]
    """The new value of each field that changes; None: the field goes."""
    conflicts: list[str]
    """What was changed on both sides, or can't go because a person added to it."""


def digest(value: object) -> str:
    """Return a short digest of a value."""
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:10]


def digests(fields: Mapping[str, object]) -> dict[str, str]:
    """Return the digest of each field that an item has; for lists, one for each value."""
    return {name: found for name in FOLLOWED if (found := _digest_of(fields.get(name)))}


def _digest_of(value: object) -> str:
    if isinstance(value, list):
        return " ".join(digest(one) for one in value)
    return digest(dict(value) if isinstance(value, Mapping) else value) if value else ""


def fields_of(node: Node) -> dict[str, Any]:
    """Return the fields of an item in a blueprint, as an import would have written them."""
    entries: dict[str, Node] = node.value if isinstance(node.value, dict) else {}
    fields: dict[str, Any] = {}
    for name, child in entries.items():
        value = child.value
        if name == "done":
            fields[name] = value is True
        elif isinstance(value, list):
            fields[name] = [_text(one) for one in value]
        elif isinstance(value, dict):
            fields[name] = {key: _text(one) for key, one in value.items()}
        else:
            fields[name] = _text(child)
    return fields


def _text(node: Node) -> str:
    """Return the text of a value; of a criterion with a check, its text."""
    if isinstance(node.value, dict):
        node = node.value.get("text") or node.value.get("check") or Node("", node.line, "")
    return node.raw if node.raw is not None else str(node.value)


def merge(node: Node, remembered: Mapping[str, str], source: Mapping[str, Any]) -> Merge:
    """Return the changes to an item.

    Args:
        node: The item in the blueprint.
        remembered: The digests that the last import left.
        source: The fields that the source has now.
    """
    current = fields_of(node)
    found = Merge({}, [])
    for name in FOLLOWED:
        old, new = remembered.get(name, ""), source.get(name)
        if _digest_of(new) == old or _digest_of(new) == _digest_of(current.get(name)):
            continue
        if name in LISTS:
            _merge_list(name, node, set(old.split()), list(new or ()), found)
        elif _digest_of(current.get(name)) == old:
            found.changes[name] = new or None
        else:
            found.conflicts.append(f"{name} was changed in the source and here: yours is kept")
    return found


def _merge_list(name: str, node: Node, old: set[str], new: list[str], found: Merge) -> None:
    """Merge a list value by value: what the source dropped goes, what it added comes, the rest stays."""
    child = node.value.get(name)
    nodes: list[Node] = child.value if child is not None and isinstance(child.value, list) else []
    kept: list[Any] = []
    for one in nodes:
        text = _text(one)
        gone = digest(text) in old and text not in new
        if gone and isinstance(one.value, dict):
            found.conflicts.append(f"a criterion with your check is no longer in the source, and is kept: {text[:80]}")
        if not gone or isinstance(one.value, dict):
            kept.append(one.plain() if isinstance(one.value, dict) else text)
    present = {_text(one) for one in nodes}
    kept += [text for text in new if text not in present and digest(text) not in old]
    found.changes[name] = kept or None
