"""`tree:` and `land:` of penguin.yaml: private clones, and how their commits land."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penguin.orchestration.config.document_checker import Checker, Node
from penguin.orchestration.config.phases import relative_paths

TARGET = "penguin/{blueprint}"
"""The default target branch."""
CURRENT = "current"
"""The setting for the branch that is checked out."""
STYLES = ("squash", "merge")
_TREE_KEYS = ("path", "setup", "setup_when", "copy", "link", "objects")
_LAND_KEYS = ("branch", "style", "review", "author", "sign")


def check_tree(entries: Mapping[str, Node], checker: Checker) -> dict[str, Any]:
    """Return the values of `tree` and `land`, complete with their defaults. `land` is None if landing is off."""
    return {"tree": _check_tree(entries.get("tree"), checker), "land": _check_land(entries.get("land"), checker)}


def _check_tree(node: Node | None, checker: Checker) -> dict[str, Any]:
    entries = checker.mapping(node, "tree", _TREE_KEYS)
    return {
        "path": checker.text(entries.get("path"), "tree.path") or "",
        "setup": checker.texts(entries.get("setup"), "tree.setup") or (),
        **{key: tuple(relative_paths(entries.get(key), checker, f"tree.{key}") or ()) for key in _TREE_KEYS[2:5]},
        "own_objects": checker.choice(entries.get("objects"), "tree.objects", ("own", "shared")) == "own",
    }


def _check_land(node: Node | None, checker: Checker) -> dict[str, Any] | None:
    # YAML reads a plain `off` as a boolean.
    if node is not None and node.value in (False, "off"):
        return None
    entries = checker.mapping(node, "land", _LAND_KEYS)
    return {
        "branch": checker.text(entries.get("branch"), "land.branch") or TARGET,
        "style": checker.choice(entries.get("style"), "land.style", STYLES) or STYLES[0],
        "review": bool(checker.boolean(entries.get("review"), "land.review")),
        "author": checker.text(entries.get("author"), "land.author") or "",
        "sign": bool(checker.boolean(entries.get("sign"), "land.sign")),
    }
