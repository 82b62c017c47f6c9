"""Lost records: what the program reports when its database, or the whole `.penguin`, has less than it had."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.program import Program, Ran
from tests.support.waiting import wait_until

LOST = "has lost"
GONE = "was deleted or moved"
PRUNE = "/workflow prune --older-than 1s"
WAITING = ("-c", "/workflow start person", "-c", "/workflow wait person --for BLOCKED")
"""Start a workflow that waits for a person."""


def truncate(db: Path) -> None:
    db.write_bytes(b"")


def delete(db: Path) -> None:
    db.unlink()


def go_back(db: Path) -> None:
    """Replace the database by the copy that was made before the last workflow."""
    shutil.copy(db.parent.parent / "copy.db", db)


HARMS = [truncate, delete, go_back]


def database(penguin: Program) -> Path:
    return penguin.folder / ".penguin" / "penguin.db"


def remove_logs(db: Path) -> None:
    for path in db.parent.glob(f"{db.name}-*"):
        path.unlink()


def newest(penguin: Program, task: str) -> str:
    """The id of the newest workflow of a task."""
    (found,) = penguin("-o", "json", "-c", f"/workflow list --task {task} --limit 1").documents
    return str(found["workflows"][0]["workflow_id"])


def with_loss(penguin: Program, harm: Callable[[Path], None], start: str = "/workflow start wrong --wait") -> str:
    """Run three workflows, the last one after a backup, harm the database, and return the id of the last one."""
    before = ["-c", "/workflow start quick --wait", "-c", "/workflow start after --wait", "-c", "/backup copy.db"]
    if "--wait" in start:
        ran = penguin(*before, "-c", start)
    else:
        assert penguin(*before).code == 0
        ran = penguin("--detach", "-c", start)
    assert (penguin.folder / "copy.db").exists()
    last = re.findall(r"^workflow_id: (\S+)", ran.out, re.MULTILINE)[-1]
    remove_logs(database(penguin))
    harm(database(penguin))
    return last


def assert_named(ran: Ran, workflow_id: str, said: str = LOST) -> None:
    assert said in ran.err
    assert workflow_id in ran.err
    assert "penguin check --accept" in ran.err


def command_of(ran: Ran) -> str:
    """The shell command that a message says to type."""
    found = re.search(r" with: (.*?); or continue", ran.out + ran.err)
    assert found, ran
    return found[1]


# --- a database that has less than it had ---


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
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


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_workflow_that_never_ran_is_missed_too(penguin: Program, harm: Callable[[Path], None]) -> None:
    last = with_loss(penguin, harm, "/workflow start wrong")
    assert not (penguin.folder / ".penguin" / "runs" / last).exists()
    assert_named(penguin("-c", "/workflow list"), last)
    refused = penguin("-c", "/workflow start gated")
    assert refused.code == 1
    assert_named(refused, last)
    assert last in penguin("check").out


def test_decisions_that_are_missing_are_counted(penguin: Program) -> None:
    penguin(*WAITING, "-c", "/backup copy.db")
    assert penguin("-c", "/workflow approve person --by ada").code == 0
    remove_logs(database(penguin))
    go_back(database(penguin))
    lost = f"{newest(penguin, 'person')} (has 5 of 6)"
    assert_named(penguin("-c", "/workflow list"), lost)
    refused = penguin("-c", "/workflow approve person --by ada")
    assert refused.code == 1
    assert_named(refused, lost)
    assert lost in penguin("check").out


def test_a_write_ahead_log_that_was_deleted_after_a_kill_is_noticed(penguin: Program) -> None:
    with working(penguin) as worker:
        penguin("--detach", "-c", "/workflow start quick", "-c", "/workflow wait quick", *WAITING)
        ids = [newest(penguin, task) for task in ("quick", "person")]
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
    assert Path(f"{database(penguin)}-wal").stat().st_size
    remove_logs(database(penguin))
    read = penguin("-c", "/workflow list")
    for one in ids:
        assert_named(read, one)
    assert penguin("check").code == 1
    assert penguin("worker", "--until-settled").code == 1


@contextmanager
def working(penguin: Program, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A worker that runs."""
    worker = penguin.begin("worker", *arguments)
    try:
        assert worker.stderr is not None
        assert "worker: running" in worker.stderr.readline()
        yield worker
    finally:
        worker.kill()
        worker.communicate(timeout=10)


def test_accepting_a_loss_is_one_command(penguin: Program) -> None:
    last = with_loss(penguin, go_back)
    accepted = penguin("check", "--accept")
    assert "continuing without 1 lost workflow" in accepted.err
    assert accepted.code == 0
    assert (penguin.folder / ".penguin" / "runs" / last).is_dir()
    assert penguin("-c", "/workflow list").err == ""
    assert penguin("-c", PRUNE, "-c", "/workflow start person").code == 5
    assert penguin("check").code == 0


def test_accepting_decisions_that_are_missing_keeps_the_workflow(penguin: Program) -> None:
    penguin(*WAITING, "-c", "/backup copy.db")
    penguin("-c", "/workflow approve person --by ada")
    remove_logs(database(penguin))
    go_back(database(penguin))
    assert penguin("check", "--accept").code == 0
    assert penguin("-c", "/workflow approve person --by ada").code == 0
    assert penguin("check").code == 0
    remove_logs(database(penguin))
    go_back(database(penguin))
    assert_named(penguin("-c", "/workflow list"), "(has 5 of 6)")


def test_accepting_nothing_changes_nothing(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    accepted = penguin("check", "--accept")
    assert accepted.code == 0
    assert "continuing without 0 lost workflows" in accepted.err
    assert penguin("-c", "/workflow list", "--accept").code == 2
    truncate(database(penguin))
    assert_named(penguin("-c", "/workflow list"), "quick")


def test_a_step_can_not_accept_a_loss(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    one = newest(penguin, "quick")
    shutil.rmtree(database(penguin).parent)
    config = penguin.folder / "penguin.yaml"
    command = f"{' '.join(penguin.command)} check --accept > said 2>&1; test $? = 1"
    config.write_text(config.read_text().replace("echo done", command))
    penguin("-c", "/workflow start person")
    assert "accept a loss" in (penguin.folder / "said").read_text()
    assert_named(penguin("-c", "/workflow list"), one, GONE)


# --- backups ---


@pytest.mark.parametrize("harm", [truncate, delete], ids=lambda harm: harm.__name__)
def test_a_backup_is_found_and_the_command_restores_it(
    penguin: Program, harm: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("backups")
    old, new = tmp_path / "old copy.db", tmp_path / "new.db"
    penguin("-c", "/workflow start quick --wait", "-c", f"/backup '{old}'", *WAITING, "-c", f"/backup {new}")
    remove_logs(database(penguin))
    harm(database(penguin))
    checked = penguin("check")
    assert f"backup: {new} of " in checked.out
    assert "holds 2 of 2 lost workflows completely" in checked.out
    assert f"backup: {old} of " in checked.out
    assert "holds 1 of 2 lost workflows completely" in checked.out
    assert [one["lost_workflows"] for one in penguin("-o", "json", "check").documents[0]["backups"]] == [2, 1]
    assert command_of(penguin("-c", "/workflow list")) == command_of(checked)
    subprocess.run(command_of(checked), shell=True, check=True, cwd=tmp_path)
    assert penguin("check").code == 0
    assert penguin("-c", "/workflow list").err == ""
    new.unlink()
    truncate(database(penguin))
    subprocess.run(command_of(penguin("check")), shell=True, check=True, cwd=tmp_path)
    assert_named(penguin("-c", "/workflow list"), newest_lost(penguin))


def newest_lost(penguin: Program) -> str:
    found = re.search(r"ituv-person-\w{6}", penguin("check").out)
    assert found
    return found[0]


def test_without_a_loss_no_backup_is_named(penguin: Program) -> None:
    penguin("-c", "/workflow start quick", "-c", "/backup copy.db")
    assert "copy.db" not in penguin("check").out


def test_files_that_look_like_a_backup_are_no_trouble(penguin: Program) -> None:
    with_loss(penguin, truncate)
    other = sqlite3.connect(penguin.folder / "other.db")
    other.execute("CREATE TABLE run (a)")
    other.close()
    (penguin.folder / "torn.db").write_bytes((penguin.folder / "copy.db").read_bytes()[:5000])
    os.mkfifo(penguin.folder / "pipe.db")
    (penguin.folder / "link.db").symlink_to("copy.db")
    named = [line for line in penguin("check").out.split("\n") if line.startswith("backup: ")]
    assert [line.split()[1] for line in named] == [str(penguin.folder / "copy.db")]


# --- a `.penguin` that was deleted or moved ---


def test_a_deleted_workspace_is_reported_and_work_continues(penguin: Program) -> None:
    penguin("-c", "/workflow start quick", "-c", "/workflow start person")
    ids = [newest(penguin, task) for task in ("quick", "person")]
    shutil.rmtree(database(penguin).parent)
    for line in ("/workflow list", "/workflow status", f"/workflow status {ids[0]}"):
        for one in ids:
            assert_named(penguin("-c", line), one, GONE)
    checked = penguin("check")
    assert checked.code == 1
    assert ids[0] in checked.out
    assert not database(penguin).parent.exists()
    started = penguin("-c", "/workflow start wrong --wait")
    assert started.code == 5
    assert_named(started, ids[1], GONE)
    assert started.err.count(GONE) == 1
    read = penguin("-c", "/workflow list")
    assert "ituv-wrong-" in read.out
    assert_named(read, ids[0], GONE)
    assert penguin("check", "--accept").code == 0
    assert penguin("-c", "/workflow list").err == ""
    assert penguin("check").code == 0


def test_accepting_needs_no_new_workspace(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    shutil.rmtree(database(penguin).parent)
    assert "continuing without 1 lost workflow" in penguin("check", "--accept").err
    assert not database(penguin).parent.exists()
    assert penguin("-c", "/workflow list").err == ""
    assert GONE not in penguin("-c", "/workflow start quick").err


def test_the_same_task_again_does_not_hide_what_is_missing(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    one = newest(penguin, "quick")
    shutil.rmtree(database(penguin).parent)
    penguin("-c", "/workflow start quick")
    assert newest(penguin, "quick") == one
    assert_named(penguin("-c", "/workflow list"), one, GONE)


def test_an_empty_workspace_is_deleted_without_a_word(penguin: Program) -> None:
    penguin("--detach", "-c", "/health")
    penguin("worker", "--until-settled")
    shutil.rmtree(database(penguin).parent)
    assert penguin("-c", "/workflow list").err == ""
    assert penguin("check").code == 0


def test_a_workspace_that_is_moved_back_lacks_nothing(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    state = database(penguin).parent
    state.rename(penguin.folder / "away")
    penguin("-c", "/workflow start person")
    command = command_of(penguin("check"))
    subprocess.run(command, shell=True, check=True)
    read = penguin("-c", "/workflow list")
    assert "ituv-quick-" in read.out
    # Now the one that was used meanwhile is the one that is missing.
    assert_named(read, "ituv-person-", GONE)
    assert "ituv-quick-" not in read.err
    assert penguin("check", "--accept").code == 0
    assert penguin("check").code == 0


def test_a_moved_project_leaves_no_warning_behind(penguin: Program, tmp_path_factory: pytest.TempPathFactory) -> None:
    penguin("-c", "/workflow start quick")
    moved = Program(tmp_path_factory.mktemp("moves") / "elsewhere")
    shutil.copytree(penguin.folder, moved.folder, ignore=shutil.ignore_patterns(".penguin"))
    database(penguin).parent.rename(moved.folder / ".penguin")
    moved("-c", "/workflow start person")
    assert moved("-c", "/workflow list").err == ""
    assert penguin("-c", "/workflow list").err == ""
    assert penguin("check").code == 0


def test_a_backup_replaces_a_deleted_workspace(penguin: Program) -> None:
    penguin("-c", "/workflow start quick --wait", "-c", "/backup copy.db", "-c", "/workflow start person")
    shutil.rmtree(database(penguin).parent)
    subprocess.run(
        command_of(penguin("check")).replace("penguin trust", f"{' '.join(penguin.command)} trust"),
        shell=True,
        check=True,
        cwd=penguin.folder,
    )
    read = penguin("-c", "/workflow list")
    assert "ituv-quick-" in read.out
    assert_named(read, "ituv-person-", GONE)
    assert "ituv-quick-" not in read.err


def test_a_backup_of_a_deleted_workspace_does_not_replace_the_one_in_use(penguin: Program) -> None:
    penguin("-c", "/workflow start quick", "-c", "/backup copy.db")
    shutil.rmtree(database(penguin).parent)
    started = penguin("-c", "/workflow start person")
    one = newest(penguin, "person")
    command = command_of(started)
    subprocess.run(
        command.replace("penguin trust", f"{' '.join(penguin.command)} trust"),
        shell=True,
        check=True,
        cwd=penguin.folder,
    )
    read = penguin("-c", "/workflow list")
    assert "ituv-quick-" in read.out
    assert one in read.err
    assert ".penguin.other" in read.err
    connection = sqlite3.connect(penguin.folder / ".penguin.other" / "penguin.db")
    assert connection.execute("SELECT workflow_id FROM run").fetchall() == [(one,)]
    connection.close()


@pytest.mark.parametrize(
    "arguments",
    [("worker",), ("worker", "--until-settled"), ("-c", "/workflow start gated --wait")],
    ids=["worker", "until settled", "wait"],
)
def test_an_engine_whose_workspace_is_gone_ends(penguin: Program, arguments: tuple[str, ...]) -> None:
    if arguments[0] == "worker":
        penguin("--detach", "-c", "/workflow start gated")
    engine = penguin.begin(*arguments)
    runs = penguin.folder / ".penguin" / "runs"
    wait_until(lambda: list(runs.glob("ituv-gated-*/*-verify/*.start.json")), "the check of VERIFY")
    one = newest(penguin, "gated")
    away = penguin.folder / "away"
    database(penguin).parent.rename(away)
    try:
        _, err = engine.communicate(timeout=30)
        assert engine.returncode == 1
        assert "was moved, deleted or replaced" in err
        assert "Traceback" not in err
        assert not database(penguin).parent.exists()
        assert_named(penguin("-c", "/workflow list"), one, GONE)
    finally:
        engine.kill()
    away.rename(database(penguin).parent)
    (penguin.folder / "go").touch()
    assert penguin("-c", "/workflow resume gated").code == 0
    assert penguin("check").code == 0


# --- no false alarm ---


def test_no_false_alarm(penguin: Program) -> None:
    assert penguin("-c", "/workflow list").err == ""
    assert penguin("check").code == 0
    penguin("-c", "/workflow start quick", "-c", "/workflow start wrong")
    # As a crash of a retry leaves it: a folder without an attempt; and as one of a pruning does: it is marked.
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


def test_readers_and_pruning_during_work_raise_no_false_alarm(penguin: Program) -> None:
    with working(penguin, "--max-parallel", "4"):
        for _ in range(4):
            penguin("--detach", "-c", "/workflow start quick", "-c", "/workflow list", "-c", "/workflow wait quick")
            for line in ("/workflow list", PRUNE.replace("1s", "0s"), "/workflow list"):
                assert penguin("-c", line).err == ""
            assert penguin("check").code == 0


def test_a_workspace_without_an_index_gets_one(penguin: Program) -> None:
    """As one of an earlier Penguin is: with a key, but without an index."""
    penguin("-c", "/workflow start quick")
    key = (penguin.folder / ".penguin" / "workspace.key").read_text().strip()
    index = Path(os.environ["XDG_STATE_HOME"], "penguin", "workspaces", f"{key}.workflows")
    index.unlink()
    assert penguin("-c", "/workflow list").err == ""
    penguin("-c", "/workflow start person")
    assert [line.split()[1] for line in index.read_text().splitlines() if "quick" in line] == ["5"]
    index.unlink()
    truncate(database(penguin))
    remove_logs(database(penguin))
    # Run folders tell it, too.
    refused = penguin("-c", "/workflow start wrong")
    assert refused.code == 1
    assert_named(refused, "ituv-quick-")


def test_a_copy_gets_an_index_of_its_own(penguin: Program, tmp_path_factory: pytest.TempPathFactory) -> None:
    penguin("-c", "/workflow start quick")
    copied = Program(tmp_path_factory.mktemp("copies") / "copied")
    shutil.copytree(penguin.folder, copied.folder, ignore=shutil.ignore_patterns("engines"))
    copied("-c", "/workflow start person")
    assert LOST not in copied("-c", "/workflow list").err
    assert penguin("-c", "/workflow list").err == ""
    assert penguin("check").code == 0
    truncate(database(copied))
    remove_logs(database(copied))
    assert_named(copied("-c", "/workflow list"), "ituv-person-")
