"""The shared remote: what is pushed, who may push, and what is refused."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.git_clones import NEXT, WORKFLOW, Clone, pushed, writing
from tests.worktree.test_restore import contents

from penguin.orchestration.worktree.checkpoints import drop_checkpoints
from penguin.orchestration.worktree.sync.sync import PushRejected, RemoteUnreachable, SyncRefused, TreeSync

# --- what is pushed ---


def test_a_late_word_of_a_tree_that_lost_the_workflow_is_refused(one: Clone, two: Clone, bare: Path) -> None:
    one.bring()
    one.attempt(1, writing(made__py="1\n"))
    two.bring(1)
    two.attempt(2, writing(made__py="2\n"))
    with pytest.raises(PushRejected, match=r"2-implement\): it continues elsewhere"):
        one.attempt(2, writing(made__py="late\n"))
    assert git(bare, "show", f"refs/penguin/{WORKFLOW}/2-implement:made.py") == "2\n"
    own = git(one.workspace, "rev-parse", f"refs/penguin/{WORKFLOW}/2-implement").strip()
    other = git(bare, "rev-parse", f"refs/penguin/{WORKFLOW}/2-implement").strip()
    assert one.sharing.is_here(WORKFLOW, 2, own)
    assert not one.sharing.is_here(WORKFLOW, 2, other)
    assert two.sharing.is_here(WORKFLOW, 2, other)
    one.sharing.claim(WORKFLOW)
    one.sharing.push(WORKFLOW)
    assert git(bare, "show", f"refs/penguin/{WORKFLOW}/2-implement:made.py") == "late\n"


def test_a_push_whose_end_was_not_noted_is_ours(one: Clone) -> None:
    one.bring()
    one.attempt(1, writing(made__py="1\n"))
    note = one.runs / WORKFLOW / "checkpoint.remote"
    before = note.read_text()
    one.attempt(2, writing(made__py="2\n"))
    note.write_text(before)
    one.attempt(2, writing(made__py="again\n"))
    one.sharing.push(WORKFLOW)


def test_secrets_large_and_ignored_files_never_leave(one: Clone, two: Clone, bare: Path) -> None:
    one.write(".env", "SECRET=1")
    one.write("noise.log", "noise")

    def work(workspace: Path) -> None:
        (workspace / "made.key").write_text("SECRET=2")
        (workspace / "grows").write_text("small")
        with (workspace / "large").open("wb") as file:
            file.truncate(10_000_001)

    one.bring()
    one.attempt(1, work)
    with (one.workspace / "grows").open("wb") as file:
        file.truncate(10_000_001)
    digest = one.attempt(2, phase="test")
    listed = git(bare, "rev-list", "--objects", "--all", "--filter=blob:limit=1m", "--filter-print-omitted")
    assert not any(line.startswith("~") for line in listed.splitlines())
    blobs = [line.split()[0] for line in listed.splitlines() if len(line.split()) > 1]
    texts = [git(bare, "cat-file", "-p", blob) for blob in blobs if git(bare, "cat-file", "-t", blob) == "blob\n"]
    assert not any("SECRET" in text or "noise" in text for text in texts)
    two.bring(2)
    assert not (two.workspace / "made.key").exists()
    assert two.tree().digest() != digest
    for name in ("made.key", "large", "grows"):
        shutil.copy2(one.workspace / name, two.workspace / name)
    two.bring(2)
    again = make_again(two)
    assert again.tree().digest() == digest


def make_again(clone: Clone) -> Clone:
    """Return the same clone without its records of the workflow."""
    shutil.rmtree(clone.runs)
    clone.bring(2)
    return clone


def test_nothing_but_the_workflows_refs_is_pushed(one: Clone, bare: Path) -> None:
    git(one.workspace, "tag", "-a", "v1", "-m", "v1")
    git(one.workspace, "config", "push.followTags", "true")
    hook = one.top / ".git" / "hooks" / "pre-push"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    one.bring()
    one.attempt(1)
    one.attempt(1, workflow_id=NEXT, push=False)
    one.sharing.push(WORKFLOW)
    assert pushed(bare) == [f"refs/penguin/{WORKFLOW}/1-implement", f"refs/penguin/{WORKFLOW}/start"]


def test_where_nothing_is_new_the_remote_is_not_asked(one: Clone, bare: Path) -> None:
    one.bring()
    one.attempt(1)
    shutil.rmtree(bare)
    one.sharing.push(WORKFLOW)
    assert one.sharing.is_here(WORKFLOW, 1)


def test_dropped_checkpoints_are_gone_with_all_that_travels(one: Clone, two: Clone) -> None:
    one.bring()
    one.attempt(1, writing(made__py="x"))
    assert two.sharing.fetch(WORKFLOW)
    assert (two.runs / WORKFLOW).is_dir()
    drop_checkpoints(two.workspace, WORKFLOW)
    assert git(two.workspace, "for-each-ref", "refs/penguin") == ""


def test_looking_at_a_workflow_brings_no_file(one: Clone, two: Clone) -> None:
    one.bring()
    one.attempt(1, writing(made__py="x"))
    before = contents(two.workspace)
    assert two.sharing.fetch(WORKFLOW)
    assert not two.sharing.fetch(NEXT)
    assert two.names() == ["start", "1-implement"]
    assert not two.sharing.is_here(WORKFLOW, 1)
    assert contents(two.workspace) == before


def test_records_that_were_deleted_leave_nothing_in_the_way(one: Clone, bare: Path) -> None:
    one.bring()
    one.attempt(1)
    one.attempt(2, phase="test")
    shutil.rmtree(one.runs)
    git(one.workspace, "update-ref", "-d", f"refs/penguin/{WORKFLOW}/2-test")
    one.bring()
    one.attempt(1, writing(made__py="x"))
    assert pushed(bare) == [f"refs/penguin/{WORKFLOW}/1-implement", f"refs/penguin/{WORKFLOW}/start"]


# --- refusals ---


def test_the_upstream_is_refused_by_default(one: Clone, tmp_path: Path) -> None:
    one.sharing.check(False)
    origin = TreeSync(one.workspace, one.runs, "origin")
    with pytest.raises(SyncRefused, match=r"origin is the upstream of the branch \w+") as caught:
        origin.check(False)
    assert "push_to_upstream: true" in caught.value.hint
    origin.check(True)
    git(one.workspace, "remote", "add", "same", f"file://{tmp_path}/origin/.git/")
    git(one.workspace, "remote", "set-url", "origin", os.fspath(tmp_path / "origin" / ".git"))
    with pytest.raises(SyncRefused, match="same is the upstream"):
        TreeSync(one.workspace, one.runs, "same").check(False)
    git(one.workspace, "checkout", "-q", "--detach")
    origin.check(False)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("git@github.com:a/b.git", "https://user@GitHub.com/a/b", True),
        ("ssh://git@github.com:22/a/b", "git@github.com:a/b/", True),
        ("git@github.com:a/b.git", "git@github.com:a/c.git", False),
        ("https://one.example/a", "https://two.example/a", False),
    ],
)
def test_one_place_has_many_addresses(one: Clone, first: str, second: str, same: bool) -> None:
    git(one.workspace, "remote", "set-url", "origin", first)
    git(one.workspace, "remote", "set-url", "shared", second)
    if same:
        with pytest.raises(SyncRefused):
            one.sharing.check(False)
    else:
        one.sharing.check(False)


def test_no_remote_and_no_repository(one: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SyncRefused, match="no git remote 'nowhere'") as caught:
        TreeSync(one.workspace, one.runs, "nowhere").check(False)
    assert caught.value.hint == "git remote add nowhere URL, or use one of origin, shared"
    plain = tmp_path / "plain"
    plain.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", os.fspath(tmp_path))
    with pytest.raises(SyncRefused, match="needs a git repository"):
        TreeSync(plain, one.runs, "shared").check(False)


def test_a_remote_that_is_silent_is_given_up(one: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        git(one.workspace, "remote", "set-url", "shared", f"git://127.0.0.1:{server.getsockname()[1]}/x")
        with pytest.raises(RemoteUnreachable, match=r"shared did not answer within 0\.5 s"):
            TreeSync(one.workspace, one.runs, "shared", limit=0.5).bring(WORKFLOW, 0)


def test_a_transfer_that_goes_on_is_waited_for(one: Clone, bare: Path) -> None:
    hook = bare / "hooks" / "update"
    hook.write_text("#!/bin/sh\nfor i in 1 2 3 4 5 6; do echo $i >&2; sleep 0.2; done\n")
    hook.chmod(0o755)
    one.sharing = TreeSync(one.workspace, one.runs, "shared", limit=0.5)
    one.attempt(1)
    assert len(pushed(bare)) == 2


def test_a_remote_that_is_not_there_says_so(one: Clone, bare: Path) -> None:
    shutil.rmtree(bare)
    with pytest.raises(RemoteUnreachable, match=r"shared can't be used: .*bare.git") as caught:
        one.attempt(1)
    assert caught.value.hint == "git ls-remote shared"


def test_a_remote_that_refuses_is_quoted(one: Clone, bare: Path) -> None:
    one.bring()
    hook = bare / "hooks" / "update"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(
        RemoteUnreachable, match=r"shared rejects refs/penguin/\S+ \[remote rejected\] \(hook declined\)"
    ):
        one.attempt(1)
