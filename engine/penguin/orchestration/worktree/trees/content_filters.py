"""The filters of file contents, such as git-lfs: their definitions are those of the user when the tree was made.

Attributes name filters for files, and configuration defines them. git silently passes contents through unchanged if
a filter is not defined, or if one that is not `required` fails. Here both are errors.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.permissions import write_private
from penguin.orchestration.worktree.checkout import list_paths
from penguin.orchestration.worktree.git import Repository
from penguin.orchestration.worktree.trees.users_repository import GitFolder

_COMMANDS = ("clean", "smudge", "process")
_NONE = (b"unspecified", b"unset", b"set", b"")
"""Values of the attribute that name no filter."""
_PASS = "cat"
"""The command that passes contents through."""


class UnknownFilter(WorkflowError):
    """Attributes name a filter that is not defined, or that was not in use when the tree was made."""

    code = "unknown_filter"


class ContentFilters:
    """The filters that Penguin runs in the clones of a tree, by name."""

    def __init__(self, definitions: Mapping[str, Mapping[str, str]]) -> None:
        self.definitions = definitions

    @classmethod
    def defined_in(cls, git_dir: GitFolder) -> ContentFilters:
        """Read the definitions that hold in the user's repository."""
        found: dict[str, dict[str, str]] = {}
        for key, value in git_dir.settings:
            section, _, rest = key.partition(".")
            name, _, option = rest.rpartition(".")
            if section == "filter" and option in _COMMANDS and value:
                found.setdefault(name, {})[option] = value
        return cls(found)

    @classmethod
    def load(cls, path: Path) -> ContentFilters:
        """Read the definitions that were saved when the tree was made. Raises OSError and ValueError."""
        return cls(json.loads(path.read_bytes()))

    def save(self, path: Path) -> None:
        """Save the definitions for the life of the tree."""
        write_private(path, json.dumps(self.definitions).encode())

    def settings(self, git_dir: GitFolder) -> dict[str, str]:
        """Return settings with these definitions, and with no other one of the configuration."""
        now = ContentFilters.defined_in(git_dir).definitions
        found: dict[str, str] = {}
        for name in {*now, *self.definitions}:
            commands = self.definitions.get(name, {})
            rows = {"required": "true", **commands} if commands else {"required": "false"}
            if not commands.keys() & {"process"}:
                # A filter that lacks one of the two passes contents through.
                passing = _PASS if commands else ""
                rows = {"clean": passing, "smudge": passing, **rows}
            # Even an empty `process` takes the place of the other commands.
            off = dict.fromkeys(now.get(name, {}), "")
            found |= {f"filter.{name}.{option}": value for option, value in {**off, **rows}.items()}
        return found

    def check(self, named: Mapping[str, Collection[bytes]]) -> None:
        """Raise UnknownFilter for the first of these filters that has no definition. Values are the files."""
        for name in sorted(set(named).difference(self.definitions)):
            hint = "install git-lfs and run git lfs install" if name == "lfs" else f"git config filter.{name}.clean ..."
            raise UnknownFilter(
                f"attributes name the filter {name} for {list_paths(named[name])}, but no git configuration defines it",
                f"{hint}, and start the task again",
            )

    def programs(self, name: str) -> set[bytes]:
        """Return what can be files of the clone among the words of a filter's commands: git runs them from its top."""
        words = (word for command in self.definitions[name].values() for word in _words(command))
        return {os.fsencode(os.path.normpath(word)) for word in words}


NO_FILTERS = ContentFilters({})


def named_filters(repository: Repository, paths: Iterable[bytes], *, committed: bool) -> dict[str, list[bytes]]:
    """Return the filters that attributes name for these files, with the files of each.

    `committed`: the attributes are those in the index, not those of the files in the clone.
    """
    stdin = b"".join(path + b"\0" for path in paths)
    if not stdin:
        return {}
    cached = ("--cached",) if committed else ()
    fields = repository.run("check-attr", "-z", *cached, "--stdin", "filter", stdin=stdin).split(b"\0")
    found: dict[str, list[bytes]] = {}
    for path, value in zip(fields[::3], fields[2::3], strict=False):
        if value not in _NONE:
            found.setdefault(os.fsdecode(value), []).append(path)
    return found


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()
