"""Landings while the user does something else with the repository: other commands, other branches, other landings."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from subprocess import CalledProcessError

import pytest
from tests.support.waiting import wait_until
from tests.worktree.landing.landing_process import killed_landing, start_landing
from tests.worktree.landing.users_repository import (
    TARGET,
    UsersRepository,
    fails,
    land_with_gates,
    landed,
    status,
    writing,
)

from penguin.orchestration.worktree.git import Repository
from penguin.orchestration.worktree.landing import LandingRequest, land, prepare_target
from penguin.orchestration.worktree.landing.index_lock import IndexLock
from penguin.orchestration.worktree.landing.outcomes import Busy, Conflict, LandingRefused, NothingToLand, Refused

Act = Callable[[UsersRepository], object]


@pytest.fixture
def user(tmp_path: Path) -> UsersRepository:
    """A user whose branches `main` and `topic` conflict."""
    user = UsersRepository(tmp_path)
    user.git("switch", "-qc", "topic")
    user.write("other.py", "topic\n")
    user.commit("topic")
    user.git("switch", "-q", "main")
    user.write("other.py", "main\n")
    user.commit("main")
    user.write("other.py", "main again\n")
    user.commit("again")
    return user


def on_main(user: UsersRepository) -> LandingRequest:
    return replace(user.work(writing(code__py="print(2)\n")), branch=user.target("current"))


def conflicting(*command: str) -> Act:
    def act(user: UsersRepository) -> None:
        with suppress(CalledProcessError):
            user.git(*command)

    return act


def apply_mail(user: UsersRepository) -> None:
    patch = user.git("format-patch", "-1", "--stdout", "topic")
    (user.folder / "patch").write_text(patch)
    conflicting("am", "-q", os.fspath(user.folder / "patch"))(user)


UNDER_WAY: dict[str, tuple[Act, tuple[str, ...], str]] = {
    "merge": (conflicting("merge", "topic"), ("merge", "--abort"), "a merge is under way"),
    "rebase": (conflicting("rebase", "topic"), ("rebase", "--abort"), "a rebase of main is under way"),
    "cherry-pick": (conflicting("cherry-pick", "topic"), ("cherry-pick", "--abort"), "a cherry-pick is under way"),
    "revert": (conflicting("revert", "HEAD~1"), ("revert", "--abort"), "a revert is under way"),
    "am": (apply_mail, ("am", "--abort"), "a rebase or git am is under way"),
}


@pytest.mark.parametrize("case", UNDER_WAY)
def test_a_command_under_way_is_waited_for(user: UsersRepository, case: str) -> None:
    start, abort, reason = UNDER_WAY[case]
    request = on_main(user)
    start(user)
    before, tip = user.traces(), user.tip("main")
    told: list[str] = []
    outcome = land_with_gates(replace(request, on_wait=told.append))
    assert isinstance(outcome, Busy)
    assert reason in outcome.reason
    assert "git status" in outcome.hint
    assert told == [outcome.reason]
    assert (user.tip("main"), user.traces()) == (tip, before)
    user.git(*abort)
    landed(land_with_gates(request))
    assert status(user.top) == ""
    user.is_whole()


def test_a_rebase_in_a_linked_worktree_is_waited_for(user: UsersRepository) -> None:
    linked = user.folder / "linked"
    user.git("branch", TARGET)
    user.git("worktree", "add", "-q", os.fspath(linked), TARGET)
    fails(linked, "-c", "user.name=t", "-c", "user.email=t@example.org", "rebase", "topic")
    outcome = land(user.work(writing(code__py="print(2)\n")))
    assert isinstance(outcome, Busy)
    assert f"a rebase of {TARGET}" in outcome.reason


def test_a_bisect_goes_on_and_ends_at_the_new_tip(user: UsersRepository) -> None:
    request = on_main(user)
    user.git("bisect", "start", "HEAD", "HEAD~2")
    before = user.traces()
    landed(land(request))
    assert user.traces() | {"refs": []} == before | {"refs": []}
    user.git("bisect", "reset")
    assert user.read("code.py") == "print(2)\n"
    assert status(user.top) == ""


def test_a_detached_head_has_no_current_branch(user: UsersRepository) -> None:
    user.git("switch", "-q", "--detach")
    with pytest.raises(LandingRefused, match="HEAD is detached") as refused:
        user.target("current")
    assert "git switch" in refused.value.hint
    user.target()
    landed(land(user.work(writing(a="1"))))


def test_a_lock_of_another_command_is_waited_for(user: UsersRepository) -> None:
    request = on_main(user)
    lock = user.top / ".git" / "index.lock"
    lock.write_bytes(b"DIRC")
    told: list[str] = []
    outcome = land(replace(request, wait=0.2, on_wait=told.append))
    assert isinstance(outcome, Busy)
    assert f"rm {lock}" in outcome.hint
    assert told == [f"another git command holds {lock}"]
    assert lock.read_bytes() == b"DIRC"
    assert user.tip("main") == request.base

    def remove(reason: str) -> None:
        lock.unlink()

    landed(land(replace(request, wait=60, on_wait=remove)))
    assert status(user.top) == ""


def test_no_git_command_interferes_between_the_check_and_the_move(user: UsersRepository) -> None:
    request = on_main(user)
    lock = IndexLock.take

    def take(self: IndexLock) -> bool:
        taken = lock(self)
        for command in (("commit", "--allow-empty", "-m", "x"), ("switch", "topic"), ("stash",), ("reset", "--hard")):
            user.write("other.py", "mine\n")
            fails(user.top, "-c", "user.name=t", "-c", "user.email=t@t", *command)
            assert user.read("other.py") == "mine\n"
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IndexLock, "take", take)
        landed(land(request))
    assert status(user.top) == " M other.py\n"


def test_a_branch_that_is_deleted_or_renamed_is_refused(user: UsersRepository) -> None:
    user.target()
    request = user.work(writing(a="1"))
    user.git("branch", "-m", TARGET, "renamed")
    outcome = land(request)
    assert isinstance(outcome, Refused)
    assert outcome.reason == f"the branch {TARGET} no longer exists"
    command = outcome.hint.partition(",")[0].split()
    user.git(*command[1:])
    landed(land(request))


def test_what_the_user_dropped_from_the_branch_does_not_come_back(user: UsersRepository) -> None:
    user.target()
    landed(land(user.work(writing(dropped="1"), workflow="w1")))
    for style in ("squash", "merge"):
        request = user.work(writing(**{style: "2"}), workflow=f"w-{style}", base=f"{TARGET}")
        user.git("branch", "-f", TARGET, "main")
        landed(land_with_gates(replace(request, style=style)))
        assert "dropped" not in user.files(TARGET)
        assert user.files(TARGET)[style] == "2"
        assert user.git("rev-list", "--count", f"main..{TARGET}").strip() == "1"
        user.git("branch", "-f", TARGET, request.base)


def test_the_users_commit_in_between_is_kept(user: UsersRepository) -> None:
    request = on_main(user)
    user.write("mine.py", "1\n")
    mine = user.commit("mine")
    assert landed(land_with_gates(request)).parent == mine
    assert user.read("mine.py") == "1\n"
    assert status(user.top) == ""


def test_a_change_that_the_user_made_too_is_nothing_to_land(user: UsersRepository) -> None:
    request = on_main(user)
    user.write("code.py", "print(2)\n")
    tip = user.commit("mine")
    assert land(request) == NothingToLand("main", tip)


@contextmanager
def switch_under_way(user: UsersRepository) -> Iterator[None]:
    """Let the user switch to the target: git has read the tip, and writes files until the branch has moved."""
    user.git("switch", "-q", TARGET)
    user.write(".gitattributes", "slow filter=slow\n")
    user.write("slow", "1\n")
    user.commit("slow")
    user.git("switch", "-q", "main")
    ref = user.top / ".git" / "refs" / "heads" / TARGET
    wait = f"while grep -q {user.tip()} {ref}; do touch {user.folder}/begun; sleep 0.02; done; cat"
    user.git("config", "filter.slow.smudge", wait)
    with subprocess.Popen(["git", "switch", "-q", TARGET], cwd=user.top) as process:
        wait_until((user.folder / "begun").exists, "the filter")
        yield
        assert process.wait() == 0


@pytest.mark.parametrize("failpoint", ["", "landing.late.after", "landing.place.after"])
def test_a_switch_to_the_branch_while_it_moves_gets_the_new_files(user: UsersRepository, failpoint: str) -> None:
    user.target()
    with switch_under_way(user):
        request = user.work(writing(code__py="print(2)\n"), base=TARGET)
        if failpoint:
            killed_landing(request, failpoint)
        landed(land(request))
    assert user.git("branch", "--show-current").strip() == TARGET
    assert status(user.top) == ""
    assert user.read("code.py") == "print(2)\n"
    user.is_whole()


def test_two_landings_race(user: UsersRepository) -> None:
    """Each lands in the end, one after the other; the loser of a race merges again."""
    user.target()
    requests = [user.work(writing(**{f"file{number}": "1"}), workflow=f"w{number}") for number in range(4)]
    waiting = requests
    while waiting:
        processes = [start_landing(request) for request in waiting]
        outcomes = [process.communicate()[0].strip() for process in processes]
        assert set(outcomes) <= {"Landed", "Moved", "GatesNeeded"}
        waiting = [one for one, outcome in zip(waiting, outcomes, strict=True) if outcome != "Landed"]
        for number, request in enumerate(waiting):
            merged = land(request)
            tree = getattr(merged, "tree", request.passed_tree)
            waiting[number] = replace(request, passed_tree=tree)
        waiting = [request for request in waiting if not _has_landed(user, request)]
    assert user.git("rev-list", "--count", f"main..{TARGET}").strip() == "4"
    assert {f"file{number}" for number in range(4)} <= user.files(TARGET).keys()
    user.is_whole()


def _has_landed(user: UsersRepository, request: LandingRequest) -> bool:
    return request.text.workflow_id in user.git("log", "--format=%B", TARGET)


def test_two_landings_race_for_one_checkout(user: UsersRepository) -> None:
    name = user.target("current")
    requests = [
        replace(user.work(writing(**{f"file{number}": "1"}), workflow=f"w{number}"), branch=name, wait=60)
        for number in range(3)
    ]
    processes = [start_landing(request) for request in requests]
    assert {process.communicate()[0].strip() for process in processes} <= {"Landed", "Moved", "GatesNeeded", "Busy"}
    for request in requests:
        landed(land_with_gates(request))
    assert status(user.top) == ""
    assert user.git("rev-list", "--count", f"{requests[0].base}..main").strip() == "3"
    user.is_whole()


def test_the_target_is_created_at_head_and_follows_it_while_it_holds_nothing_else(user: UsersRepository) -> None:
    repository = Repository(user.top)
    assert prepare_target(repository, TARGET) == (TARGET, user.tip("HEAD"), 0)
    user.write("a", "1")
    second = user.commit("second")
    assert prepare_target(repository, TARGET) == (TARGET, second, 0)
    landed(land(user.work(writing(b="1"))))
    tip = user.tip()
    user.write("c", "1")
    user.commit("third")
    assert prepare_target(repository, TARGET) == (TARGET, tip, 1)


def test_a_target_that_is_checked_out_does_not_follow(user: UsersRepository) -> None:
    tip = user.tip("HEAD")
    user.target()
    user.git("worktree", "add", "-q", os.fspath(user.folder / "linked"), TARGET)
    user.write("a", "1")
    user.commit("second")
    assert prepare_target(Repository(user.top), TARGET) == (TARGET, tip, 1)


@pytest.mark.parametrize("name", ["main/below", "bad..name", "-dash", "with space", "x.lock"])
def test_a_name_that_is_no_branch_is_refused(user: UsersRepository, name: str) -> None:
    with pytest.raises(LandingRefused) as refused:
        user.target(name)
    assert "land.branch" in refused.value.hint


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    user = UsersRepository(tmp_path)
    user.git("checkout", "-q", "--orphan", "empty")
    with pytest.raises(LandingRefused, match="no commit yet"):
        user.target()


def test_a_worktree_whose_folder_is_missing_is_refused(user: UsersRepository) -> None:
    user.target()
    user.git("worktree", "add", "-q", os.fspath(user.folder / "linked"), TARGET)
    (user.folder / "linked").rename(user.folder / "moved")
    request = user.work(writing(a="1"))
    outcome = land(request)
    assert isinstance(outcome, Refused)
    assert "git worktree prune" in outcome.hint
    user.git("worktree", "prune")
    landed(land(request))


def test_a_conflict_with_the_users_commit_moves_nothing(user: UsersRepository) -> None:
    request = on_main(user)
    user.write("code.py", "mine\n")
    tip = user.commit("mine")
    before = user.traces()
    assert isinstance(land(request), Conflict)
    assert (user.tip("main"), user.traces()) == (tip, before)
