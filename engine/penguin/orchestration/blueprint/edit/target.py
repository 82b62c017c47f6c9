"""The blueprint that a new task is added to: the named one, the only one, or a new file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint.loader import SUFFIXES, BlueprintSet
from penguin.orchestration.blueprint.model import Blueprint
from penguin.orchestration.config.document_checker import valid_id

if TYPE_CHECKING:
    from penguin.orchestration.config.settings import Settings

_NEW_NAME = "tasks"
_SHOWN = 10


def choose_blueprint(blueprints: BlueprintSet, blueprint_id: str | None) -> Blueprint | None:
    """Return the blueprint to add to, or None if a new file has to be created.

    Raises BlueprintError if the named one is unknown, or if none is named and there are several.
    """
    found = blueprints.blueprints
    if not found:
        return None
    if blueprint_id is not None:
        return blueprints.blueprint(blueprint_id)
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.id for one in found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    raise BlueprintError(f"there are {len(found)} blueprints: {names}", f"choose one: --blueprint {found[0].id}")


def new_blueprint_path(settings: Settings, blueprint_id: str | None) -> str:
    """Return the path of a new blueprint, relative to the workspace, which the settings read.

    Raises BlueprintError if none of their patterns allows one.
    """
    name = blueprint_id or _NEW_NAME
    if not valid_id(name):
        raise BlueprintError(f"{name[:60]!r} is not a valid id of a blueprint", "use letters, digits, - and _")
    for pattern in settings.blueprints:
        folder, _, last = pattern.rpartition("/")
        # Folders with wildcards may be any; `**` may be none.
        parts = [part for part in folder.split("/") if part and part != "**"]
        path = "/".join([*parts, last.replace("*", name, 1)])
        if not re.search(r"[*?\[]", path) and path.lower().endswith(SUFFIXES):
            return path
    patterns = ", ".join(settings.blueprints)
    raise BlueprintError(f"no file can be created for `blueprints: [{patterns}]`", "create a blueprint yourself")


def file_of(root: Path, path: str) -> Path:
    """Return the file of a blueprint. Raises BlueprintError if a link leads out of the workspace."""
    file = Path(os.path.realpath(root / path))
    if not file.is_relative_to(os.path.realpath(root)):
        raise BlueprintError(f"{path}: is a link to {file}, outside of the workspace", "add the task to that file")
    return file
