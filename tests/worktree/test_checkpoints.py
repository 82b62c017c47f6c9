"""Checkpoints of the tree: included and excluded files, and kinds of repositories."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from tests.support.git_repository import git, make_repository
from tests.worktree.workflow_tree import Workflow

from penguin.orchestration.worktree import NoRepository, digest
from penguin.orchestration.worktree.checkpoints import drop_checkpoints


def test_untracked_files_are_included_and_ignored_ones_are_not(workflow: Workflow, repository: Path) -> None:
    (repository / "new.py").write_text("x")
    (repository / "noise.log").write_text("x")
    (repository / "__pycache__").mkdir()
    (repository / "__pycache__" / "code.pyc").write_text("x")
    workflow.begin()
    assert workflow.files("start") == [".gitignore", "code.py", "lib/util.py", "new.py"]


def test_the_parent_is_the_previous_checkpoint(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    for name in ("1-implement", "2-test", "10-use", "10-use-approved", "11-verify"):
        workflow.keep(name)
    assert workflow.names() == ["start", "1-implement", "2-test", "10-use", "10-use-approved", "11-verify"]
    ref = "refs/penguin/ituv-a-000001/11-verify"
    messages = git(repository, "log", "--format=%s", ref).split("\n")
    assert messages[:3] == [f"penguin ituv-a-000001 {name}" for name in ("11-verify", "10-use-approved", "10-use")]
    assert messages[5] == "penguin ituv-a-000001 start"
    assert git(repository, "rev-parse", f"{ref}~6") == git(repository, "rev-parse", "HEAD")


def test_changes_and_removals_are_included(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    (repository / "code.py").write_text("print(2)\n")
    shutil.rmtree(repository / "lib")
    commit = workflow.keep("1-implement").commit
    assert git(repository, "show", f"{commit}:code.py") == "print(2)\n"
    assert workflow.files("1-implement") == [".gitignore", "code.py"]


def test_index_branch_and_files_are_unchanged(workflow: Workflow, repository: Path) -> None:
    hook = repository / ".git" / "hooks" / "reference-transaction"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    git(repository, "config", "commit.gpgSign", "true")
    git(repository, "config", "core.logAllRefUpdates", "always")
    (repository / "code.py").write_text("print(2)\n")
    (repository / "new.py").write_text("x")
    status, index = git(repository, "status", "--porcelain"), (repository / ".git" / "index").read_bytes()
    workflow.begin()
    assert workflow.keep("1-implement").commit
    assert (repository / ".git" / "index").read_bytes() == index
    assert git(repository, "status", "--porcelain") == status
    assert git(repository, "log", "--format=%s", "HEAD") == "start\n"
    assert not (repository / ".git" / "logs" / "refs" / "penguin").exists()


def test_no_git_identity_is_needed(workflow: Workflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", os.fspath(tmp_path / "nobody"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Someone Else")
    monkeypatch.setenv("GIT_INDEX_FILE", os.fspath(tmp_path / "elsewhere"))
    workflow.begin()
    format = "--format=%an <%ae> %cn"
    assert git(workflow.workspace, "log", "-1", format, "refs/penguin/ituv-a-000001/start") == (
        "Penguin <penguin@localhost> Penguin\n"
    )


def test_large_and_secret_files_are_left_out_and_named(workflow: Workflow, repository: Path) -> None:
    (repository / ".env.local").write_text("secret")
    (repository / "lib" / "my.key").write_text("secret")
    with (repository / "large.bin").open("wb") as file:
        file.truncate(10_000_001)
    (repository / "grows.txt").write_text("small")
    workflow.begin()
    kept = workflow.keep("1-implement")
    assert kept.left_out == (".env.local", "large.bin", "lib/my.key")
    assert "grows.txt" in workflow.files("1-implement")
    with (repository / "grows.txt").open("wb") as file:
        file.truncate(10_000_001)
    assert workflow.keep("2-test").left_out == (".env.local", "grows.txt", "large.bin", "lib/my.key")
    assert "grows.txt" not in workflow.files("2-test")


def test_tracked_files_are_included_with_any_name(workflow: Workflow, repository: Path) -> None:
    (repository / ".env.example").write_text("a")
    git(repository, "add", ".")
    workflow.begin()
    (repository / ".env.example").write_text("b")
    kept = workflow.keep("1-implement")
    assert kept.left_out == ()
    assert git(repository, "show", f"{kept.commit}:.env.example") == "b"


def test_at_most_twenty_names_are_listed(workflow: Workflow, repository: Path) -> None:
    for number in range(30):
        (repository / f".env{number}").write_text("x")
    assert len(workflow.keep("1-implement").left_out) == digest.MAX_NAMED


def test_unusual_file_names(workflow: Workflow, repository: Path) -> None:
    for name in (b"line\nbreak", b"latin\xe9", b"-dash", b":(top)", b'quo"te', b" blank "):
        (repository / os.fsdecode(name)).write_text("x")
        (repository / os.fsdecode(name + b".key")).write_text("x")
    kept = workflow.keep("1-implement")
    assert {"line\nbreak", "latin\udce9", "-dash", ":(top)", 'quo"te', " blank "} < set(workflow.files("1-implement"))
    assert {"line\\x0abreak.key", "latin\\xe9.key"} < set(kept.left_out)
    for name in (b"line\nbreak", b"latin\xe9", b"-dash", b":(top)"):
        (repository / os.fsdecode(name)).unlink()
    workflow.keep("2-test")
    assert [name for name in workflow.files("2-test") if name.startswith(("line", "latin", "-", ":"))] == []


def test_links_and_special_files(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    (repository / "dangling").symlink_to("nowhere")
    os.mkfifo(repository / "pipe")
    (repository / "code.py").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(repository / "code.py"))
        kept = workflow.keep("1-implement")
    assert kept.left_out == ("code.py",)
    assert workflow.files("1-implement") == [".gitignore", "dangling", "lib/util.py"]


def test_a_folder_that_becomes_a_link_and_a_file_that_becomes_a_folder(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    (repository / "lib").rename(repository / "library")
    (repository / "lib").symlink_to("library")
    (repository / "code.py").unlink()
    (repository / "code.py").mkdir()
    (repository / "code.py" / "inner.py").write_text("x")
    assert workflow.keep("1-implement").left_out == ()
    assert workflow.files("1-implement") == [".gitignore", "code.py/inner.py", "lib", "library/util.py"]


def test_nested_repositories_are_left_out_and_submodules_are_commits(
    workflow: Workflow, repository: Path, tmp_path: Path
) -> None:
    make_repository(repository / "nested")
    other = make_repository(tmp_path / "other")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", os.fspath(other), "module")
    assert workflow.keep("1-implement").left_out == ("nested/",)
    git(repository / "module", "commit", "-q", "--allow-empty", "-m", "further")
    commit = workflow.keep("2-test").commit
    assert git(repository, "rev-parse", f"{commit}:module") == git(repository / "module", "rev-parse", "HEAD")


def test_a_file_that_git_cannot_store_is_named(workflow: Workflow, repository: Path) -> None:
    git(repository, "config", "filter.broken.clean", "false")
    git(repository, "config", "filter.broken.required", "true")
    (repository / ".gitattributes").write_text("*.bad filter=broken\n")
    for number in range(5):
        (repository / f"{number}.bad").write_text("x")
        (repository / f"{number}.good").write_text("x")
    kept = workflow.keep("1-implement")
    assert kept.left_out == tuple(f"{number}.bad" for number in range(5))
    assert {f"{number}.good" for number in range(5)} < set(workflow.files("1-implement"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(workflow: Workflow, repository: Path) -> None:
    (repository / "closed.txt").write_text("x")
    (repository / "closed.txt").chmod(0)
    assert workflow.keep("1-implement").left_out == ("closed.txt",)


def test_locks_of_a_killed_git_are_ignored(workflow: Workflow) -> None:
    workflow.begin()
    for name in ("tree.index.lock", "checkpoint.index.lock"):
        (workflow.folder / name).touch()
    assert workflow.tree.digest()
    assert workflow.keep("1-implement").commit


def test_a_merge_in_progress_is_saved_as_files(workflow: Workflow, repository: Path) -> None:
    git(repository, "checkout", "-qb", "side")
    (repository / "code.py").write_text("side\n")
    git(repository, "commit", "-qam", "side")
    git(repository, "checkout", "-q", "-")
    (repository / "code.py").write_text("main\n")
    git(repository, "commit", "-qam", "main")
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "side")
    commit = workflow.keep("1-implement").commit
    assert "<<<<<<<" in git(repository, "show", f"{commit}:code.py")
    assert workflow.tree.digest()
    assert "UU code.py" in git(repository, "status", "--porcelain")


# --- where a workspace may be ---


def test_a_workspace_in_a_subfolder_saves_only_its_files(repository: Path, tmp_path: Path) -> None:
    workflow = Workflow(repository / "lib", tmp_path / "runs" / "ituv-a-000001")
    (repository / "outside.txt").write_text("x")
    (repository / "code.py").write_text("outside\n")
    before = workflow.tree.digest()
    workflow.begin()
    (repository / "lib" / "new.py").write_text("x")
    (repository / "lib" / "util.py").write_text("x = 2\n")
    (repository / "lib" / "my.key").write_text("x")
    kept = workflow.keep("1-implement")
    assert kept.left_out == ("my.key",)
    assert workflow.files("1-implement") == ["new.py", "util.py"], "as git shows them there"
    assert git(repository, "show", f"{kept.commit}:code.py") == "print(1)\n"
    assert workflow.tree.changed(before, workflow.tree.digest()) == ("util.py",)


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "first.py").write_text("x")
    workflow = Workflow(folder, tmp_path / "runs" / "ituv-a-000001")
    workflow.begin()
    assert workflow.files("start") == ["first.py"]
    assert workflow.keep("1-implement").commit


def test_a_detached_head(workflow: Workflow, repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    workflow.begin()
    assert git(repository, "rev-parse", "refs/penguin/ituv-a-000001/start~1") == git(repository, "rev-parse", "HEAD")


def test_linked_worktrees_do_not_share_checkpoints(workflow: Workflow, repository: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(repository, "worktree", "add", "-q", os.fspath(linked))
    other = Workflow(linked, tmp_path / "linked-runs" / "ituv-a-000001")
    (linked / "there.py").write_text("x")
    workflow.begin()
    other.begin()
    other.keep("1-implement")
    assert (workflow.names(), other.names()) == (["start"], ["start", "1-implement"])
    assert "there.py" in other.files("start")
    assert "there.py" not in workflow.files("start")
    drop_checkpoints(linked, "ituv-a-000001")
    assert (workflow.names(), other.names()) == (["start"], [])


def test_a_repository_of_sha256(tmp_path: Path) -> None:
    folder = tmp_path / "modern"
    folder.mkdir()
    git(folder, "init", "-q", "--object-format=sha256")
    (folder / "first.py").write_text("x")
    workflow = Workflow(folder, tmp_path / "runs" / "ituv-a-000001")
    workflow.begin()
    (folder / "first.py").unlink()
    workflow.keep("1-implement")
    assert workflow.files("1-implement") == []


# --- dropping ---


def test_dropping_deletes_all_refs_of_the_workflow(workflow: Workflow, repository: Path, tmp_path: Path) -> None:
    other = Workflow(repository, tmp_path / "runs" / "ituv-a-0000012")
    workflow.begin()
    workflow.keep("1-implement")
    other.begin()
    drop_checkpoints(repository, "ituv-a-000001")
    refs = git(repository, "for-each-ref", "--format=%(refname)", "refs/penguin").split()
    assert refs == ["refs/penguin/ituv-a-0000012/start"]


def test_a_new_start_with_the_same_id_drops_old_checkpoints(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    workflow.keep("4-verify")
    shutil.rmtree(workflow.folder)
    workflow.begin()
    assert workflow.names() == ["start"]


def test_without_a_repository(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    workflow = Workflow(folder, tmp_path / "runs" / "ituv-a-000001")
    workflow.begin()
    assert not workflow.checkpoints.has_start
    with pytest.raises(NoRepository):
        workflow.keep("1-implement")
    drop_checkpoints(folder, "ituv-a-000001")


def test_refs_and_messages_of_other_programs_may_be_in_any_encoding(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    refs = "refs/penguin/ituv-a-000001"
    commit = (
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit-tree", f"{refs}/start^{{tree}}"],
            cwd=repository,
            input=b"subject\n\nbody \xff\xfe\n",
            capture_output=True,
            check=True,
        )
        .stdout.decode()
        .strip()
    )
    git(repository, "update-ref", f"{refs}/1-implement", commit)
    git(repository, "update-ref", f"{refs}/" + os.fsdecode(b"\xff"), commit)
    git(repository, "update-ref", f"{refs}/\u2028", commit)
    assert workflow.names() == ["start", "1-implement"]
    drop_checkpoints(repository, "ituv-a-000001")
    assert workflow.names() == []
