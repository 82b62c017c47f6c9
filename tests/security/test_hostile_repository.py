"""Opening another person's repository runs nothing of it, and writes nothing."""

from __future__ import annotations

import shutil
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
    "/workflow diff quick",
    "/workflow logs quick",
    "/workflow history quick",
    "/workflow results quick",
    "/task list",
    "/task show quick",
    "/task ready",
    "/blueprint list",
    "/blueprint lint",
    "/snapshot list",
    "/config",
    "/health",
)
CHANGING = (
    ("-c", "/workflow start quick"),
    ("-c", "/workflow resume quick"),
    ("-c", "/workflow feedback quick hello"),
    ("-c", "/workflow cancel quick"),
    ("-c", "/workflow prune --older-than 1d"),
    ("worker", "--until-settled"),
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
        return ran

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
    for line in READING:
        victim("-c", line)
    victim("check")
    assert "RUNNING" in victim("-c", "/workflow list").out
    assert victim.is_untouched()


def test_changing_commands_are_refused(victim: Victim) -> None:
    for arguments in CHANGING:
        ran = victim("-o", "json", *arguments)
        assert ran.code == 1, (arguments, ran)
        assert ran.documents[-1]["error"]["code"] in ("not_trusted", "unsafe_path"), (arguments, ran)
    assert victim.is_untouched()


def test_trust_shows_the_commands_and_writes_nothing_before_the_answer(victim: Victim) -> None:
    ran = victim("trust")
    assert ran.code == 1
    assert "\x1b" not in ran.out
    assert victim.is_untouched()


def test_a_shell_opens_lists_completes_and_quits(victim: Victim) -> None:
    with open_terminal(victim.folder, HOME=str(victim.home), XDG_STATE_HOME=str(victim.home / "state")) as shell:
        shell.see("penguin>")
        shell.enter("/workflow list").see("RUNNING")
        shell.enter("/workflow status q")
        shell.wait_until(lambda: shell.typed == "")
        shell.press("/workflow status q\t").see("quick").press("\x15")
        shell.enter("/blueprint lint")
        shell.enter("/workflow diff quick")
        shell.enter("/health").see("workers_polling")
        shell.enter("/quit")
        assert shell.exit_code() == 0
    assert victim.is_untouched()


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
