"""Workflows that ran on another host, with and without a shared storage."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from tests.support.git_repository import git
from tests.support.program import Program

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.files.object_store import ObjectStore
from penguin.orchestration.store.queries import WorkflowReader
from penguin.orchestration.worktree.sync.sync import TreeSync

AS_HUT = "import socket, sys; socket.gethostname = lambda: 'hut'; from penguin_repl.main import main; sys.exit(main())"
CONFIG = """\
project: {id: shop}
blueprints: [tasks.md]
phases:
  implement: {run: [echo new > made.txt]}
  test: {run: ['seq 1000 3000', 'echo 81% > $PENGUIN_ARTIFACTS_DIR/cover.txt; echo covered']}
  use: skip
"""
TASKS = """\
---
id: b
title: B
---
## Tasks
### 1. Moves
- **ID:** `moves`
#### Acceptance Criteria
- [ ] is `check: echo fine`
### 2. Waits for a person
- **ID:** `waits`
"""
SAID = re.compile(r"\[penguin: (the full output is on host hut[^]]*)\]")


class Hosts(NamedTuple):
    """Two clones without a shared disk; both know the records of the workflow."""

    hut: Program
    barn: Program
    workflow_id: str
    shared: Path

    def copy(self) -> None:
        """Do what a worker does at the end of each attempt."""
        storage = ObjectStore(str(self.shared), "shop")
        reader = WorkflowReader(self.hut.folder / ".penguin" / "penguin.db")
        for result in reader.results(self.workflow_id):
            if result.attempt:
                folder = self.runs(self.hut) / f"{result.attempt}-{result.phase.lower()}"
                storage.put_attempt(self.workflow_id, folder, msgspec.convert(result.evidence, AttemptResult))
        reader.close()

    def runs(self, host: Program) -> Path:
        return host.folder / ".penguin" / "runs" / self.workflow_id

    def use_storage(self, url: str) -> None:
        (self.barn.folder / "penguin.yaml").write_text(f"{CONFIG}storage: {{url: '{url}'}}\n")

    def json(self, command: str) -> dict[str, Any]:
        ran = self.barn("-o", "json", "-c", command)
        assert ran.code == 0, ran.err
        return ran.documents[0]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a clone in which the workflow ran, and its id."""
    root = tmp_path_factory.mktemp("hosts") / "hut"
    root.mkdir()
    (root / "penguin.yaml").write_text(CONFIG)
    (root / "tasks.md").write_text(TASKS)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    hut = Program(root)
    hut.command = [sys.executable, "-c", AS_HUT]
    started = hut("-c", "/workflow start moves --wait")
    assert started.code == 0, started.err
    assert "BLOCKED" in hut("-c", "/workflow start waits --wait").err
    assert hut("-c", f"/backup {root / 'known.db'}").code == 0
    return root, re.findall("workflow_id: (.*)", started.out)[0]


@pytest.fixture
def hosts(ran: tuple[Path, str], tmp_path: Path) -> Hosts:
    root, workflow_id = ran
    barn = tmp_path / "barn"
    git(tmp_path, "clone", "-q", str(root), str(barn))
    (barn / ".penguin").mkdir(mode=0o700)
    shutil.copy(root / "known.db", barn / ".penguin" / "penguin.db")
    assert Program(barn)("trust", "--yes").code == 0
    hut = Program(root)
    hut.command = [sys.executable, "-c", AS_HUT]
    return Hosts(hut, Program(barn), workflow_id, tmp_path / "shared")


def test_a_status_names_the_host(hosts: Hosts) -> None:
    assert "Host: hut\n" in hosts.barn("-c", "/workflow status moves").out
    assert hosts.json("/workflow status moves")["host"] == "hut"
    assert re.search("claimed by engine [0-9a-f]{6} on hut", hosts.barn("-c", "/workflow history moves").out)


# --- without a storage ----------------------------------------------------------------------------------------------


def test_logs_show_head_and_tail_and_name_the_host(hosts: Hosts) -> None:
    shown = hosts.barn("-c", "/workflow logs moves --phase test")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(
        "==> TEST attempt 2: seq 1000 3000 <==\n"
        "[penguin: the full output is on host hut; set storage.url in penguin.yaml to share it]\n1000\n"
    )
    assert re.search(r"\n… [0-9]+ bytes …\n", shown.out)
    assert shown.out.endswith(
        "3000\n==> TEST attempt 2: echo 81% > $PENGUIN_ARTIFACTS_DIR/cover.txt; echo covered <==\ncovered\n"
    )
    assert len(SAID.findall(shown.out)) == 1, "once for an attempt"
    first, second = hosts.json("/workflow logs moves --attempt 2")["logs"]
    assert (first["host"], first["bytes"], first["complete"], first["try"]) == ("hut", 5 * 2001, False, 1)
    assert "storage.url" in first["note"]
    assert (second["step"][:8], second["tail"]) == ("echo 81%", "covered\n")
    assert "fine" in hosts.barn("-c", "/workflow logs moves").out, "the newest attempt, if none is named"


def test_attempts_that_never_ran_are_not_shown(hosts: Hosts) -> None:
    shown = hosts.barn("-c", "/workflow logs moves --attempt 9")
    assert shown.code == 1
    assert "attempts with output: 1 (IMPLEMENT), 2 (TEST), 3 (VERIFY)" in shown.err


def test_following_shows_the_same(hosts: Hosts) -> None:
    followed = hosts.barn("-c", "/workflow logs moves --attempt 2 -f")
    assert followed.code == 0
    assert followed.out == hosts.barn("-c", "/workflow logs moves --attempt 2").out
    assert hosts.json("/workflow logs moves --attempt 2 -f") == hosts.json("/workflow logs moves --attempt 2")


def test_results_and_artifacts_name_the_host(hosts: Hosts) -> None:
    assert "\nAttempts 1, 2, 3 ran on host hut.\n" in hosts.barn("-c", "/workflow results moves").out
    assert [row["host"] for row in hosts.json("/workflow results moves")["results"]] == ["hut", "hut", "", "hut"]
    artifacts = hosts.barn("-c", "/workflow artifacts moves").out
    assert re.search(r"on hut +\.penguin/runs/.*/artifacts/2-test/cover.txt", artifacts)
    (artifact,) = hosts.json("/workflow artifacts moves")["artifacts"]
    assert (artifact["bytes"], artifact["host"]) == (None, "hut")


def test_a_diff_names_the_host_of_the_changes(hosts: Hosts) -> None:
    shown = hosts.barn("-c", "/workflow diff moves")
    note = f"the changes of {hosts.workflow_id} are on host hut; set workspace.remote in penguin.yaml to share them"
    assert (shown.code, shown.out) == (0, f"{note}\n")
    assert hosts.json("/workflow diff moves") == {"diff": None, "files": [], "host": "hut", "note": note}


def test_the_host_itself_shows_all(hosts: Hosts) -> None:
    assert "the full output" not in hosts.hut("-c", "/workflow logs moves --phase test").out
    assert "+new" in hosts.hut("-c", "/workflow diff moves").out
    assert "ran on host" not in hosts.hut("-c", "/workflow results moves").out


# --- with a git remote ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["moves", "waits"])
@pytest.mark.parametrize("host", ["barn", "hut"])
def test_a_diff_uses_the_git_remote(hosts: Hosts, task: str, host: str) -> None:
    remote = hosts.shared.with_name("remote.git")
    git(hosts.barn.folder, "init", "-q", "--bare", str(remote))
    git(hosts.barn.folder, "remote", "add", "shared", str(remote))
    (hosts.barn.folder / "penguin.yaml").write_text(f"{CONFIG}workspace: {{remote: shared}}\n")
    if host == "hut":
        # Another clone on the same machine.
        hosts.barn.command = hosts.hut.command
    none = hosts.barn("-c", f"/workflow diff {task}")
    assert re.fullmatch("the changes of .* are on host hut(, in another working tree)?\n", none.out)
    git(hosts.hut.folder, "remote", "add", "shared", str(remote))
    try:
        runs = hosts.hut.folder / ".penguin" / "runs"
        for workflow_id in (path.name for path in runs.iterdir()):
            TreeSync(hosts.hut.folder, runs, "shared").push(workflow_id)
    finally:
        git(hosts.hut.folder, "remote", "remove", "shared")
        for pushed in runs.glob("*/checkpoint.remote"):
            pushed.unlink()
    (hosts.barn.folder / "mine.txt").write_text("not of this workflow\n")
    # Both tasks write the same file; the second one found it.
    changed = {"moves": ["made.txt"], "waits": []}[task]
    assert hosts.json(f"/workflow diff {task}")["files"] == changed
    shutil.rmtree(remote)
    assert hosts.json(f"/workflow diff {task}")["files"] == changed, "it is here now"


def test_an_unreachable_git_remote_is_reported(hosts: Hosts) -> None:
    git(hosts.barn.folder, "remote", "add", "shared", str(hosts.shared))
    (hosts.barn.folder / "penguin.yaml").write_text(f"{CONFIG}workspace: {{remote: shared}}\n")
    shown = hosts.barn("-c", "/workflow diff moves")
    assert (shown.code, shown.out) == (0, f"the changes of {hosts.workflow_id} are on host hut\n")
    assert "shared" in shown.err


# --- with a storage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["folder", "file"])
def test_logs_are_fetched_from_the_storage(hosts: Hosts, form: str) -> None:
    hosts.copy()
    hosts.use_storage(str(hosts.shared) if form == "folder" else hosts.shared.as_uri())
    whole = hosts.hut("-c", "/workflow logs moves --phase test").out
    assert "\n2000\n" in whole
    assert hosts.barn("-c", "/workflow logs moves --phase test").out == whole
    shutil.rmtree(hosts.shared)
    assert hosts.barn("-c", "/workflow logs moves --phase test").out == whole, "it is here now"
    (log, _) = hosts.json("/workflow logs moves --phase test")["logs"]
    assert (log["complete"], log["host"], log["note"]) == (True, "", "")


def test_following_fetches_too(hosts: Hosts) -> None:
    hosts.copy()
    hosts.use_storage(str(hosts.shared))
    assert "\n2000\n" in hosts.barn("-c", "/workflow logs moves --attempt 2 -f").out


def test_results_and_artifacts_are_fetched(hosts: Hosts) -> None:
    hosts.copy()
    hosts.use_storage(str(hosts.shared))
    assert "on hut" not in hosts.barn("-c", "/workflow artifacts moves").out
    (artifact,) = hosts.json("/workflow artifacts moves")["artifacts"]
    assert (artifact["bytes"], artifact["host"]) == (4, "")
    assert (hosts.barn.folder / artifact["path"]).read_text() == "81%\n"
    evidence = [row["evidence"] for row in hosts.json("/workflow results moves")["results"]]
    hut = hosts.hut("-o", "json", "-c", "/workflow results moves").documents[0]
    assert evidence == [row["evidence"] for row in hut["results"]]


def test_shortened_evidence_is_fetched_completely(hosts: Hosts) -> None:
    whole = AttemptResult(verdict=Verdict.PASSED, reason="whole")
    hosts.copy()
    folder = hosts.runs(hosts.hut) / "2-test"
    ObjectStore(str(hosts.shared), "shop").put_attempt(hosts.workflow_id, folder, whole)
    hosts.use_storage(str(hosts.shared))
    assert hosts.json("/workflow results moves")["results"][1]["evidence"]["reason"] == "whole"


@pytest.mark.parametrize("stored", [True, False])
def test_an_attempt_that_began_here_and_ended_elsewhere(hosts: Hosts, stored: bool) -> None:
    begun = hosts.runs(hosts.barn) / "2-test"
    begun.mkdir(parents=True)
    (begun / "01-seq-1000-3000.1.log").write_text("1000\n1001\n")
    hosts.copy()
    hosts.use_storage(str(hosts.shared) if stored else str(hosts.shared / "nothing"))
    shown = hosts.barn("-c", "/workflow logs moves --phase test").out
    heading = "==> TEST attempt 2: seq 1000 3000 <==\n"
    assert shown.startswith(f"{heading}1000\n1001\n{heading}")
    assert ("\n2000\n" in shown) is stored
    assert bool(SAID.search(shown)) is not stored
    assert "covered" in shown
    followed = hosts.barn("-c", "/workflow logs moves --attempt 2 -f").out
    assert followed == shown
    kept = [(log["path"], log["host"]) for log in hosts.json("/workflow logs moves --attempt 2 -f")["logs"]]
    assert len(set(kept)) == 3


def test_an_attempt_that_the_storage_lacks(hosts: Hosts) -> None:
    hosts.copy()
    shutil.rmtree(hosts.shared / "shop" / hosts.workflow_id / "2-test")
    hosts.use_storage(str(hosts.shared))
    shown = hosts.barn("-c", "/workflow logs moves --phase test").out
    assert SAID.findall(shown) == ["the full output is on host hut; the storage has no copy of it"]


def test_an_unreachable_storage_is_reported(hosts: Hosts) -> None:
    hosts.shared.touch()
    hosts.use_storage(str(hosts.shared))
    for command in ("logs moves --phase test", "logs moves --phase test -f", "results moves", "artifacts moves"):
        shown = hosts.barn("-c", f"/workflow {command}")
        assert shown.code == 0
        assert re.search("the storage .*/shared can't be read: ", shown.err), command
        assert "hut" in shown.out
    hosts.use_storage("s3://bucket/x")
    shown = hosts.barn("-c", "/workflow logs moves")
    assert "storage.url needs a driver for s3" in shown.err
    assert "pip install s3fs" in shown.err
    assert "fine" in shown.out


def test_a_renamed_host_is_the_same_host(hosts: Hosts) -> None:
    renamed = Program(hosts.hut.folder)
    assert "the full output" not in renamed("-c", "/workflow logs moves --phase test").out
    assert "+new" in renamed("-c", "/workflow diff moves").out
    (hosts.hut.folder / "later.txt").write_text("added since\n")
    assert "later.txt" in renamed("-c", "/workflow diff waits").out, "it is not over"
    (hosts.hut.folder / "later.txt").unlink()
