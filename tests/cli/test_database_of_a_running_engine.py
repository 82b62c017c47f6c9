"""A database that is emptied, deleted or replaced, also while an engine uses it: what is reported and saved."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.support.program import CONFIG, TASKS, Program
from tests.support.waiting import wait_until

READING = (
    "/workflow list",
    "/workflow status",
    "/workflow status person",
    "/workflow history person",
    "/workflow results person",
    "/workflow logs person",
    "/task list",
    "/task ready",
    "/task show quick",
    "/snapshot list",
)


class Working(NamedTuple):
    """A workspace with a worker, a workflow that a step holds, one that is BLOCKED, and an older copy."""

    penguin: Program
    worker: subprocess.Popen[str]
    db: Path

    def end(self, timeout: float = 30) -> str:
        """Return the worker's messages, once it has ended by itself."""
        return self.worker.communicate(timeout=timeout)[1]


@pytest.fixture
def working(penguin: Program) -> Iterator[Working]:
    penguin("-c", "/workflow start quick", "-c", "/backup copy.db")
    worker = penguin.begin("worker")
    assert worker.stderr is not None
    worker.stderr.readline()
    lines = ("/workflow start person", "/workflow wait person --for BLOCKED", "/workflow start gated")
    penguin("--detach", *(f"--command={line}" for line in lines))
    penguin.wait_for_step("gated")
    try:
        yield Working(penguin, worker, penguin.folder / ".penguin/penguin.db")
    finally:
        worker.kill()
        worker.communicate(timeout=10)


def empty(db: Path) -> None:
    db.write_bytes(b"")


def delete(db: Path) -> None:
    db.unlink()


def delete_log(db: Path) -> None:
    Path(f"{db}-wal").unlink()


def delete_logs(db: Path) -> None:
    for path in db.parent.glob(f"{db.name}-*"):
        path.unlink()


def empty_log(db: Path) -> None:
    Path(f"{db}-wal").write_bytes(b"")


def empty_all(db: Path) -> None:
    """As `: > FILE` does for each file in the folder. SQLite has the last one mapped into its memory."""
    for ending in ("", "-wal", "-shm"):
        os.truncate(f"{db}{ending}", 0)


def go_back(db: Path) -> None:
    delete_logs(db)
    (db.parent / "new").write_bytes((db.parent.parent / "copy.db").read_bytes())
    (db.parent / "new").replace(db)


TRUNCATIONS = [empty, empty_log, empty_all]
HARMS = [*TRUNCATIONS, delete, delete_log, delete_logs, go_back]


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_the_engine_ends_and_saves_what_it_still_reads(working: Working, harm: Callable[[Path], None]) -> None:
    harm(working.db)
    (working.penguin.folder / "go").touch()
    err = working.end()
    assert working.worker.returncode == 1
    assert "while this process uses it, so nothing can be recorded" in err
    assert "COMPLETED" not in err
    listed = working.penguin("-c", "/workflow list")
    assert "has lost" in listed.err
    assert re.search(r"ituv-(person|gated)-\w{6}", listed.err)
    if harm in TRUNCATIONS:
        return  # What is gone from the files can't be read by the engine, either.
    assert "penguin-saved-" in listed.err
    command = re.search(r" with: (.*?); or continue", listed.err)
    assert command
    subprocess.run(command[1], shell=True, check=True)
    after = working.penguin("-c", "/workflow list")
    assert "has lost" not in after.err
    assert working.penguin("check").code == 0
    assert working.penguin("worker", "--until-settled").code == 0
    assert "COMPLETED" in working.penguin("-c", "/workflow status gated").out


def test_an_engine_ends_when_only_the_beginnings_of_its_files_are_left(working: Working) -> None:
    for ending in ("", "-wal", "-shm"):
        os.truncate(f"{working.db}{ending}", 100)
    (working.penguin.folder / "go").touch()
    assert "nothing can be recorded" in working.end()
    assert working.worker.returncode == 1
    assert "is damaged" in working.penguin("-c", "/workflow list").err
    assert re.search(r"should hold 3 workflows: .*ituv-gated-\w{6}", working.penguin("check").out)


def test_an_engine_that_is_stopped_at_once_saves_it_too(working: Working) -> None:
    delete_logs(working.db)
    working.worker.send_signal(signal.SIGTERM)
    working.end()
    assert "penguin-saved-" in working.penguin("-c", "/workflow list").err


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_no_message_says_that_nothing_is_lost(working: Working, harm: Callable[[Path], None]) -> None:
    harm(working.db)
    for arguments in (("-c", "/workflow list"), ("check",), ("-c", "/workflow start after"), ("-c", "/backup b.db")):
        ran = working.penguin("--detach", *arguments)
        assert "nothing is lost" not in ran.out + ran.err
        assert re.search(r"ituv-(person|gated)-\w{6}|penguin check", ran.out + ran.err), arguments
    checked = working.penguin("check")
    assert checked.code == 1
    assert re.search(r"ituv-person-\w{6}", checked.out)
    assert str(working.penguin.folder / "copy.db") in checked.out


def test_a_database_that_was_overwritten_by_a_whole_copy_is_no_loss(working: Working) -> None:
    working.penguin("-c", "/backup new.db")
    shutil.copy(working.penguin.folder / "new.db", working.db)
    (working.penguin.folder / "go").touch()
    assert working.penguin("-c", "/workflow wait gated").code == 0
    working.worker.send_signal(signal.SIGTERM)
    assert "nothing can be recorded" not in working.end()
    assert working.penguin("check").code == 0


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_an_engine_builds_an_emptied_index_of_its_log_anew(working: Working, size: int) -> None:
    """Nothing is lost: the log has all that its index had."""
    os.truncate(f"{working.db}-shm", size)
    (working.penguin.folder / "go").touch()
    assert working.penguin("-c", "/workflow wait gated").code == 0
    working.worker.send_signal(signal.SIGTERM)
    err = working.end()
    assert working.worker.returncode == 0
    assert "nothing can be recorded" not in err
    assert working.penguin("check").code == 0


def test_a_process_that_only_waits_survives_emptied_files(working: Working) -> None:
    waiting = working.penguin.begin("-c", "/workflow wait gated --timeout 10")
    watching = working.penguin.begin("-c", "/workflow logs gated --follow")
    for process in (waiting, watching):
        wait_until(partial(has_mapped, process, f"{working.db}-shm"), process=process)
    empty_all(working.db)
    (working.penguin.folder / "go").touch()
    for process in (waiting, watching):
        _, err = process.communicate(timeout=30)
        assert process.returncode >= 0
        assert err.strip()


def has_mapped(process: subprocess.Popen[str], path: str) -> bool:
    return path in Path(f"/proc/{process.pid}/maps").read_text()


# --- an older copy, with no engine alive ---


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A workspace with an older copy of its database, for tests that only read."""
    folder = tmp_path_factory.mktemp("older")
    (folder / "penguin.yaml").write_text(CONFIG)
    (folder / "tasks.md").write_text(TASKS)
    penguin = Program(folder)
    penguin("-c", "/workflow start person", "-c", "/workflow wait person --for BLOCKED", "-c", "/backup copy.db")
    assert penguin("-c", "/workflow approve person --by ada").code == 0
    delete_logs(folder / ".penguin/penguin.db")
    (folder / "copy.db").rename(folder / ".penguin/penguin.db")
    return penguin


@pytest.mark.parametrize("line", READING)
def test_every_reading_command_warns(older: Program, line: str) -> None:
    read = older("-c", line)
    assert read.code == 0
    assert re.search(r"has lost the newest decisions of 1 workflow: ituv-person-\w{6}", read.err)
    assert str(older.folder / ".penguin/penguin.db") in read.err
    assert read.err.count("has lost") == 1


def test_a_backup_that_holds_a_part_of_what_is_lost_is_named(penguin: Program) -> None:
    lines = ("/workflow start person", "/workflow wait person --for BLOCKED", "/backup copy.db")
    penguin(*(f"--command={line}" for line in (*lines, "/workflow approve person --by ada")))
    delete_logs(penguin.folder / ".penguin/penguin.db")
    empty(penguin.folder / ".penguin/penguin.db")
    listed = penguin("-c", "/workflow list")
    assert f"restore {penguin.folder / 'copy.db'}" in listed.err
    assert "holds 0 of 1 lost workflow completely, 1 in part" in listed.err


def test_a_database_that_is_damaged_names_what_it_held(penguin: Program) -> None:
    penguin("-c", "/workflow start quick --wait", "-c", "/backup copy.db")
    db = penguin.folder / ".penguin/penguin.db"
    delete_logs(db)
    db.write_bytes(b"just text " * 1000)
    assert "penguin check names what may be lost" in penguin("-c", "/workflow list").err
    checked = penguin("check")
    assert checked.code == 1
    assert re.search(r"should hold 1 workflow: ituv-quick-\w{6}; restore ", checked.out)
    assert "holds 1 of 1 lost workflow completely" in checked.out


@pytest.mark.parametrize("harm", [empty, delete], ids=["empty", "deleted"])
def test_backing_up_a_database_that_is_gone_says_what_was_lost(penguin: Program, harm: Callable[[Path], None]) -> None:
    penguin("-c", "/workflow start quick")
    db = penguin.folder / ".penguin/penguin.db"
    delete_logs(db)
    harm(db)
    made = penguin("-c", "/backup b.db")
    assert made.code == 1
    assert re.search(r"has lost 1 workflow: ituv-quick-\w{6}", made.err)
    assert "the first start creates it" not in made.err
    assert not (penguin.folder / "b.db").exists()


def test_in_a_clone_that_is_not_trusted_the_next_command_is_trust(
    penguin: Program, tmp_path_factory: pytest.TempPathFactory
) -> None:
    penguin("--detach", "-c", "/workflow start quick")
    penguin("-c", "/workflow list")
    clone = Program(tmp_path_factory.mktemp("clones") / "clone")
    shutil.copytree(penguin.folder, clone.folder)
    (clone.folder / ".penguin/workspace.key").unlink()
    status = clone("-c", "/workflow status quick")
    assert "penguin trust" in status.out
    assert "penguin worker" not in status.out
    (document,) = clone("-o", "json", "-c", "/workflow status quick").documents
    assert document["advice"] == "penguin trust"
    checked = clone("check")
    assert "penguin trust" in checked.err
