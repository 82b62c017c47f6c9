"""The clone in which a workflow works: what it shows, what it shares, and what it leaves alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.support.git_repository import git, make_repository
from tests.worktree.trees.tree_maker import WORKFLOW, TreeMaker, files_of, fingerprint, make_tree

from penguin.orchestration.worktree.git import NoRepository
from penguin.orchestration.worktree.trees.clone_git import branch_name
from penguin.orchestration.worktree.trees.users_repository import BareRepository, NoCommit


def test_the_clone_is_at_the_base_on_a_branch_of_its_own(tree: TreeMaker, repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert git(tree.work, "rev-parse", "HEAD") == head
    assert git(tree.work, "symbolic-ref", "HEAD") == "refs/heads/penguin/a\n"
    assert git(tree.work, "status", "--porcelain", "--ignored") == ""
    assert git(repository, "rev-parse", f"refs/penguin/{WORKFLOW}/base") == head
    assert tree.clone.make().base == head.strip()


def test_it_shows_no_other_refs_tags_and_remotes(repository: Path, trees: Path) -> None:
    git(repository, "branch", "secret")
    git(repository, "tag", "v1")
    git(repository, "remote", "add", "origin", "https://example.org/x.git")
    git(repository, "commit", "-q", "--allow-empty", "-m", "the base")
    work = make_tree(repository, trees).work
    assert git(work, "for-each-ref", "--format=%(refname)") == "refs/heads/penguin/a\n"
    assert git(work, "remote") == ""
    assert git(work, "log", "--format=%s", "--all").split("\n")[:-1] == ["the base", "start"]
    git(work, "fsck")


def test_own_objects_are_those_of_the_base_alone(repository: Path, trees: Path) -> None:
    base = git(repository, "rev-parse", "HEAD").strip()
    (repository / "code.py").write_text("the later fix\n")
    git(repository, "commit", "-qam", "later")
    later = git(repository, "rev-parse", "HEAD").strip()
    tree = TreeMaker(repository, trees)
    tree.clone.make(base, own_objects=True)
    git(tree.work, "fsck")
    assert (tree.work / "code.py").read_text() == "print(1)\n"
    with pytest.raises(subprocess.CalledProcessError):
        git(tree.work, "cat-file", "-e", later)
    assert not (tree.work / ".git/objects/info/alternates").exists()


def test_the_users_repository_is_as_it_was(repository: Path, trees: Path) -> None:
    (repository / "code.py").write_text("uncommitted\n")
    (repository / "new.py").write_text("untracked\n")
    hook = repository / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {trees.parent}/hook-ran\n")
    hook.chmod(0o755)
    git(repository, "config", "init.templateDir", str(trees.parent / "template"))
    before = fingerprint(repository)
    tree = make_tree(repository, trees)
    (tree.work / "code.py").write_text("work\n")
    tree.check(tree.save().commit)
    assert fingerprint(repository) == before
    assert not (trees.parent / "hook-ran").exists()
    assert (tree.work / "code.py").read_text() == "work\n"


def test_a_garbage_collection_leaves_the_clones_whole(repository: Path, trees: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "later")
    tree = make_tree(repository, trees)
    git(repository, "reset", "-q", "--hard", "HEAD~1")
    (tree.work / "code.py").write_text("work\n")
    check = tree.check(tree.save().commit)
    git(repository, "reflog", "expire", "--expire=now", "--all")
    git(repository, "gc", "-q", "--prune=now")
    for clone in (tree.work, check.path, repository):
        git(clone, "fsck", "--strict")
        git(clone, "log", "--stat")


def test_the_agent_cannot_move_the_users_refs(tree: TreeMaker, repository: Path) -> None:
    before = git(repository, "for-each-ref")
    (tree.work / "code.py").write_text("work\n")
    git(tree.work, "commit", "-qam", "work")
    git(tree.work, "branch", "main-of-the-agent")
    git(tree.work, "gc", "-q", "--force")
    assert git(repository, "for-each-ref") == before


def test_a_clone_is_made_once(tree: TreeMaker) -> None:
    (tree.work / "code.py").write_text("work\n")
    tree.clone.make()
    assert (tree.work / "code.py").read_text() == "work\n"


def test_a_clone_that_was_deleted_is_made_again_at_its_base(tree: TreeMaker, repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    git(repository, "commit", "-q", "--allow-empty", "-m", "later")
    subprocess.run(["rm", "-r", str(tree.work)], check=True)
    assert not tree.clone.exists
    tree.clone.make()
    assert git(tree.work, "rev-parse", "HEAD") == base


def test_a_workspace_in_a_subfolder_keeps_its_place(tmp_path: Path, trees: Path) -> None:
    workspace = make_repository(tmp_path / "repository") / "lib"
    tree = make_tree(workspace, trees)
    assert tree.clone.workspace == tree.work / "lib"
    (tree.clone.workspace / "util.py").write_text("x = 2\n")
    (tree.work / "code.py").write_text("outside of the workspace\n")
    (tree.clone.workspace / "secret").mkdir()
    (tree.clone.workspace / "secret/a").write_text("1")
    saved = tree.save(exclude=("secret/",))
    assert saved.left_out == ("lib/secret/a",)
    assert git(workspace, "diff", "--name-only", "HEAD", saved.commit).split() == ["code.py", "lib/util.py"]


def test_a_linked_worktree_has_trees(repository: Path, tmp_path: Path, trees: Path) -> None:
    linked = tmp_path / "linked"
    git(repository, "worktree", "add", "-q", str(linked))
    tree = make_tree(linked, trees)
    (tree.work / "code.py").write_text("work\n")
    saved = tree.save()
    assert (tree.check(saved.commit).path / "code.py").read_text() == "work\n"
    refs = git(repository, "for-each-ref", "--format=%(refname)", "refs/penguin").split()
    assert refs == [f"refs/penguin/{WORKFLOW}/worktrees/linked/{name}" for name in ("1-implement", "base")]


def test_a_repository_without_a_commit_is_refused(tmp_path: Path, trees: Path) -> None:
    git(tmp_path, "init", "-q", "empty")
    with pytest.raises(NoCommit, match="has no commit yet") as refused:
        make_tree(tmp_path / "empty", trees)
    assert "git commit" in refused.value.hint


def test_a_bare_repository_is_refused(tmp_path: Path, trees: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare")
    tree = tmp_path / "bare"
    with pytest.raises(BareRepository, match="is bare"):
        make_tree(tree, trees)


def test_a_folder_outside_of_git_is_refused(tmp_path: Path, trees: Path) -> None:
    with pytest.raises(NoRepository):
        make_tree(tmp_path, trees)


def test_an_unknown_base_is_refused(repository: Path, trees: Path) -> None:
    with pytest.raises(NoCommit, match="no commit nothing"):
        TreeMaker(repository, trees).clone.make("nothing")


@pytest.mark.parametrize("task", ["a", "a.b", "x.lock", "A-1_b"])
def test_every_task_id_has_a_branch(repository: Path, task: str) -> None:
    git(repository, "check-ref-format", "--branch", branch_name(task))


def test_files_of_all_kinds_and_names(repository: Path, trees: Path) -> None:
    odd = ["-x", "ä", "a\nb", "a\tb", 'q"q', "back\\slash", "blank ", b"\xff\xfe".decode("utf-8", "surrogateescape")]
    for name in odd:
        (repository / name).write_text(name.encode("utf-8", "surrogateescape").hex())
    (repository / "run").write_text("#!/bin/sh\n")
    (repository / "run").chmod(0o755)
    (repository / "link").symlink_to("lib/util.py")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "odd")
    tree = make_tree(repository, trees)
    for name in odd:
        assert (tree.work / name).read_text() == name.encode("utf-8", "surrogateescape").hex()
    assert (tree.work / "run").stat().st_mode & 0o111
    assert (tree.work / "link").is_symlink()
    more = tree.work / b"\xfd".decode("utf-8", "surrogateescape")
    more.write_text("new")
    saved = tree.save()
    assert len(files_of(repository, saved.commit)) == len(files_of(repository, "HEAD")) + 1
    assert tree.check(saved.commit).changed_files() == ()


def test_the_users_programs_do_not_run_in_the_clone(repository: Path, trees: Path) -> None:
    hooks = trees.parent / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text(f"#!/bin/sh\ntouch {trees.parent}/ran\n")
    (hooks / "pre-commit").chmod(0o755)
    git(repository, "config", "core.hooksPath", str(hooks))
    git(repository, "config", "commit.gpgSign", "true")
    git(repository, "config", "user.name", "A User")
    tree = make_tree(repository, trees)
    git(tree.work, "commit", "-q", "--allow-empty", "-m", "agent")
    tree.check(tree.save().commit)
    assert not (trees.parent / "ran").exists()
    assert git(tree.work, "config", "--local", "user.name") == "A User\n"


def test_a_checkout_in_the_middle_of_something(repository: Path, trees: Path) -> None:
    """Nothing of the user's checkout is used: neither its index, nor its lock, nor its branch."""
    git(repository, "checkout", "-q", "--detach")
    (repository / ".git/index.lock").write_bytes(b"")
    (repository / ".git/index").write_bytes(b"broken")
    (repository / ".git/rebase-merge").mkdir()
    tree = make_tree(repository, trees)
    (tree.work / "code.py").write_text("work\n")
    assert tree.check(tree.save().commit).changed_files() == ()
    assert (repository / ".git/index").read_bytes() == b"broken"


def test_a_repository_in_a_folder_with_an_odd_name(tmp_path: Path, trees: Path) -> None:
    tree = make_tree(make_repository(tmp_path / '-a "b"\n\\c #'), trees)
    git(tree.work, "fsck")
    (tree.work / "code.py").write_text("work\n")
    check = tree.check(tree.save().commit)
    assert git(check.path, "status", "--porcelain") == ""
    assert check.changed_files() == ()
