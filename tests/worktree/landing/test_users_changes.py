"""Files of the user that are in the way of a landing: nothing moves, and the message names them and what to type."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.worktree.landing.landing_process import killed_landing
from tests.worktree.landing.users_repository import UsersRepository, landed, status, writing

from penguin.orchestration.worktree.landing import LandingRequest, land, recover
from penguin.orchestration.worktree.landing.outcomes import Refused, Unfinished

Act = Callable[[UsersRepository], object]


@pytest.fixture
def user(tmp_path: Path) -> UsersRepository:
    return UsersRepository(tmp_path)


def request_of(user: UsersRepository) -> LandingRequest:
    """Land a change of one file, a new one, one that is ignored, and a deletion."""

    def change(top: Path) -> None:
        writing(code__py="print(2)\n", new="new\n")(top)
        (top / ".gitignore").write_text("")
        (top / ".env").write_text("from the work\n")
        (top / "lib" / "util.py").unlink()

    return replace(user.work(change), branch=user.target("current"))


def stage(user: UsersRepository) -> None:
    user.write("code.py", "staged\n")
    user.git("add", "code.py")


def stage_and_restore(user: UsersRepository) -> None:
    stage(user)
    user.write("code.py", "print(1)\n")


def intend(user: UsersRepository) -> None:
    user.write("new", "mine\n")
    user.git("add", "--intent-to-add", "new")


def hide(option: str) -> Act:
    def act(user: UsersRepository) -> None:
        user.git("update-index", option, "code.py")
        user.write("code.py", "hidden\n")

    return act


def replace_by_link(user: UsersRepository) -> None:
    (user.top / "lib").rename(user.folder / "elsewhere")
    (user.top / "lib").symlink_to(user.folder / "elsewhere")


def fold(user: UsersRepository) -> None:
    (user.top / "code.py").unlink()
    user.write("code.py/inner", "mine\n")


IN_THE_WAY: dict[str, tuple[Act, bytes]] = {
    "changed": (lambda user: user.write("code.py", "mine\n"), b"code.py"),
    "staged": (stage, b"code.py"),
    "staged alone": (stage_and_restore, b"code.py"),
    "changed, to be deleted": (lambda user: user.write("lib/util.py", "mine\n"), b"lib/util.py"),
    "deleted": (lambda user: (user.top / "code.py").unlink(), b"code.py"),
    "deleted and staged": (lambda user: user.git("rm", "-q", "code.py"), b"code.py"),
    "removed from the index": (lambda user: user.git("rm", "-q", "--cached", "code.py"), b"code.py"),
    "executable": (lambda user: (user.top / "code.py").chmod(0o755), b"code.py"),
    "untracked": (lambda user: user.write("new", "mine\n"), b"new"),
    "untracked folder": (lambda user: user.write("new/inner", "mine\n"), b"new/inner"),
    "intent to add": (intend, b"new"),
    "ignored": (lambda user: user.write(".env", "secret\n"), b".env"),
    "assume-unchanged": (hide("--assume-unchanged"), b"code.py"),
    "skip-worktree": (hide("--skip-worktree"), b"code.py"),
    "folder behind a link": (replace_by_link, b"lib/util.py"),
    "folder in place of a file": (fold, b"code.py"),
    "broken link": (lambda user: (user.top / "new").symlink_to("nowhere"), b"new"),
    "named pipe": (lambda user: os.mkfifo(user.top / "new"), b"new"),
}


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_a_file_in_the_way_stops_the_landing(user: UsersRepository, case: str) -> None:
    act, path = IN_THE_WAY[case]
    request = request_of(user)
    act(user)
    before = user.traces() if case != "named pipe" else {}
    outcome = land(request)
    assert isinstance(outcome, Refused)
    assert outcome.paths == (path,)
    assert os.fsdecode(path) in outcome.reason
    assert outcome.hint == "commit, stash or move these files, then /workflow resume"
    assert user.tip(request.branch) == request.base
    assert case == "named pipe" or user.traces() == before
    assert list(user.top.glob(".git/index.lock")) == []


@pytest.mark.parametrize("case", ["changed", "staged", "deleted", "untracked", "intent to add"])
def test_after_a_stash_the_work_lands(user: UsersRepository, case: str) -> None:
    request = request_of(user)
    IN_THE_WAY[case][0](user)
    assert isinstance(land(request), Refused)
    if case == "intent to add":
        user.git("rm", "-q", "--cached", "new")
    user.git("stash", "push", "-q", "--include-untracked")
    landed(land(request))
    assert status(user.top) == ""
    assert user.git("stash", "list").count("\n") == 1


def test_files_with_new_times_are_not_in_the_way(user: UsersRepository) -> None:
    request = request_of(user)
    os.utime(user.top / "code.py", (1, 1))
    (user.top / "code.py").chmod(0o600)
    landed(land(request))
    assert user.read("code.py") == "print(2)\n"


def test_a_sparse_checkout_stays_sparse(user: UsersRepository) -> None:
    user.write("far/away", "1\n")
    user.commit("far")
    user.git("sparse-checkout", "set", "lib")
    request = replace(user.work(writing(far___away="2\n", code__py="print(2)\n")), branch=user.target("current"))
    landed(land(request))
    assert not (user.top / "far").exists()
    assert user.read("code.py") == "print(2)\n"
    assert status(user.top) == ""
    user.git("sparse-checkout", "disable")
    assert user.read("far/away") == "2\n"


def test_a_file_that_an_editor_saves_while_the_branch_moves_is_not_touched(user: UsersRepository) -> None:
    request = request_of(user)
    killed_landing(request, "landing.move.after")
    user.write("code.py", "saved a moment ago\n")
    for outcome in (land(request), recover(request.repository, request.folder)):
        assert isinstance(outcome, Unfinished)
        assert outcome.paths == (b"code.py",)
        assert "code.py" in outcome.reason
        assert user.read("code.py") == "saved a moment ago\n"
        assert not (user.top / "new").exists()
    (user.top / "code.py").rename(user.folder / "mine.py")
    landed(land(request))
    assert status(user.top) == ""
    user.is_whole()


def test_a_file_that_appears_in_the_way_while_the_branch_moves_is_not_touched(user: UsersRepository) -> None:
    request = request_of(user)
    killed_landing(request, "landing.move.after")
    user.write("new/inner", "mine\n")
    outcome = land(request)
    assert isinstance(outcome, Unfinished)
    assert outcome.paths == (b"new",)
    assert user.read("new/inner") == "mine\n"
    (user.top / "new").rename(user.folder / "mine")
    landed(land(request))
    assert status(user.top) == ""


def test_an_interrupted_landing_continues_after_a_person_removed_its_lock(user: UsersRepository) -> None:
    request = request_of(user)
    killed_landing(request, "landing.place.after")
    (user.top / ".git" / "index.lock").unlink()
    landed(land(request))
    assert status(user.top) == ""
    user.is_whole()


def test_a_person_who_removed_the_lock_and_went_on_is_left_alone(user: UsersRepository) -> None:
    request = request_of(user)
    killed_landing(request, "landing.place.after")
    (user.top / ".git" / "index.lock").unlink()
    user.git("reset", "-q", "--hard")
    user.write("code.py", "mine\n")
    user.git("add", "code.py")
    landed(land(request))
    assert status(user.top) == "M  code.py\n"
    user.is_whole()


def test_a_worktree_that_was_removed_meanwhile_is_no_longer_needed(user: UsersRepository) -> None:
    request = replace(request_of(user), branch=user.target())
    user.git("worktree", "add", "-q", str(user.folder / "linked"), request.branch)
    killed_landing(request, "landing.move.after")
    user.git("worktree", "remove", "--force", "--force", str(user.folder / "linked"))
    landed(land(request))
    user.is_whole()
