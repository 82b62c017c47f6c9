"""The workflows of the other backend: counted from local data, reported once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.store.stored_workflow import StoredWorkflow, commit_workflows

from penguin.orchestration.backend import Verdict
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.workspace_databases import count_active_elsewhere

CONFIG = "project: {id: shop}\nblueprints: [b.json]\nphases: {implement: skip, test: skip, use: skip, verify: skip}\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with one unfinished workflow here, and three in two caches of servers."""
    (tmp_path / "penguin.yaml").write_text(CONFIG)
    (tmp_path / "b.json").write_text(json.dumps({"id": "b", "title": "B", "items": [{"id": "a", "title": "A"}]}))
    workspace = Workspace(tmp_path)
    workspace.ensure()
    (workspace.state / "temporal").mkdir()
    commit_workflows(workspace.db, StoredWorkflow("here"), StoredWorkflow("done").complete())
    one, two = (workspace.state / "temporal" / f"known-{digest}.db" for digest in ("00000000", "11111111"))
    commit_workflows(one, StoredWorkflow("there"), StoredWorkflow("over").complete())
    commit_workflows(two, StoredWorkflow("more"), StoredWorkflow("stuck").run().report(Verdict.UNVERIFIED, "nothing"))
    return workspace


def files(workspace: Workspace) -> list[str]:
    return sorted(str(path.relative_to(workspace.root)) for path in workspace.root.rglob("*"))


def penguin(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "PENGUIN_"))}
    run = [sys.executable, "-m", "penguin_repl", *arguments]
    return subprocess.run(run, capture_output=True, text=True, cwd=workspace.root, env=environment, timeout=60)


def test_unfinished_workflows_of_the_other_backend_are_counted(workspace: Workspace) -> None:
    before = files(workspace)
    assert (count_active_elsewhere(workspace, "native"), count_active_elsewhere(workspace, "temporal")) == (3, 1)
    assert files(workspace) == before


def test_they_are_counted_during_writes(workspace: Workspace) -> None:
    reader = open_reader(workspace.db)
    assert reader is not None
    reader.execute("SELECT 1 FROM run").fetchone()
    commit_workflows(workspace.db, StoredWorkflow("new"))
    assert count_active_elsewhere(workspace, "temporal") == 2
    reader.close()


def test_counting_creates_no_file(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert (count_active_elsewhere(workspace, "native"), count_active_elsewhere(workspace, "temporal")) == (0, 0)
    assert list(tmp_path.iterdir()) == []


def test_an_unreadable_database_counts_as_empty(workspace: Workspace) -> None:
    workspace.db.write_bytes(b"no database" * 1000)
    assert count_active_elsewhere(workspace, "temporal") == 0


@pytest.mark.integration
def test_a_start_reports_them_once_and_health_always(workspace: Workspace) -> None:
    ran = penguin(workspace, "--keep-going", "-c", "/workflow start a", "-c", "/workflow start a")
    notice = "3 unfinished workflows are on the temporal backend: penguin --backend temporal"
    assert ran.stderr.count(notice) == 1
    assert notice not in ran.stdout
    assert penguin(workspace, "-c", "/workflow list").stderr == ""
    health = json.loads(penguin(workspace, "-o", "json", "-c", "/health").stdout)
    assert health["unfinished_elsewhere"] == 3
