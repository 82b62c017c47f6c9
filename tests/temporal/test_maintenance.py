"""Prune, check and backup see both backends: what is known here of workflows on a server, and what their steps left."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.support.program import Program
from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.waiting import wait_for_workflow

from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.runtime.maintenance.prune import prune
from penguin.orchestration.store.maintenance.check import check
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio

DAY = 86400.0
LONG_AGO = time.time() - 40 * DAY


def cache(temporal_workspace: TemporalWorkspace) -> Path:
    (path,) = (temporal_workspace.root / ".penguin" / "temporal").glob("known-*.db")
    return path


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with opened(path) as connection:
        return connection.execute(sql).fetchall()


def age(path: Path, *workflow_ids: str) -> None:
    """Let workflows have ended so long ago."""
    with opened(path) as connection:
        for workflow_id in workflow_ids:
            connection.execute("UPDATE run SET updated_at = ? WHERE workflow_id = ?", (LONG_AGO, workflow_id))


async def completed(temporal_workspace: TemporalWorkspace, *tasks: str) -> list[str]:
    found = []
    async with temporal_workspace.backend() as backend:
        for task in tasks:
            found.append(await backend.start_workflow(task))
            assert (await backend.wait_workflow(found[-1], 30)).status == "COMPLETED"
            # Its history is known here from now on.
            await backend.query_workflow(found[-1], "get_phase_results")
    return found


async def test_what_is_long_over_goes_and_what_dependencies_need_stays(temporal_workspace: TemporalWorkspace) -> None:
    temporal_workspace.tasks("a", {"id": "b", "depends_on": ["a"]})
    git(temporal_workspace.root, "init", "-q", ".")
    workspace = Workspace(temporal_workspace.root)
    first, second = await completed(temporal_workspace, "a", "a")
    assert check(workspace).problems == ()
    assert first in git(temporal_workspace.root, "for-each-ref")
    age(cache(temporal_workspace), first, second)

    dry = prune(workspace, 30 * DAY, dry_run=True)
    done = prune(workspace, 30 * DAY)
    assert [one.workflow_id for one in done.workflows] == [first]
    assert dry == done
    assert done.workflows[0].bytes > 0
    assert rows(cache(temporal_workspace), "SELECT DISTINCT workflow_id FROM event") == [(second,)]
    assert [path.name for path in workspace.runs.iterdir()] == [second]
    assert first not in git(temporal_workspace.root, "for-each-ref")
    assert second in git(temporal_workspace.root, "for-each-ref")
    assert check(workspace).leftovers == ()

    # The server still keeps it; here it stays forgotten, no id comes twice, and what depends on it begins.
    async with temporal_workspace.backend() as backend:
        await backend.get_workflow_status(first)
        assert [info.workflow_id for info in await backend.list_workflows()] == [second]
    third, _ = await completed(temporal_workspace, "a", "b")
    assert len({first, second, third}) == 3


async def test_folders_of_dead_workers_go_but_for_those_that_own_active_workflows(
    temporal_workspace: TemporalWorkspace,
) -> None:
    workspace = Workspace(temporal_workspace.root)
    engines = workspace.state / "temporal" / "engines"
    with scripted_phases() as script:
        script.hold("TEST")
        async with temporal_workspace.backend() as backend:
            one = await backend.start_workflow("a")
            await wait_for_workflow(backend, one, phase="TEST")
    ((owner,),) = rows(cache(temporal_workspace), "SELECT owner FROM run")
    for name in (owner, "d" * 32):
        (engines / str(name)).mkdir(exist_ok=True)
        os.utime(engines / str(name), (LONG_AGO, LONG_AGO))
    assert [left.path.name for left in prune(workspace, 30 * DAY).leftovers] == ["d" * 32]
    assert [path.name for path in engines.iterdir()] == [owner]


async def test_check_holds_what_is_known_against_what_happened(temporal_workspace: TemporalWorkspace) -> None:
    workspace = Workspace(temporal_workspace.root)
    with scripted_phases():
        (one,) = await completed(temporal_workspace, "a")
    found = check(workspace)
    assert (found.workflows, found.events > 3, found.problems) == (1, True, ())
    with opened(cache(temporal_workspace)) as connection:
        connection.execute("UPDATE run SET status = 'FAILED'")
    assert check(workspace).problems == ((one, "its row says status 'FAILED', its history says 'COMPLETED'"),)
    # Of what a server holds, the newest may not be here yet.
    with opened(cache(temporal_workspace)) as connection:
        connection.execute("UPDATE run SET seq = seq + 1")
    assert check(workspace).problems == ()
    cache(temporal_workspace).write_bytes(b"no database" * 1000)
    (problem,) = check(workspace).problems
    assert problem.subject == f"known-{problem.subject[6:14]}.db"


async def test_a_backup_holds_both(temporal_workspace: TemporalWorkspace) -> None:
    penguin = Program(temporal_workspace.root)
    with scripted_phases():
        await completed(temporal_workspace, "a")
    (alone,) = penguin("-o", "json", "-c", "/backup one.db").documents
    assert [copy["path"] for copy in alone["copies"]] == ["one.db"]
    assert penguin("--backend", "native", "-c", "/workflow start b").code == 0
    known = cache(temporal_workspace).name
    ran = penguin("-c", "/backup two.db")
    assert [line.partition(" (")[0] for line in ran.out.splitlines()] == [
        f"Backed up .penguin/temporal/{known} to two.db",
        "Backed up .penguin/penguin.db to two.db.penguin.db",
    ]
    assert rows(temporal_workspace.root / "two.db", "SELECT task_id FROM run") == [("a",)]
    assert rows(temporal_workspace.root / "two.db.penguin.db", "SELECT task_id FROM run") == [("b",)]
    # Nothing is overwritten, and where one copy fails none is left.
    (temporal_workspace.root / "three.db.penguin.db").write_text("mine")
    assert penguin("-c", "/backup three.db").code == 1
    assert not (temporal_workspace.root / "three.db").exists()


async def test_what_ran_on_one_backend_is_not_taken_for_a_result_of_the_other(
    temporal_workspace: TemporalWorkspace,
) -> None:
    phases = {"implement": {"run": ["echo ran >> log"]}}
    temporal_workspace.tasks({"id": "a", "phases": phases})
    (one,) = await completed(temporal_workspace, "a")
    penguin = Program(temporal_workspace.root)
    started = penguin("--backend", "native", "-c", "/workflow start a")
    assert started.code == 0
    # Its folder of outputs is its own, and so is its work.
    assert one not in started.out
    assert (temporal_workspace.root / "log").read_text() == "ran\nran\n"


def test_of_two_that_wait_on_two_backends_neither_has_the_name_of_the_other(
    temporal_workspace: TemporalWorkspace,
) -> None:
    penguin = Program(temporal_workspace.root)
    start = ("-o", "json", "--detach", "-c", "/workflow start a")
    # At once, and before either began: nothing that one leaves on disk can tell the other.
    with ThreadPoolExecutor() as pool:
        ran = list(pool.map(lambda backend: penguin("--backend", backend, *start), ("native", "temporal")))
    assert [one.code for one in ran] == [0, 0]
    here, there = (one.documents[0]["workflow_id"] for one in ran)
    assert here != there
    assert not Workspace(temporal_workspace.root).runs.exists()


async def test_after_a_switch_both_backends_say_what_the_other_holds(temporal_workspace: TemporalWorkspace) -> None:
    penguin = Program(temporal_workspace.root)
    assert penguin("--backend", "native", "--detach", "-c", "/workflow start a").code == 0
    there = penguin("--detach", "-c", "/workflow start b")
    assert "1 unfinished workflow is on the native backend: penguin --backend native\n" in there.err
    here = penguin("--backend", "native", "--detach", "-c", "/workflow start c")
    assert "1 unfinished workflow is on the temporal backend: penguin --backend temporal\n" in here.err
    async with temporal_workspace.backend() as backend:
        assert (await backend.health_check())["unfinished_elsewhere"] == 2
    async with temporal_workspace.backend(backend="native") as backend:
        assert (await backend.health_check())["unfinished_elsewhere"] == 1
    assert penguin("-c", "/workflow list").err == ""
