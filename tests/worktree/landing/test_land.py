"""A landing on a branch that is not checked out, and on one that is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.landing.users_repository import (
    SECONDS,
    TARGET,
    WORKFLOW,
    UsersRepository,
    land_with_gates,
    landed,
    status,
    writing,
)

from penguin.orchestration.worktree.landing import land, recover
from penguin.orchestration.worktree.landing.landing_commit import CommitText, Identity
from penguin.orchestration.worktree.landing.outcomes import Conflict, GatesNeeded, NothingToLand, Refused


@pytest.fixture
def user(tmp_path: Path) -> UsersRepository:
    return UsersRepository(tmp_path)


def test_a_landing_moves_the_branch_and_nothing_else(user: UsersRepository) -> None:
    user.target()
    user.write("code.py", "the user's own change\n")
    user.write("untracked.txt", "mine\n")
    before, base = user.traces(), user.tip()
    outcome = landed(land(user.work(writing(code__py="print(2)\n"))))
    assert outcome == (TARGET, user.tip(), base)
    assert user.files(TARGET)["code.py"] == "print(2)\n"
    assert user.traces() == before
    user.is_whole()


def test_the_commit_has_title_workflow_evidence_and_trailers(user: UsersRepository) -> None:
    user.target()
    title = "Add a\nmodel \x1b[31mfor users, " + "with many words " * 10
    request = user.work(writing(a="1"))
    landed(land(replace(request, text=CommitText(title, WORKFLOW, "sha256:1234"))))
    subject, _, body = user.git("log", "-1", "--format=%B", TARGET).partition("\n\n")
    assert len(subject) <= 72
    assert subject.startswith("Add a model [31mfor users, with many")
    assert subject.endswith("…")
    assert "sha256:1234" in body
    trailers = user.git("log", "-1", "--format=%(trailers:only)", TARGET)
    assert trailers.strip() == f"Penguin-Workflow: {WORKFLOW}\nPenguin-Tree: {request.passed_tree}"
    assert user.git("log", "-1", "--format=%an %ae %cn %at", TARGET).strip() == f"Ada ada@example.org Ada {SECONDS}"


def test_a_title_without_spaces_is_cut_and_an_empty_one_is_the_workflow(user: UsersRepository) -> None:
    user.target()
    for number, (title, subject) in enumerate((("x" * 100, "x" * 71 + "…"), ("\n", "ituv-e"), ("é" * 72, "é" * 72))):
        request = user.work(writing(a=str(number)), workflow=f"w{number}", base=TARGET)
        landed(land(replace(request, text=CommitText(title, "ituv-e", ""))))
        assert user.git("log", "-1", "--format=%s", TARGET).strip() == subject


def test_another_author_and_the_merge_style(user: UsersRepository) -> None:
    user.target()
    request = user.work(writing(a="1"))
    landed(land(replace(request, style="merge", author=Identity("Bot", "bot@example.org"))))
    assert user.git("log", "-1", "--format=%an %cn %P", TARGET).split() == ["Bot", "Ada", request.base, request.work]


def test_a_branch_that_moved_needs_the_gates_on_the_merged_tree(user: UsersRepository) -> None:
    user.target()
    first, second = user.work(writing(a="1"), workflow="w1"), user.work(writing(b="2"), workflow="w2")
    landed(land(first))
    outcome = land(second)
    assert isinstance(outcome, GatesNeeded)
    assert outcome.commits == 1
    assert user.tip() == outcome.tip
    landed(land(replace(second, passed_tree=outcome.tree)))
    assert user.git("rev-parse", f"{TARGET}^{{tree}}").strip() == outcome.tree
    assert user.git("log", "--format=%p", "--merges", TARGET) == ""


def test_a_conflict_has_both_sides(user: UsersRepository) -> None:
    user.target()
    first = user.work(writing(code__py="print(2)\n", new="1"), workflow="w1")
    second = user.work(writing(code__py="print(3)\n", new="2"), workflow="w2")
    landed(land(first))
    tip, outcome = user.tip(), land(second)
    assert isinstance(outcome, Conflict)
    code, new = outcome.files
    assert (code.path, new.path, new.base) == (b"code.py", b"new", None)
    sides = (user.git("cat-file", "blob", side.object) for side in (code.base, code.branch, code.work) if side)
    assert list(sides) == ["print(1)\n", "print(2)\n", "print(3)\n"]
    assert user.tip() == tip


def test_an_empty_change_is_nothing_to_land(user: UsersRepository) -> None:
    user.target()
    assert land(user.work(lambda top: None)) == NothingToLand(TARGET, user.tip())
    landed(land(user.work(writing(a="1"), workflow="w1")))
    assert land(user.work(writing(a="1"), workflow="w2")) == NothingToLand(TARGET, user.tip())


def test_a_landing_that_is_repeated_lands_once(user: UsersRepository) -> None:
    user.target()
    request = user.work(writing(a="1"))
    first = landed(land(request))
    landed(land(user.work(writing(b="1"), workflow="other", base=TARGET)))
    assert land(request) == first
    assert recover(request.repository, request.folder) == first
    assert user.git("rev-list", "--count", f"HEAD..{TARGET}").strip() == "2"


def test_the_checkout_of_the_branch_follows(user: UsersRepository) -> None:
    name = user.target("current")

    def change(top: Path) -> None:
        writing(code__py="print(2)\n", new___file="n\n")(top)
        (top / "lib" / "util.py").unlink()
        (top / "code.py").chmod(0o755)

    user.write("other.py", "the user's own change\n")
    user.write("mine.log", "ignored\n")
    user.write("untracked.txt", "mine\n")
    landed(land(replace(user.work(change), branch=name)))
    assert user.read("code.py") == "print(2)\n"
    assert (user.top / "code.py").stat().st_mode & 0o777 == 0o755
    assert user.read("new/file") == "n\n"
    assert not (user.top / "lib").exists()
    assert user.read("other.py") == "the user's own change\n"
    assert user.read("mine.log") == "ignored\n"
    assert status(user.top).splitlines() == [" M other.py", "?? untracked.txt"]
    user.is_whole()


def test_the_new_index_knows_the_times_of_the_new_files(user: UsersRepository) -> None:
    name = user.target("current")
    landed(land(replace(user.work(writing(code__py="print(2)\n")), branch=name)))
    assert user.git("diff-files") == ""


def test_a_checkout_in_a_linked_worktree_follows(user: UsersRepository) -> None:
    user.target()
    linked = user.folder / "linked tree"
    user.git("worktree", "add", "-q", str(linked), TARGET)
    before = user.traces()
    landed(land(user.work(writing(code__py="print(2)\n"))))
    assert (linked / "code.py").read_text() == "print(2)\n"
    assert status(linked) == ""
    assert user.traces() == before
    user.is_whole()


def test_the_checkouts_in_two_worktrees_follow(user: UsersRepository) -> None:
    user.target()
    for name in ("one", "two"):
        user.git("worktree", "add", "-q", "--force", str(user.folder / name), TARGET)
    landed(land(user.work(writing(code__py="print(2)\n"))))
    assert [status(user.folder / name) for name in ("one", "two")] == ["", ""]


def test_work_in_a_linked_worktree_of_a_bare_repository_lands(tmp_path: Path) -> None:
    user = UsersRepository(tmp_path)
    git(tmp_path, "clone", "-q", "--bare", str(user.top), "bare.git")
    git(tmp_path / "bare.git", "worktree", "add", "-q", str(tmp_path / "tree"), "main")
    user.top = tmp_path / "tree"
    name = user.target("current")
    landed(land(replace(user.work(writing(code__py="print(2)\n")), branch=name)))
    assert status(user.top) == ""
    assert user.read("code.py") == "print(2)\n"


def test_a_bare_repository_is_refused_in_a_sentence(tmp_path: Path) -> None:
    user = UsersRepository(tmp_path)
    user.target()
    request = user.work(writing(a="1"))
    git(tmp_path, "clone", "-q", "--bare", str(user.top), "bare.git")
    outcome = land(replace(request, repository=type(request.repository)(tmp_path / "bare.git")))
    assert isinstance(outcome, Refused)
    assert "is not in the working tree" in outcome.reason
    assert outcome.hint


def test_two_hundred_files_land(user: UsersRepository) -> None:
    name = user.target("current")
    names = {f"folder{number % 7}___file{number}": f"{number}\n" for number in range(200)}
    landed(land(replace(user.work(writing(**names)), branch=name)))
    assert status(user.top) == ""
    assert user.read("folder3/file3") == "3\n"


def test_merges_by_the_attributes_of_the_branch(user: UsersRepository) -> None:
    user.write(".gitattributes", "CHANGES merge=union\n")
    user.write("CHANGES", "first\n")
    user.commit("attributes")
    user.target()
    first = user.work(writing(CHANGES="first\nsecond\n"), workflow="w1")
    second = user.work(writing(CHANGES="first\nthird\n"), workflow="w2")
    user.write(".gitattributes", "")
    landed(land(first))
    landed(land_with_gates(second))
    assert sorted(user.files(TARGET)["CHANGES"].split()) == ["first", "second", "third"]
