"""A landing in a process of its own, which a test kills: python -m tests.worktree.landing.landing_process REQUEST."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from penguin.orchestration.files import failpoints
from penguin.orchestration.worktree.git import Repository
from penguin.orchestration.worktree.landing import LandingRequest, land
from penguin.orchestration.worktree.landing.landing_commit import CommitText

_SIMPLE = ("branch", "work", "base", "passed_tree", "seconds", "refs", "style", "wait")
_ROOT = Path(__file__).parents[3]


def start_landing(request: LandingRequest, failpoint: str = "", file_size: int = -1) -> subprocess.Popen[str]:
    """Start the landing. It reports the type of the outcome on standard output.

    `file_size` is the largest number of bytes that it, and git, can write to a file.
    """
    values = {name: getattr(request, name) for name in _SIMPLE}
    values |= {name: os.fspath(getattr(request, name)) for name in ("objects", "folder")}
    values |= {"top": os.fspath(request.repository.workspace), "workflow": request.text.workflow_id}
    values |= {"failpoint": failpoint, "file_size": file_size}
    command = [sys.executable, "-m", __name__, json.dumps(values)]
    return subprocess.Popen(command, cwd=_ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def killed_landing(request: LandingRequest, failpoint: str) -> None:
    """Land in a process that dies at a failpoint."""
    with start_landing(request, failpoint) as process:
        output = process.communicate()
    assert process.returncode == -9, (failpoint, output)


def main() -> None:
    values = json.loads(sys.argv[1])
    # Not from the environment: git would inherit it.
    failpoints.arm(values["failpoint"])
    request = LandingRequest(
        repository=Repository(Path(values["top"])),
        objects=Path(values["objects"]),
        folder=Path(values["folder"]),
        text=CommitText("Add the thing", values["workflow"], "sha256:1234"),
        **{name: values[name] for name in _SIMPLE},
    )
    resource.setrlimit(resource.RLIMIT_FSIZE, (values["file_size"], resource.RLIM_INFINITY))
    print(type(land(request)).__name__)


if __name__ == "__main__":
    main()
