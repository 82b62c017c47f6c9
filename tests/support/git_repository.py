"""Git repositories, and git as a user runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, without the environment's settings for git; return its output."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, env=environment)
    return done.stdout.decode("utf-8", "surrogateescape")


def make_repository(folder: Path) -> Path:
    """Make a repository with a tracked file, a tracked folder and a .gitignore."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "code.py").write_text("print(1)\n")
    (folder / "lib").mkdir()
    (folder / "lib" / "util.py").write_text("x = 1\n")
    (folder / ".gitignore").write_text("*.log\nbuild/\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    return folder
