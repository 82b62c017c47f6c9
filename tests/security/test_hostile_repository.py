"""Opening another person's repository runs nothing of it, and writes nothing."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.security.hostile import Hostile, commit_state, configure_git, git, hostile, program, snapshot
from tests.support.program import Ran
from tests.support.terminal import open_terminal

READING = (
    "/workflow list",
    "/workflow list --status active",
    "/workflow status quick",
    "/workflow history quick",
    "/workflow results quick",
    "/task list",
    "/task show quick",
    "/task ready",
    "/blueprint list",
    "/blueprint lint",
    "/snapshot list",
    "/snapshot show s",
    "/workflow artifacts quick",
    "/workflow list --total --sort updated",
    "/blueprint show basics",
    "/task graph --format dot",
    "/config",
    "/health",
    "/help",
)
RAW = ("/workflow diff quick", "/workflow logs quick")
"""Commands that print the output of programs unchanged into a pipe."""
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
CHANGING = (
    "/workflow start quick",
    "/workflow resume quick",
    "/workflow feedback quick hello",
    "/workflow cancel quick",
    "/workflow prune --older-than 1d",
)


class Victim:
    """A user who opens the repository, with a separate home folder."""

    def __init__(self, made: Hostile, folder: Path, home: Path) -> None:
        self.made = made
        self.folder = folder
        self.home = home
        home.mkdir()
        (home / ".bashrc").write_text("# mine\n")
        self._before = self._snapshot()

    def _snapshot(self) -> dict[str, tuple[int, int, bytes]]:
        return snapshot(self.folder, self.home, self.made.target)

    def __call__(self, *arguments: str) -> Ran:
        ran = program(self.folder, self.home / "state", *arguments, home=self.home)
        assert "Traceback" not in ran.err
        assert "unexpected" not in ran.err
        assert ran.code in range(6), ran
        assert not CONTROLS.search(ran.err), ran.err
        if not any(argument.endswith(RAW) for argument in arguments):
            assert not CONTROLS.search(ran.out), ran.out
        return ran

    def read(self, *lines: str, output: str = "text") -> Ran:
        """Run several lines in one process."""
        return self("--keep-going", "-o", output, *(f"--command={line}" for line in lines))

    def is_untouched(self) -> bool:
        """Check that nothing of the repository ran, and that no file changed."""
        assert self.made.ran == ""
        after = self._snapshot()
        assert {path: row for path, row in after.items() if self._before.get(path) != row} == {}
        assert self._before.keys() == after.keys()
        return True


@pytest.fixture
def made(tmp_path: Path) -> Hostile:
    return hostile(tmp_path)


def cloned(made: Hostile) -> Path:
    """A repository with `.penguin` under version control."""
    commit_state(made)
    folder = made.folder.parent / "clone"
    git(made.folder.parent, "clone", "-q", str(made.folder), str(folder))
    return folder


def unpacked(made: Hostile) -> Path:
    """A repository from an archive, with `.git/config` and the author's key."""
    configure_git(made)
    folder = made.folder.parent / "unpacked"
    shutil.copytree(made.folder, folder, symlinks=True)
    return folder


@pytest.fixture(params=[cloned, unpacked])
def victim(made: Hostile, request: pytest.FixtureRequest, tmp_path: Path) -> Victim:
    opened: Callable[[Hostile], Path] = request.param
    return Victim(made, opened(made), tmp_path / "home")


def test_reading_runs_and_writes_nothing(victim: Victim) -> None:
    victim.read(*READING)
    victim.read(*READING, output="json")
    victim.read(*RAW)
    victim("check")
    assert "RUNNING" in victim("-c", "/workflow list").out
    assert victim.is_untouched()


def test_the_traps_would_catch_a_careless_program(made: Hostile) -> None:
    folder = unpacked(made)
    for arguments in (("status",), ("diff",), ("log", "-p", "--ext-diff")):
        subprocess.run(["git", *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    caught = made.ran
    for trap in ("worktree", "process"):
        assert trap in caught, (trap, caught)


def test_a_repository_without_state_is_read_without_making_any(made: Hostile, tmp_path: Path) -> None:
    folder = unpacked(made)
    shutil.rmtree(folder / ".penguin")
    victim = Victim(made, folder, tmp_path / "home")
    # /health opens the engine, which makes `.penguin`.
    victim.read(*(line for line in (*READING, *RAW) if line != "/health"))
    victim("check")
    victim("trust")
    assert victim.is_untouched()


def test_changing_commands_are_refused(victim: Victim) -> None:
    ran = victim.read(*CHANGING, output="json")
    assert ran.code == 1, ran
    errors = [document["error"]["code"] for document in ran.documents]
    assert len(errors) == len(CHANGING)
    assert {*errors} <= {"not_trusted", "unsafe_path"}, ran
    worker = victim("-o", "json", "worker", "--until-settled")
    assert worker.code == 1, worker
    assert worker.documents[-1]["error"]["code"] in ("not_trusted", "unsafe_path"), worker
    assert victim.is_untouched()


def test_trust_shows_the_commands_and_writes_nothing_before_the_answer(victim: Victim) -> None:
    ran = victim("trust")
    assert ran.code == 1
    assert "\x1b" not in ran.out
    assert victim.is_untouched()


def test_a_shell_opens_lists_completes_and_quits(victim: Victim) -> None:
    with open_terminal(victim.folder, HOME=str(victim.home), XDG_STATE_HOME=str(victim.home / "state")) as shell:
        shell.see("penguin>")
        shell.enter("/workflow list").see("waiting IMPLEMENT")
        shell.enter("/workflow status q")
        shell.wait_until(lambda: shell.typed == "")
        shell.press("/workflow status q\t").see("quick").press("\x15")
        shell.enter("/blueprint lint")
        shell.enter("/workflow diff quick")
        shell.enter("/health").see("workers polling")
        shell.enter("/quit")
        assert shell.exit_code() == 0
    assert victim.is_untouched()


@pytest.mark.parametrize("name", ["../../escaped", "/escaped", "sub/../../../escaped"])
def test_an_export_writes_no_file_where_the_name_in_the_database_leads(
    made: Hostile, tmp_path: Path, name: str
) -> None:
    database = made.folder / ".penguin" / "penguin.db"
    connection = sqlite3.connect(database, isolation_level=None)
    for file in (name, f"{name}2"):
        path = f"{tmp_path}{file}" if name.startswith("/") else file
        connection.execute(
            "INSERT INTO session_file SELECT snapshot_id, ?, bytes, data FROM session_file LIMIT 1", (path,)
        )
    connection.close()
    victim = Victim(made, made.folder, tmp_path / "home")
    assert victim("-c", "/snapshot export s out").code == 1
    assert not list(tmp_path.rglob("escaped*"))
    assert victim.is_untouched()


@pytest.mark.parametrize(
    "names",
    [("penguin.db",), ("runs", "engines"), ("workspace.key", "history", "log", "evidence", "missing")],
    ids=["database", "folders", "files"],
)
def test_a_pipe_in_place_of_a_file_holds_nobody_up(made: Hostile, tmp_path: Path, names: tuple[str, ...]) -> None:
    state = made.folder / ".penguin"
    (run,) = [path for path in (state / "runs").iterdir() if "quick" in path.name]
    (log,) = list(run.glob("1-implement/*.1.log"))
    places = {"log": log, "evidence": log.with_name("evidence.json"), "missing": run / "checkpoint.missing"}
    for name in names:
        path = places.get(name, state / name)
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    victim = Victim(made, made.folder, tmp_path / "home")
    victim.read(*READING)
    victim.read(*RAW)
    victim("check")
    victim("trust")
    assert made.ran == ""


@pytest.mark.parametrize("name", ["penguin.db", "penguin.db-wal", "penguin.db-shm", ""])
def test_a_database_or_state_folder_that_is_a_link_is_refused(made: Hostile, tmp_path: Path, name: str) -> None:
    state = made.folder / ".penguin"
    elsewhere = made.target / "elsewhere"
    if name:
        (state / name).rename(elsewhere) if (state / name).exists() else elsewhere.write_bytes(b"")
        (state / name).symlink_to(elsewhere)
    else:
        state.rename(elsewhere)
        state.symlink_to(elsewhere)
    victim = Victim(made, made.folder, tmp_path / "home")
    for arguments in (("-c", "/workflow list"), ("trust", "--yes"), ("-c", "/workflow start quick")):
        ran = victim("-o", "json", *arguments)
        if arguments[0] == "-c" or not name:
            assert ran.documents[-1]["error"]["code"] in ("unsafe_path", "not_trusted"), (arguments, ran)
    assert made.ran == ""
