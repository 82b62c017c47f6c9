"""Lost records: messages if run folders exist without their rows."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.program import Program, Ran

LOST = "has lost"


def truncate(db: Path) -> None:
    db.write_bytes(b"")


def delete(db: Path) -> None:
    db.unlink()


def go_back(db: Path) -> None:
    """Restore the copy made before the last workflow, as if the write-ahead log was lost."""
    shutil.copy(db.parent.parent / "copy.db", db)


def with_loss(penguin: Program, harm: Callable[[Path], None]) -> str:
    """Run three workflows, damage the database, and return the id of the last one."""
    penguin("-c", "/workflow start quick", "-c", "/workflow start after")
    assert penguin("-c", "/backup copy.db").code == 0
    penguin("-c", "/workflow start wrong --wait")
    (last,) = [path.name for path in (penguin.folder / ".penguin" / "runs").iterdir() if "wrong" in path.name]
    db = penguin.folder / ".penguin" / "penguin.db"
    for path in db.parent.glob("penguin.db-*"):
        path.unlink()
    harm(db)
    return last


@pytest.mark.parametrize("harm", [truncate, delete, go_back], ids=lambda harm: harm.__name__)
def test_reading_warns_and_everything_else_refuses(penguin: Program, harm: Callable[[Path], None]) -> None:
    last = with_loss(penguin, harm)
    for line in ("/workflow list", "/workflow status"):
        read = penguin("-o", "json", "-c", line)
        assert read.code == 0
        assert_named(read, last)
    unknown = penguin("-c", f"/workflow status {last}")
    assert unknown.code == 1
    assert_named(unknown, last)
    checked = penguin("check")
    assert checked.code == 1
    assert last in checked.out
    assert "run folder without" not in checked.out
    for arguments in (("-c", "/workflow start gated"), ("worker", "--until-settled"), ("-c", PRUNE)):
        refused = penguin(*arguments)
        assert refused.code == 1, arguments
        assert_named(refused, last)
    assert (penguin.folder / ".penguin" / "runs" / last).is_dir()


PRUNE = "/workflow prune --older-than 1s"


def assert_named(ran: Ran, workflow_id: str) -> None:
    assert LOST in ran.err
    assert workflow_id in ran.err
    assert "/backup" in ran.err


def test_the_hint_restores_the_workspace(penguin: Program) -> None:
    with_loss(penguin, truncate)
    runs = penguin.folder / ".penguin" / "runs"
    assert f"mv {runs} {runs}.old" in penguin("-c", "/workflow list").err
    runs.rename(f"{runs}.old")
    assert penguin("-c", "/workflow start quick --wait").code == 0
    assert penguin("check").code == 0


def test_a_backup_of_all_ends_the_warning(penguin: Program) -> None:
    penguin("-c", "/workflow start quick --wait")
    penguin("-c", "/backup copy.db")
    db = penguin.folder / ".penguin" / "penguin.db"
    truncate(db)
    assert LOST in penguin("-c", "/workflow list").err
    go_back(db)
    assert penguin("check").code == 0
    assert LOST not in penguin("-c", "/workflow list").err


def test_no_false_alarm(penguin: Program) -> None:
    assert penguin("-c", "/workflow list").err == ""
    assert penguin("check").code == 0
    penguin("-c", "/workflow start quick", "-c", "/workflow start wrong")
    # A crash of a retry leaves a folder without an attempt; a crash of pruning leaves a folder whose task is noted.
    runs = penguin.folder / ".penguin" / "runs"
    (runs / "ituv-quick-ffffff").mkdir()
    (gone,) = [path for path in runs.iterdir() if "wrong" in path.name]
    shutil.copytree(gone, penguin.folder / "kept")
    assert penguin("-c", "/workflow cancel wrong").code in (0, 1)
    assert penguin("-c", PRUNE.replace("1s", "0s")).code == 0
    if not gone.exists():
        (penguin.folder / "kept").rename(gone)
    read = penguin("-c", "/workflow list")
    assert LOST not in read.err
    assert penguin("check").code == 0


def test_damaged_records_are_named_and_no_unexpected_error(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    connection = sqlite3.connect(penguin.folder / ".penguin" / "penguin.db", isolation_level=None)
    damage = "UPDATE event SET data = replace(data, '\"steps\":[', '\"steps\":[7,')"
    connection.execute(damage)
    connection.close()
    for line in ("/workflow results quick", "/workflow history quick", "/workflow resume quick"):
        ran = penguin("-o", "json", "-c", line)
        if ran.code:
            assert ran.documents[-1]["error"]["code"] != "unexpected", line
    ran = penguin("-c", "/workflow results quick")
    assert ran.code == 1
    assert "damaged" in ran.err
    assert "penguin check" in ran.err
    assert penguin("check").code == 1


def test_evidence_that_was_fetched_and_is_damaged_is_named(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    (folder,) = (penguin.folder / ".penguin" / "runs").glob("*/1-implement")
    (folder / "evidence.json").write_bytes(b'{"verdict')
    ran = penguin("-c", "/workflow results quick")
    assert ran.code == 1
    assert "evidence.json is damaged" in ran.err
    assert "rm " in ran.err
