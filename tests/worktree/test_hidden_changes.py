"""Changes that the user's index or git's settings hide from git: the digest, checkpoints and diffs show them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.git_repository import git, make_repository
from tests.worktree.test_submodules import add_submodule
from tests.worktree.workflow_tree import Workflow

from penguin.orchestration.worktree.diff import workflow_diff
from penguin.orchestration.worktree.git import GitError

FILE = "code.py"


def edit(path: Path) -> None:
    """Change a file, but neither its size nor its time, within the second in which git last read it."""
    before = path.stat()
    text = path.read_text()
    path.write_text(text.replace("1", "2") if "1" in text else text.replace("2", "1"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def make_executable(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o111)


def replace_by_its_target(path: Path) -> None:
    target = path.readlink()
    path.unlink()
    path.write_text(os.fspath(target))


def bit(name: str) -> Callable[[Path], object]:
    return lambda repository: git(repository, "update-index", f"--{name}", FILE)


def setting(name: str, value: str) -> Callable[[Path], object]:
    return lambda repository: git(repository, "config", name, value)


def ignore_stat(repository: Path) -> None:
    git(repository, "config", "core.ignoreStat", "true")
    (repository / FILE).touch()
    git(repository, "add", FILE)


def both_bits(repository: Path) -> None:
    git(repository, "update-index", "--assume-unchanged", FILE)
    git(repository, "update-index", "--skip-worktree", FILE)


def old_times(repository: Path) -> None:
    git(repository, "config", "core.trustctime", "false")
    os.utime(repository / FILE, (1_000_000_000, 1_000_000_000))
    git(repository, "add", FILE)


HIDDEN = [
    pytest.param(bit("skip-worktree"), edit, id="skip-worktree"),
    pytest.param(bit("assume-unchanged"), edit, id="assume-unchanged"),
    pytest.param(bit("skip-worktree"), Path.unlink, id="skip-worktree, deleted"),
    pytest.param(bit("assume-unchanged"), Path.unlink, id="assume-unchanged, deleted"),
    pytest.param(both_bits, edit, id="both bits"),
    pytest.param(ignore_stat, edit, id="ignoreStat"),
    pytest.param(setting("core.checkStat", "minimal"), edit, id="checkStat"),
    pytest.param(setting("core.trustctime", "false"), edit, id="trustctime"),
    pytest.param(old_times, edit, id="old times"),
    pytest.param(setting("core.fileMode", "false"), make_executable, id="fileMode"),
]


@pytest.mark.parametrize(("hide", "change"), HIDDEN)
def test_a_hidden_change_of_a_tracked_file_is_seen(
    workflow: Workflow, repository: Path, hide: Callable[[Path], object], change: Callable[[Path], object]
) -> None:
    hide(repository)
    index = (repository / ".git/index").read_bytes()
    workflow.begin()
    before = workflow.tree.digest()
    change(repository / FILE)
    assert workflow.tree.changed(before, workflow.tree.digest()) == (FILE,)
    diff = workflow_diff(workflow.workspace, workflow.folder)
    assert (diff.files(), diff.left_out) == ([FILE], [])
    assert b"".join(diff.text())
    workflow.keep("1-implement")
    names = git(repository, "diff", "--name-only", f"{workflow.checkpoints.refs}start", _ref(workflow, "1-implement"))
    assert names.split() == [FILE]
    assert (repository / ".git/index").read_bytes() == index


@pytest.mark.parametrize("hide", [case.values[0] for case in HIDDEN])
def test_a_change_right_after_the_digest_of_a_changed_file_is_seen(
    workflow: Workflow, repository: Path, hide: Callable[[Path], object]
) -> None:
    hide(repository)
    path = repository / FILE
    path.write_text("print(11111)\n")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    before = workflow.tree.digest()
    assert workflow.tree.digest() == before
    edit(path)
    assert workflow.tree.changed(before, workflow.tree.digest()) == (FILE,)


def test_a_link_that_became_a_file_is_seen_where_git_has_no_links(workflow: Workflow, repository: Path) -> None:
    (repository / "link").symlink_to(FILE)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "link")
    git(repository, "config", "core.symlinks", "false")
    before = workflow.tree.digest()
    replace_by_its_target(repository / "link")
    assert workflow.tree.changed(before, workflow.tree.digest()) == ("link",)


def test_the_bits_of_a_retried_workflow_do_not_return(workflow: Workflow, repository: Path, tmp_path: Path) -> None:
    bit("skip-worktree")(repository)
    before = workflow.tree.digest()
    retry = Workflow(repository, tmp_path / "runs" / "ituv-a-000002")
    retry.tree.inherit(workflow.folder)
    edit(repository / FILE)
    assert retry.tree.changed(before, retry.tree.digest()) == (FILE,)


@pytest.mark.parametrize("cone", [True, False])
def test_files_outside_of_a_sparse_checkout_are_not_deleted(workflow: Workflow, repository: Path, cone: bool) -> None:
    whole = workflow.tree.digest()
    sparse = Workflow(repository, workflow.folder.with_name("ituv-b-000001"))
    option = ("--cone", "--sparse-index", "build") if cone else ("--no-cone", f"/{FILE}")
    git(repository, "sparse-checkout", "set", *option)
    assert not (repository / "lib/util.py").exists()
    sparse.begin()
    assert sparse.tree.digest() == whole
    assert "lib/util.py" in sparse.files("start")
    assert workflow_diff(repository, sparse.folder).files() == []
    (repository / "lib").mkdir()
    (repository / "lib/util.py").write_text("x = 2\n")
    assert sparse.tree.changed(whole, sparse.tree.digest()) == ("lib/util.py",)
    assert workflow_diff(repository, sparse.folder).files() == ["lib/util.py"]
    (repository / "lib/util.py").unlink()
    assert sparse.tree.changed(whole, sparse.tree.digest()) == ("lib/util.py",)


@pytest.mark.parametrize(("hide", "change"), HIDDEN)
def test_a_hidden_change_in_a_submodule_is_seen(
    workflow: Workflow,
    repository: Path,
    tmp_path: Path,
    hide: Callable[[Path], object],
    change: Callable[[Path], object],
) -> None:
    module = add_submodule(repository, make_repository(tmp_path / "source"))
    git(repository, "commit", "-qm", "add a submodule")
    hide(module)
    workflow.begin()
    before = workflow.tree.digest()
    change(module / FILE)
    assert workflow.tree.changed(before, workflow.tree.digest()) == ("module",)
    assert workflow_diff(workflow.workspace, workflow.folder).left_out == ["module/"]
    assert workflow.keep("1-implement").left_out == ("module/",)


def test_a_working_tree_elsewhere_is_refused(workflow: Workflow, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "clean copy").mkdir()
    git(repository, "config", "core.worktree", os.fspath(tmp_path / "clean copy"))
    assert workflow.tree.digest() == ""
    with pytest.raises(GitError, match="not in the working tree"):
        workflow.checkpoints.save("start", "")


def _ref(workflow: Workflow, name: str) -> str:
    return f"{workflow.checkpoints.refs}{name}"
