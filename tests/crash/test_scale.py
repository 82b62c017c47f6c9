"""Many workflows: takeover after a crash, three processes, and a disk that fills up."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.crash_workspace import CrashWorkspace, counted
from tests.support.processes import kill
from tests.support.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.anyio

MANY = 200
SMALL = 8 << 20
"""Bytes of the disk that is filled up."""


def many(workspace: CrashWorkspace, number: int, run: str) -> list[str]:
    """Write this number of tasks with one gate of one step."""
    names = [f"t{index}" for index in range(number)]
    phases = {"implement": {"run": [run]}} | dict.fromkeys(("test", "use", "verify"), "skip")
    workspace.tasks(*({"id": name, "phases": phases} for name in names))
    return names


@contextlib.contextmanager
def reading(workspace: CrashWorkspace) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"{workspace.files.db.as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


def count(connection: sqlite3.Connection, where: str, *values: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM run WHERE {where}", values).fetchone()[0])


def statuses(workspace: CrashWorkspace) -> set[str]:
    return {str(info.status) for info in workspace.infos().values()}


def test_all_running_workflows_are_taken_over_at_once(workspace: CrashWorkspace) -> None:
    workspace.configure(max_parallel=MANY)
    names = many(workspace, MANY, "./step work go 1")
    engine = workspace.spawn(("engine",), ("start", *names))
    wait_until(lambda: len(workspace.runs()) == MANY, "the beginning of all steps", process=engine)
    kill(engine.pid)
    engine.communicate()
    with reading(workspace) as connection:
        (dead,) = connection.execute("SELECT DISTINCT owner FROM run").fetchone()
        begun = time.monotonic()
        engine = workspace.spawn(("engine",))
        wait_until(lambda: count(connection, "owner != ?", dead) == MANY, "the takeover of all", process=engine)
    print(
        f"{MANY} workflows in flight were owned again {time.monotonic() - begun:.2f} s after the start of the process"
    )
    assert sum(workspace.runs().values()) == MANY
    workspace.touch("go")
    _, output = engine.communicate(timeout=PATIENCE)
    assert engine.returncode == 0, output
    assert statuses(workspace) == {"COMPLETED"}
    workspace.assert_sound()
    assert workspace.ends() == workspace.runs()


def test_three_processes_share_the_work(workspace: CrashWorkspace) -> None:
    workspace.configure(max_parallel=6)
    names = many(workspace, MANY, "./step work")
    workers = [workspace.spawn(("engine",), ("stay",)) for _ in range(2)]
    wait_until(lambda: len(list(workspace.files.engines.glob("*/claims"))) == 2, "both workers")
    workspace.run_to_end(("engine",), ("leave", *names))
    kill(*(worker.pid for worker in workers))
    for worker in workers:
        worker.communicate()
    assert statuses(workspace) == {"COMPLETED"}
    workspace.assert_sound()
    assert set(workspace.ends().values()) == {1}
    assert len(workspace.ends()) == MANY
    with reading(workspace) as connection:
        shares = connection.execute("SELECT count(*) FROM run GROUP BY owner").fetchall()
    print(f"the three took {sorted(share for (share,) in shares)}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small separate disk."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a file system of {SMALL} bytes can't be mounted here: {mounted.stderr.strip()}")
    yield place
    # Unmount lazily: the launcher ends when it is idle.
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path: Path) -> None:
    """Fill the disk completely."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    size = 1 << 20
    while size:
        try:
            os.write(file, bytes(size))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            size //= 2
    os.close(file)


def test_a_full_disk_only_delays_work(workspaces: list[CrashWorkspace], tmp_path: Path, disk: Path) -> None:
    outside, inside = CrashWorkspace(tmp_path), CrashWorkspace(disk)
    workspaces.append(inside)
    step = outside.root / "step"  # The steps count on another disk: only Penguin's disk is full.
    inside.configure(max_parallel=4)
    phases = {name: counted(name, "- 0.1") for name in ("implement", "test", "use", "verify")}
    inside.tasks(*({"id": f"t{index}", "phases": phases} for index in range(20)))
    blueprint = disk / "b.json"
    blueprint.write_text(blueprint.read_text().replace("./step", str(step)))
    engine = inside.spawn(("engine",), ("start", *(f"t{index}" for index in range(20))))
    try:
        for wave in range(1, 4):
            wait_until(lambda wave=wave: len(outside.ends()) >= 15 * wave, "the next steps", process=engine)  # type: ignore[misc]
            fill(disk / "filler")
            wait_until((tmp_path / "trouble").exists, "the word that the disk is full", process=engine)
            (disk / "filler").unlink()
            (tmp_path / "trouble").unlink()
        _, output = engine.communicate(timeout=PATIENCE)
    finally:
        engine.kill()
    assert engine.returncode == 0, output
    assert statuses(inside) == {"COMPLETED"}, inside.story()
    inside.assert_sound()
    assert len(outside.ends()) == 80
    assert outside.ends() == outside.runs()
    assert set(outside.ends().values()) == {1}


def test_a_result_waiting_for_disk_space_is_not_lost(
    workspaces: list[CrashWorkspace], tmp_path: Path, disk: Path
) -> None:
    outside, inside = CrashWorkspace(tmp_path), CrashWorkspace(disk)
    workspaces.append(inside)
    work = {"run": [f"{outside.root}/step work go"]}
    inside.tasks({"id": "a", "phases": {"implement": work} | dict.fromkeys(("test", "use", "verify"), "skip")})
    engine = inside.spawn(("engine",), ("start", "a"))
    wait_until((outside.root / "began-work").exists, "the step", process=engine)
    fill(disk / "filler")
    outside.touch("go")
    wait_until((tmp_path / "trouble").exists, "the word that the disk is full", process=engine)
    kill(engine.pid)
    engine.communicate()
    (disk / "filler").unlink()
    # The launcher tries again after a while: the next engine may ask before or after that.
    inside.run_to_end(("engine",))
    assert statuses(inside) == {"COMPLETED"}
    inside.assert_sound()
    assert list(outside.ends().values()) == [1]
