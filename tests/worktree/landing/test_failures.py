"""Landings that can't write, hooks that fail, an old git: a sentence, and nothing lost."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.landing.landing_process import start_landing
from tests.worktree.landing.users_repository import (
    TARGET,
    WORKFLOW,
    UsersRepository,
    land_with_gates,
    landed,
    status,
    writing,
)

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.worktree.landing import land
from penguin.orchestration.worktree.landing.landing_commit import Identity, parse_identity
from penguin.orchestration.worktree.landing.outcomes import Busy, Conflict, Landed, Refused, Unfinished


@pytest.fixture
def user(tmp_path: Path) -> UsersRepository:
    return UsersRepository(tmp_path)


@pytest.mark.parametrize("limit", [0, 60, 400, 1000, 5000, 20_000])
def test_a_full_disk_loses_nothing(user: UsersRepository, limit: int) -> None:
    """No process may write a file larger than the limit."""
    branch = user.target("current")
    text = "".join(f"{number}\n" for number in range(1000))
    request = replace(user.work(writing(code__py=text, new=text)), branch=branch)
    user.write("other.py", "the user's own change\n")
    before = user.traces()
    with start_landing(request, file_size=limit) as process:
        outcome, errors = process.communicate()
    assert outcome.strip() in ("Landed", "Refused", "Unfinished"), errors
    if outcome.strip() == "Refused":
        assert user.traces() == before
    landed(land(request))
    assert status(user.top) == " M other.py\n"
    assert user.read("new") == text
    user.is_whole()


@pytest.mark.parametrize("method", ["hardlink_to", "mkdir", "write_bytes", "replace", "rename", "unlink"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_write_that_fails_loses_nothing(
    user: UsersRepository, monkeypatch: pytest.MonkeyPatch, method: str, count: int
) -> None:
    def change(top: Path) -> None:
        writing(code__py="print(2)\n", deep___er___new="1\n")(top)
        (top / "lib" / "util.py").unlink()

    request = replace(user.work(change), branch=user.target("current"))
    user.write("other.py", "the user's own change\n")
    before = user.traces()
    with monkeypatch.context() as patch:
        patch.setattr(Path, method, _fail_once(getattr(Path, method), count))
        outcome = land(request)
    if isinstance(outcome, Refused):
        assert user.traces() == before
    if not isinstance(outcome, Landed):
        assert isinstance(outcome, Refused | Unfinished)
        assert "No space left on device" in outcome.reason
        assert outcome.hint
    landed(land(request))
    assert status(user.top) == " M other.py\n"
    user.is_whole()


def _fail_once(real: Callable[..., object], count: int) -> Callable[..., object]:
    """Return a function that fails when it is called for the COUNTth time."""
    calls = itertools.count(1)

    def function(self: Path, *arguments: object, **options: object) -> object:
        if next(calls) == count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(self))
        return real(self, *arguments, **options)

    return function


def test_files_on_another_disk_than_the_index_are_copied(
    user: UsersRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def rename_within_a_folder(self: Path, target: Path) -> Path:
        if "files" in self.parts:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(self, target)

    def change(top: Path) -> None:
        writing(code__py="print(2)\n", new___file="1")(top)
        (top / "link").symlink_to("code.py")

    request = replace(user.work(change), branch=user.target("current"))
    monkeypatch.setattr(Path, "rename", rename_within_a_folder)
    landed(land(request))
    assert status(user.top) == ""
    assert user.read("link") == "print(2)\n"
    user.is_whole()


def test_the_users_hooks_do_not_run(user: UsersRepository) -> None:
    branch = user.target("current")
    request = replace(user.work(writing(code__py="print(2)\n")), branch=branch)
    hooks = user.top / ".git" / "hooks"
    names = ("reference-transaction", "post-index-change", "pre-commit", "commit-msg", "post-checkout", "post-merge")
    for name in names:
        hook = hooks / name
        hook.write_text(f"#!/bin/sh\ntouch {user.folder}/ran\nexit 1\n")
        hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    landed(land(request))
    assert not (user.folder / "ran").exists()
    assert status(user.top) == ""


def test_the_reflog_says_what_moved_the_branch(user: UsersRepository) -> None:
    branch = user.target("current")
    outcome = landed(land(replace(user.work(writing(code__py="print(2)\n")), branch=branch)))
    for ref in ("main", "HEAD"):
        assert user.git("reflog", "-1", "--format=%gs", ref).strip() == f"penguin: land {outcome.commit[:12]}"


def test_a_lock_of_the_branch_is_named(user: UsersRepository) -> None:
    user.target()
    request = user.work(writing(a="1"))
    lock = user.top / ".git" / "refs" / "heads" / f"{TARGET}.lock"
    lock.touch()
    outcome = land(request)
    assert isinstance(outcome, Busy)
    assert "cannot lock ref" in outcome.reason
    subprocess.run(outcome.hint.partition("type: ")[2], shell=True, check=True)
    landed(land(request))


def test_work_whose_objects_are_gone_is_refused(user: UsersRepository) -> None:
    user.target()
    request = user.work(writing(a="1"))
    shutil.rmtree(request.objects.parents[1])
    outcome = land(request)
    assert isinstance(outcome, Refused)
    assert outcome.reason
    assert outcome.hint


def test_damaged_objects_do_not_reach_the_users_repository(user: UsersRepository) -> None:
    """The object folder of a clone belongs to its agent."""
    user.target()
    request = user.work(writing(a="good"))
    blob = git(request.objects, "rev-parse", f"{request.work}:a").strip()
    file = request.objects / blob[:2] / blob[2:]
    file.chmod(0o644)
    file.write_bytes(zlib.compress(b"blob 4\0evil"))
    before = user.traces()
    outcome = land(request)
    assert isinstance(outcome, Refused)
    assert outcome.reason
    assert user.traces() == before
    user.is_whole()


@pytest.mark.parametrize("name", [b".git", b"..", b"GIT~1"])
def test_a_tree_that_git_would_not_check_out_does_not_land(user: UsersRepository, name: bytes) -> None:
    user.target()
    request = user.work(writing(a="1"))
    blob = bytes.fromhex(git(request.objects, "rev-parse", f"{request.work}:a").strip())
    (request.folder / "tree").parent.mkdir(parents=True)
    (request.folder / "tree").write_bytes(b"100644 " + name + b"\0" + blob)
    tree = git(request.objects, "hash-object", "-w", "--literally", "-t", "tree", f"{request.folder}/tree").strip()
    work = git(request.objects, "commit-tree", "-p", request.base, "-m", "evil", tree).strip()
    outcome = land(replace(request, work=work, passed_tree=tree))
    assert isinstance(outcome, Refused)
    assert "fsck" in outcome.reason or "contains" in outcome.reason
    assert user.tip() == request.base


def test_a_damaged_record_is_named(user: UsersRepository) -> None:
    user.target()
    request = user.work(writing(a="1"))
    landed(land(request))
    record = request.folder / "landing.json"
    record.write_text(record.read_text()[:-5])
    outcome = land(request)
    assert isinstance(outcome, Refused)
    assert "damaged" in outcome.reason
    assert f"remove {record}" in outcome.hint


def test_a_gc_of_the_user_keeps_what_lands(user: UsersRepository) -> None:
    user.target()
    request = user.work(writing(a="1"))
    landed(land(request))
    shutil.rmtree(request.objects.parents[1])
    user.git("gc", "-q", "--prune=now")
    assert user.files(TARGET)["a"] == "1"
    assert user.git("rev-parse", f"refs/penguin/{WORKFLOW}/work").strip() == request.work
    user.is_whole()


@pytest.fixture
def old_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that knows neither `merge-tree --write-tree` nor `worktree list -z`, as before 2.36."""
    found = shutil.which("git")
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    script.write_text(
        "#!/bin/sh\n"
        "for word; do case $word in --write-tree) old=$old.a;; -z) old=$old.b;; worktree) old=w$old;; esac; done\n"
        'case $old in .a*|w.b) echo "usage: git" >&2; exit 129;; esac\n'
        f'exec {found} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("old_git")
def test_an_old_git_merges_path_by_path(user: UsersRepository) -> None:
    user.write("long.py", "".join(f"line {number}\n" for number in range(50)))
    user.commit("more")
    name = user.target("current")
    text = user.read("long.py")

    def change(top: Path) -> None:
        writing(long__py=text + "last\n", new="1")(top)
        (top / "lib" / "util.py").unlink()
        (top / os.fsdecode(b"-odd\n\xff")).write_text("1")

    request = replace(user.work(change), branch=name)
    user.write("long.py", "first\n" + text)
    user.commit("mine")
    landed(land_with_gates(request))
    assert user.read("long.py") == "first\n" + text + "last\n"
    assert not (user.top / "lib").exists()
    assert status(user.top) == ""
    user.is_whole()


@pytest.mark.usefixtures("old_git")
def test_an_old_git_names_conflicts_with_both_sides(user: UsersRepository) -> None:
    user.target()
    first = user.work(writing(code__py="print(2)\n", new="1", fine="1"), workflow="w1")
    second = user.work(writing(code__py="print(3)\n", new="2", lib___util__py="x = 2\n"), workflow="w2")
    landed(land(first))
    outcome = land(second)
    assert isinstance(outcome, Conflict)
    code, new = outcome.files
    assert (code.path, new.path, new.base) == (b"code.py", b"new", None)
    sides = (user.git("cat-file", "blob", side.object) for side in (code.base, code.branch, code.work) if side)
    assert list(sides) == ["print(1)\n", "print(2)\n", "print(3)\n"]


def test_the_author_is_read_strictly() -> None:
    assert parse_identity("Ada Lovelace <ada@example.org>") == Identity("Ada Lovelace", "ada@example.org")
    for text in ("", "Ada", "<a@b>", "Ada <>", "Ada\nx <a@b>", "Ada <a@b> x", "Ada <a b>"):
        with pytest.raises(WorkflowError, match=r"land\.author"):
            parse_identity(text)


def test_without_an_identity_penguin_is_the_author(user: UsersRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", os.fspath(user.folder))
    user.target()
    request = user.work(writing(a="1"))
    git(user.top, "config", "--unset", "user.name")
    git(user.top, "config", "user.email", "<>")
    landed(land(request))
    assert user.git("log", "-1", "--format=%an <%ae>", TARGET).strip() == "Penguin <penguin@localhost>"
