"""Landings of files of all kinds into a checkout, through the user's own filters."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.landing.users_repository import (
    UsersRepository,
    files_of,
    land_with_gates,
    landed,
    status,
    writing,
)

from penguin.orchestration.worktree.git import Repository
from penguin.orchestration.worktree.landing import land
from penguin.orchestration.worktree.landing.outcomes import Refused

Change = Callable[[Path], object]


@pytest.fixture(params=["sha1", "sha256"])
def user(tmp_path: Path, request: pytest.FixtureRequest) -> UsersRepository:
    return UsersRepository(tmp_path, f"--object-format={request.param}")


def lands(user: UsersRepository, change: Change, workflow: str = "w1") -> None:
    """Land a change on the checkout: it is then what git checks out elsewhere."""
    landed(land(replace(user.work(change, workflow=workflow), branch=user.target("current"))))
    assert status(user.top) == ""
    fresh = user.folder / f"fresh-{workflow}"
    user.git("worktree", "add", "-q", "--detach", os.fspath(fresh), "HEAD")
    assert files_of(user.top) == files_of(fresh)
    user.git("worktree", "remove", "--force", os.fspath(fresh))
    user.is_whole()


def remove(top: Path, *names: str) -> None:
    for name in names:
        (top / name).unlink()
        if not any((top / name).parent.iterdir()):
            (top / name).parent.rmdir()


def test_a_file_becomes_a_folder_and_back(user: UsersRepository) -> None:
    def fold(top: Path) -> None:
        remove(top, "code.py")
        writing(code__py___deep___inner="1\n")(top)

    def unfold(top: Path) -> None:
        (top / "code.py" / "deep" / "inner").unlink()
        (top / "code.py" / "deep").rmdir()
        (top / "code.py").rmdir()
        (top / "code.py").write_text("a file again\n")

    lands(user, fold)
    (user.top / "code.py" / "empty").mkdir()
    lands(user, unfold, "w2")


def test_links_and_permissions(user: UsersRepository) -> None:
    def link(top: Path) -> None:
        remove(top, "code.py", "lib/util.py")
        (top / "code.py").symlink_to("other.py")
        (top / "lib").symlink_to("/nowhere")
        (top / "other.py").chmod(0o755)

    def unlink(top: Path) -> None:
        (top / "code.py").unlink()
        (top / "lib").unlink()
        writing(code__py="a file\n", lib___util__py="in a folder\n")(top)
        (top / "other.py").chmod(0o644)

    lands(user, link)
    assert (user.top / "lib").readlink() == Path("/nowhere")
    lands(user, unlink, "w2")


def test_odd_names(user: UsersRepository) -> None:
    names = [b"new\nline", b"-dash", b"--stdin", b"quote\"'", b"tab\t", b"\xff\xfe", b"*?[a]", b":(top)x", "é".encode()]
    names += [b"back\\slash", b" space ", b"folder\n/inner\xe9"]

    def change(top: Path) -> None:
        for name in names:
            path = top / os.fsdecode(name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(name)

    def again(top: Path) -> None:
        for number, name in enumerate(names):
            path = top / os.fsdecode(name)
            path.write_bytes(b"changed") if number % 2 else path.unlink()

    lands(user, change)
    lands(user, again, "w2")


def test_an_odd_name_in_the_way_is_shown_escaped(user: UsersRepository) -> None:
    request = user.work(lambda top: (top / os.fsdecode(b"new\n\xff")).write_text("1"))
    (user.top / os.fsdecode(b"new\n\xff")).write_text("mine")
    outcome = land(replace(request, branch=user.target("current")))
    assert isinstance(outcome, Refused)
    assert outcome.paths == (b"new\n\xff",)
    assert r"new\x0a\xff" in outcome.reason


def test_line_ends_are_those_of_the_users_checkout(user: UsersRepository) -> None:
    user.git("config", "core.autocrlf", "true")
    user.git("rm", "-q", "--cached", "-r", ".")
    user.git("reset", "-q", "--hard")
    lands(user, writing(code__py="one\ntwo\n"))
    assert (user.top / "code.py").read_bytes() == b"one\r\ntwo\r\n"


def test_new_attributes_apply_to_files_of_the_same_commit(user: UsersRepository) -> None:
    lands(user, writing(__gitattributes="*.txt eol=crlf\n", a__txt="1\n2\n"))
    assert (user.top / "a.txt").read_bytes() == b"1\r\n2\r\n"
    user.write("mine", "1")
    user.commit("mine")
    lands(user, writing(__gitattributes="*.txt -text\n", a__txt="1\n2\n3\n"), "w2")
    assert (user.top / "a.txt").read_bytes() == b"1\n2\n3\n"


def with_filter(user: UsersRepository, smudge: str) -> None:
    """Give the user a filter for `*.up` files, which are stored in upper case."""
    user.write(".gitattributes", "*.up filter=up\n")
    user.git("config", "filter.up.clean", "tr a-z A-Z")
    user.git("config", "filter.up.smudge", smudge)
    user.git("config", "filter.up.required", "true")
    user.write("a.up", "one\n")
    user.commit("filter")


def test_filters_are_those_of_the_user(user: UsersRepository) -> None:
    with_filter(user, "tr A-Z a-z")
    lands(user, writing(a__up="TWO\n", b__up="NEW\n"))
    assert (user.read("a.up"), user.read("b.up")) == ("two\n", "new\n")
    user.write("a.up", "tWo\n")
    assert status(user.top) == ""
    lands(user, writing(a__up="THREE\n"), "w2")
    assert user.read("a.up") == "three\n"


def test_the_settings_of_the_private_clone_mean_nothing(user: UsersRepository) -> None:
    with_filter(user, "tr A-Z a-z")
    request = replace(user.work(writing(a__up="TWO\n")), branch=user.target("current"))
    clone, evil = request.objects.parent, user.folder / "evil"
    command = f"touch {evil}; cat"
    for name in ("filter.up.smudge", "filter.up.clean", "core.fsmonitor", "uploadpack.packObjectsHook", "core.pager"):
        git(clone, "config", name, command)
    (clone / "info" / "attributes").write_text("* filter=up merge=evil\n")
    git(clone, "config", "merge.evil.driver", command)
    (clone / "hooks" / "pre-push").write_text(f"#!/bin/sh\n{command}\n")
    (clone / "hooks" / "pre-push").chmod(0o755)
    landed(land(request))
    assert user.read("a.up") == "two\n"
    assert not evil.exists()


def test_a_filter_that_fails_stops_the_landing_before_the_move(user: UsersRepository) -> None:
    with_filter(user, "tr A-Z a-z")
    branch = user.target("current")
    request = replace(user.work(writing(a__up="TWO\n", code__py="print(2)\n")), branch=branch)
    user.git("config", "filter.up.smudge", "false")
    before = user.traces()
    outcome = land(request)
    assert isinstance(outcome, Refused)
    assert "a.up" in outcome.reason
    assert user.traces() == before
    user.git("config", "filter.up.smudge", "tr A-Z a-z")
    landed(land(request))
    assert status(user.top) == ""


def test_submodules_get_their_new_commit_in_the_index_alone(user: UsersRepository) -> None:
    inner = UsersRepository(user.folder / "inner", f"--object-format={user.format}")
    for name in ("sub", "gone"):
        user.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", os.fspath(inner.top), name)
    user.commit("submodules")
    inner.write("code.py", "print(2)\n")
    new = inner.commit("second")
    # In the clone, submodules are empty folders, which `git add` leaves as they are.
    request = user.work(writing(code__py="print(2)\n"))
    clone = request.objects.parents[1]
    git(clone, "update-index", "--add", "--cacheinfo", f"160000,{new},sub", "--cacheinfo", f"160000,{new},added")
    git(clone, "rm", "-q", "--cached", "gone")
    git(clone, "commit", "-qm", "submodules")
    work, tree = git(clone, "rev-parse", "HEAD", "HEAD^{tree}").split()
    user.write("sub/code.py", "the user's own change\n")
    landed(land(replace(request, work=work, passed_tree=tree, branch=user.target("current"))))
    assert user.git("ls-files", "-s", "sub").split()[1] == new
    assert user.read("sub/code.py") == "the user's own change\n"
    assert user.read("gone/code.py") == "print(1)\n"
    assert (user.top / "added").is_dir()
    assert user.read("code.py") == "print(2)\n"


def test_a_submodule_becomes_files_and_back(user: UsersRepository) -> None:
    commit = user.tip("HEAD")

    def nest(top: Path) -> None:
        (top / "lib" / "util.py").unlink()
        git(top, "add", "-A")
        git(top, "update-index", "--add", "--cacheinfo", f"160000,{commit},lib")

    def unnest(top: Path) -> None:
        git(top, "rm", "-q", "--cached", "lib")
        writing(lib___util__py="x = 2\n")(top)

    name = user.target("current")
    landed(land(replace(user.work(nest, workflow="w1"), branch=name)))
    assert list((user.top / "lib").iterdir()) == []
    landed(land(replace(user.work(unnest, workflow="w2"), branch=name)))
    assert user.read("lib/util.py") == "x = 2\n"
    assert status(user.top) == ""


def test_files_do_not_take_the_place_of_a_submodule_that_is_checked_out(user: UsersRepository) -> None:
    inner = UsersRepository(user.folder / "inner", f"--object-format={user.format}")
    user.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", os.fspath(inner.top), "sub")
    user.commit("submodule")

    def unnest(top: Path) -> None:
        git(top, "rm", "-q", "--cached", "sub")
        writing(sub___new="1")(top)

    before = user.traces()
    outcome = land(replace(user.work(unnest), branch=user.target("current")))
    assert isinstance(outcome, Refused)
    assert b"sub/code.py" in outcome.paths
    assert user.traces() == before


def test_names_that_differ_in_case_alone_are_refused_where_they_are_one_file(user: UsersRepository) -> None:
    user.git("config", "core.ignoreCase", "true")
    branch = user.target("current")
    request = replace(user.work(writing(CODE__py="1", a="1")), branch=branch)
    before = user.traces()
    outcome = land(request)
    assert isinstance(outcome, Refused)
    assert outcome.paths == (b"CODE.py",)
    assert user.traces() == before
    user.git("config", "core.ignoreCase", "false")
    landed(land(request))


def test_a_file_system_without_permissions(user: UsersRepository) -> None:
    user.git("config", "core.fileMode", "false")
    for name in ("code.py", "other.py"):
        (user.top / name).chmod(0o777)
    landed(land(replace(user.work(writing(code__py="print(2)\n")), branch=user.target("current"))))
    assert user.read("code.py") == "print(2)\n"
    assert status(user.top) == ""


def test_renames_on_both_sides_merge(user: UsersRepository) -> None:
    user.write("long.py", "".join(f"line {number}\n" for number in range(50)))
    user.commit("long")
    name = user.target("current")
    request = user.work(lambda top: (top / "long.py").rename(top / "renamed.py"))
    user.write("long.py", "first\n" + user.read("long.py"))
    user.commit("mine")
    landed(land_with_gates(replace(request, branch=name)))
    assert user.read("renamed.py").startswith("first\nline 0\n")
    assert status(user.top) == ""


def test_shallow_clones_and_split_indexes(user: UsersRepository) -> None:
    user.write("more", "1")
    user.commit("more")
    git(user.folder, "clone", "-q", "--depth=1", user.top.as_uri(), "shallow")
    user.top = user.folder / "shallow"
    user.git("config", "core.splitIndex", "true")
    user.git("update-index", "--split-index")
    lands(user, writing(code__py="print(2)\n"))


def test_a_workspace_in_a_subfolder_lands_the_whole_tree(user: UsersRepository) -> None:
    name = user.target("current")
    request = user.work(writing(code__py="print(2)\n", lib___util__py="x = 2\n"))
    landed(land(replace(request, repository=Repository(user.top / "lib"), branch=name)))
    assert (user.read("code.py"), user.read("lib/util.py")) == ("print(2)\n", "x = 2\n")
    assert status(user.top) == ""
