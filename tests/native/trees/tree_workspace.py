"""A git repository whose workflows work in trees."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.git_repository import git
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.worktree.trees.tree_folder import recorded_tree

BRANCH = "penguin/b"
"""The default target branch of the blueprint `b`."""


class TreeWorkspace(SampleWorkspace):
    """A workspace with `isolation: tree`. Each task writes the file that its description names."""

    isolation = "tree"

    def __init__(self, root: Path, **settings: Any) -> None:
        super().__init__(root, **settings)
        git(root, "init", "-q", "-b", "main")
        git(root, "config", "user.name", "Ada")
        git(root, "config", "user.email", "ada@example.org")
        (root / ".gitignore").write_text(".penguin/\n*.log\n.env\n")
        (root / "shared.txt").write_text("one\ntwo\nthree\n")
        self.tasks("a")
        self.commit("begin")

    def configure(self, **orchestration: Any) -> None:
        super().configure(**orchestration)
        path = self.root / "penguin.yaml"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"isolation": "tree"} | self._settings))

    def default_phases(self) -> dict[str, Any]:
        return {
            "implement": {"run": ['echo "$PENGUIN_TASK_ID" > "$PENGUIN_TASK_ID.txt"']},
            "test": {"run": ['test -f "$PENGUIN_TASK_ID.txt"']},
            "use": "skip",
            "verify": "skip",
        }

    def commit(self, subject: str) -> str:
        """Commit everything, and return the commit."""
        git(self.root, "add", ".")
        git(self.root, "commit", "-qm", subject)
        return self.tip("HEAD")

    def tip(self, name: str = BRANCH) -> str:
        return self.run("rev-parse", name).strip()

    def subjects(self, branch: str = BRANCH) -> list[str]:
        """Return the subjects of a branch, the oldest first."""
        return self.run("log", "--reverse", "--format=%s", branch).splitlines()

    def files(self, commit: str = BRANCH) -> set[str]:
        return set(self.run("ls-tree", "-r", "--name-only", commit).splitlines())

    def show(self, path: str, commit: str = BRANCH) -> str:
        return self.run("show", f"{commit}:{path}")

    def run(self, *arguments: str) -> str:
        """Return the output of git."""
        return subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True).stdout

    def work(self, workflow_id: str) -> Path:
        """Return the folder in which a workflow works."""
        tree = recorded_tree(Workspace(self.root).runs / workflow_id)
        assert tree is not None
        return tree.work
