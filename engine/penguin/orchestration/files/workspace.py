"""The workspace: the folder with penguin.yaml, and Penguin's own files in its `.penguin/`.

Reading workflows needs only its folder and its database, as plain names: importing pathlib takes longer than the read.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.safe_open import STATE_DIR, refuse_links

if TYPE_CHECKING:
    from pathlib import Path

CONFIG_FILE = "penguin.yaml"
IGNORE_FILE, IGNORE_TEXT = ".gitignore", b"*\n"
"""Keeps git from tracking `.penguin/`."""


def current_folder() -> str:
    """Return the current folder of this process. Raises WorkflowError if it was removed."""
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise WorkflowError("the current folder no longer exists", "cd to an existing folder") from error


def expand_home(path: str) -> Path:
    """Return a path with a home folder in place of a leading `~`. One of an unknown user stays as it is."""
    from pathlib import Path

    # Path.expanduser raises RuntimeError for an unknown user.
    return Path(os.path.expanduser(path))


def find_workspace(start: str | Path, init: str = "penguin init") -> Workspace:
    """Return the workspace in the nearest folder from `start` upwards that has a penguin.yaml.

    Raises WorkflowError if there is none, with `init` as the command that creates one.
    """
    found = folder = os.path.realpath(start)
    # Only links that form a circle are left in a resolved path.
    if os.path.islink(folder):
        raise WorkflowError(f"{start} can't be read: it is a link that points to itself")
    # A broken link counts as found: a clear error is better than another project's configuration.
    while not os.path.lexists(f"{found}/{CONFIG_FILE}"):
        above = os.path.dirname(found)
        if above == found:
            raise WorkflowError(f"no {CONFIG_FILE} in {folder} or any folder above it", init)
        found = above
    return Workspace(_owner_of(found))


def _owner_of(folder: str) -> str:
    """Return the workspace that owns a folder: in a private clone, the user's own."""
    checkout = os.environ.get("PENGUIN_CHECKOUT", "")
    return checkout if checkout and os.environ.get("PENGUIN_WORKSPACE") == folder else folder


class Workspace:
    """The paths of a workspace."""

    def __init__(self, root: str | Path) -> None:
        self.name = os.path.realpath(root)
        """Path of its folder, resolved."""

    @property
    def config_name(self) -> str:
        """Its configuration file."""
        return f"{self.name}/{CONFIG_FILE}"

    @property
    def db_name(self) -> str:
        """The file of its database."""
        return f"{self.name}/{STATE_DIR}/penguin.db"

    @cached_property
    def root(self) -> Path:
        """Its folder."""
        from pathlib import Path

        return Path(self.name)

    @cached_property
    def state(self) -> Path:
        """The folder of Penguin's own files."""
        return self.root / STATE_DIR

    @cached_property
    def db(self) -> Path:
        """The database of its workflows."""
        return self.state / "penguin.db"

    @cached_property
    def runs(self) -> Path:
        """The folder of workflow folders, with the outputs of steps."""
        return self.state / "runs"

    @cached_property
    def engines(self) -> Path:
        """The folder in which engines prove that they are alive."""
        return self.state / "engines"

    def ensure(self) -> None:
        """Create `.penguin/`: readable by its owner only, ignored by git, and with a key in the user's records.

        An existing one gets no key, unless it is empty: see `runtime.workspace_trust`. Raises UnsafePath for a link or
        a folder of another user, and WorkflowError if the folder or the record can't be written.
        """
        from penguin.orchestration.files.permissions import restrict_to_owner, write_private

        if not self.root.is_dir():
            # Creating it would make a misspelt path look like a workspace without tasks.
            raise WorkflowError(f"there is no folder {self.root}", f"name the folder that holds {CONFIG_FILE}")
        refuse_links(self.state, writing=True)
        if os.path.lexists(self.state) and not self.state.is_dir():
            raise _path_conflict(self.state, f"a folder: Penguin keeps its records in {STATE_DIR}/")
        try:
            self._make_state()
            restrict_to_owner(self.state)
            ignore = self.state / IGNORE_FILE
            if not ignore.exists():
                write_private(ignore, IGNORE_TEXT)
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from error
        if not os.access(self.state, os.W_OK | os.X_OK):
            raise self._refused("it is read-only")

    @property
    def is_new(self) -> bool:
        """Return whether `.penguin/` is missing or has never held any data."""
        try:
            return set(os.listdir(self.state)) <= {IGNORE_FILE}
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def _make_state(self) -> None:
        from penguin.orchestration.files.workspace_key import create_state, mark_state

        if not os.path.lexists(self.state):
            create_state(self.name, os.fspath(self.state), {IGNORE_FILE: IGNORE_TEXT})
        if self.is_new:
            mark_state(self.name, os.fspath(self.state))

    def _refused(self, reason: str) -> WorkflowError:
        hint = f"make {self.root} writable, or work on a copy: Penguin keeps its records in {STATE_DIR}/"
        return WorkflowError(f"can't write {self.state}: {reason}", hint)


def project_id_of(root: Path) -> str:
    """Return the default project id of a folder: its name, without characters that are not allowed."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", root.name).strip("-_")[:100] or "project"


def write_new(path: Path, text: str) -> bool:
    """Write a file and its folders, unless it exists. Return whether it was written.

    Raises WorkflowError if it can't be written, or if something that is no file has its name.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        if path.is_file():
            return False
        if path.parent.is_dir():
            raise _path_conflict(path, "a file") from None
        raise _path_conflict(path.parent, "a folder") from None
    except OSError as error:
        raise WorkflowError(f"can't write {path}: {error.strerror or error}", f"make {path.parent} writable") from error
    return True


def _path_conflict(path: Path, wanted: str) -> WorkflowError:
    from penguin.orchestration.files.occupied_path import file_kind, move_command

    return WorkflowError(f"{path} is {file_kind(path)}, not {wanted}", move_command(path))
