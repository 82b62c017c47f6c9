"""Targets of files that go from place to place: checkpoints in a git repository, and copies of the database."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random

from tests.fuzz.mutation import as_bytes, mutate_bytes, mutate_text
from tests.fuzz.sandbox import WORKFLOWS, Sandbox
from tests.fuzz.targets import Target
from tests.support.git_repository import git, make_repository

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.worktree.checkpoints import Checkpoints, drop_checkpoints
from penguin.orchestration.worktree.diff import workflow_diff

NAMES = ("start", "1-implement", "2-test-approved", "3-restore", "4-before", "999-verify")
BODY = "subject\n\n9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"
MISSING = "start git: not found\n2-test no space left\n"


def _checkpoints(dice: Random) -> tuple[str, ...]:
    """Return the name of a checkpoint, its message, and the file of those that are missing."""
    name, body = dice.choice(NAMES), mutate_bytes(dice, BODY.encode()).decode("utf-8", "surrogateescape")
    name = mutate_text(dice, name)[:200] if dice.random() < 0.5 else name
    return name, body, mutate_text(dice, MISSING)


def _repository(sandbox: Sandbox) -> Path:
    folder = sandbox.root / "repository"
    if not folder.exists():
        make_repository(folder)
        (folder / ".penguin" / "runs" / WORKFLOWS[0]).mkdir(parents=True)
    return folder


def _check_checkpoints(sandbox: Sandbox, given: tuple[str, ...]) -> None:
    name, body, missing = (*given, "", "", "")[:3]
    folder = _repository(sandbox)
    run = folder / ".penguin" / "runs" / WORKFLOWS[0]
    (run / "checkpoint.missing").write_bytes(as_bytes(missing))
    (run / "checkpoint.start").write_bytes(as_bytes(body))
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit-tree", "HEAD^{tree}"]
    made = subprocess.run(command, cwd=folder, input=as_bytes(body), capture_output=True, check=False).stdout
    ref = f"refs/penguin/{WORKFLOWS[0]}/{name}".encode("utf-8", "surrogatepass").replace(b"\0", b"")
    # git refuses most odd names: then only the message and the file are odd.
    subprocess.run([b"git", b"update-ref", ref, made.strip()], cwd=folder, capture_output=True, check=False)
    checkpoints = Checkpoints(folder, run)
    sandbox.may_start_git = True
    try:
        with sandbox.watch():
            checkpoints.all()
            checkpoints.missing()
            try:
                b"".join(workflow_diff(folder, run).text())
            except WorkflowError:
                return
            finally:
                drop_checkpoints(folder, WORKFLOWS[0])
    finally:
        sandbox.may_start_git = False
        git(folder, "for-each-ref", "refs/penguin")


def _damage(dice: Random) -> str:
    """Return a number that chooses the damage of a copy."""
    return str(dice.randrange(2**32))


def _check_backup(sandbox: Sandbox, seed: str) -> None:
    """Back the database up, damage the copy, and use it in place of the database."""
    if not seed.isascii() or not seed.isdigit():
        return
    sandbox.dirty = True
    sandbox.run("-c", "/backup copy.db")
    data = (sandbox.folder / "copy.db").read_bytes()
    for ending in ("", "-wal", "-shm"):
        (sandbox.state / f"penguin.db{ending}").unlink(missing_ok=True)
    dice = Random(int(seed))
    (sandbox.state / "penguin.db").write_bytes(_damaged(dice, data))
    for line in ("/workflow list", "/workflow status quick", "/backup again.db", "/snapshot list"):
        sandbox.run("-c", line, may_start_git=True)
    sandbox.run("check")
    sandbox.run("--detach", "-c", "/workflow feedback after x", may_start_git=True)


def _damaged(dice: Random, data: bytes) -> bytes:
    page = 4096 * dice.randrange(len(data) // 4096 + 1)
    match dice.randrange(4):
        case 0:
            return data[: dice.randrange(len(data))]
        case 1:
            return data[:page] + bytes(4096) + data[page + 4096 :]
        case 2:
            return data[:page] + data[page + 4096 :]
        case _:
            at = dice.choice((dice.randrange(100), dice.randrange(len(data))))
            return data[:at] + dice.randbytes(dice.choice((1, 8, 200))) + data[at + 1 :]


TARGETS = (
    Target("checkpoints", _checkpoints, _check_checkpoints, 2, slow=True),
    Target("backup", _damage, _check_backup, 3),
)
