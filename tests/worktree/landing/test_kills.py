"""SIGKILL during a landing: the branch is at one commit or the other, the next call lands, and nothing is lost."""

from __future__ import annotations

import random
import re
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.worktree.landing.landing_process import killed_landing, start_landing
from tests.worktree.landing.users_repository import TARGET, UsersRepository, files_of, landed, writing

import penguin.orchestration.worktree.landing
from penguin.orchestration.worktree.landing import LandingRequest, land, recover

MOVING = (
    "landing.objects.before",
    "landing.objects.after",
    "landing.kept.after",
    "landing.commit.before",
    "landing.commit.after",
    "landing.intent.before",
    "landing.intent.after",
    "landing.plan.before",
    "landing.plan.after",
    "landing.move.before",
    "landing.move.after",
    "landing.done.before",
    "landing.done.after",
)
CHECKOUT = (
    "landing.lock.before",
    "landing.lock.after",
    "landing.stage.before",
    "landing.stage.after",
    "landing.remove.before",
    "landing.remove.before:2",
    "landing.remove.after",
    "landing.remove.after:2",
    "landing.place.before",
    *(f"landing.place.before:{number}" for number in range(2, 6)),
    *(f"landing.place.after:{number}" for number in range(1, 6)),
    "landing.index.before",
    "landing.index.after",
    "landing.release.before",
    "landing.release.after",
)
LATE = ("landing.late.after",)
"""See test_under_way.py."""
UNDO = ("landing.undo.before", "landing.release.before", "landing.release.after", "landing.undo.after")
AFTER_MOVE = ("landing.move.after", "landing.done", "landing.remove", "landing.place", "landing.index", "landing.rel")


def test_every_failpoint_is_tested() -> None:
    sources = Path(penguin.orchestration.worktree.landing.__file__).parent.glob("*.py")
    there = {name for path in sources for name in re.findall(r'\breach\("([a-z.]+)"\)', path.read_text())}
    assert there == {name.partition(":")[0] for name in MOVING + CHECKOUT + LATE + UNDO}


def change(top: Path) -> None:
    writing(code__py="print(2)\n", new___file="n\n", folder___inner="was a file\n", lib="was a folder\n")(top)
    (top / "link").symlink_to("code.py")


def prepare(top: Path) -> None:
    (top / "lib" / "util.py").unlink()
    (top / "lib").rmdir()
    (top / "folder").unlink()


@pytest.fixture
def user(tmp_path: Path) -> UsersRepository:
    """A user with changes of all kinds, none of which overlaps with the work."""
    user = UsersRepository(tmp_path)
    user.write("folder", "a file\n")
    user.write("staged.py", "1\n")
    user.write("deleted.py", "1\n")
    user.commit("more")
    user.write("stashed", "in the stash\n")
    user.git("stash", "push", "-q", "--include-untracked")
    user.write("other.py", "the user's own change\n")
    user.write("staged.py", "2\n")
    user.git("add", "staged.py")
    user.write("staged.py", "3\n")
    user.write("added.py", "1\n")
    user.git("add", "--intent-to-add", "added.py")
    (user.top / "deleted.py").unlink()
    user.write(".env", "secret\n")
    user.write("untracked", "mine\n")
    return user


def request_of(user: UsersRepository, branch: str) -> LandingRequest:
    def all_changes(top: Path) -> None:
        prepare(top)
        change(top)

    return replace(user.work(all_changes), branch=branch)


class Landing:
    """A landing on the branch that is checked out, and what must hold before, during and after it."""

    def __init__(self, user: UsersRepository) -> None:
        self.user = user
        self.branch = user.target("current")
        self.request = request_of(user, self.branch)
        self.tip = user.tip(self.branch)
        self.untouched = self.users_files()
        self.stash = user.git("stash", "list", "--format=%H")
        self.status = user.git("status", "--porcelain=v2", "-z")

    def users_files(self) -> dict[str, tuple[int, bytes]]:
        theirs = ("code.py", "new/file", "lib", "lib/util.py", "folder", "folder/inner", "link")
        return {name: about for name, about in files_of(self.user.top).items() if name not in theirs}

    def holds(self, *, moved: bool | None = None) -> None:
        """Check what holds at any moment."""
        tip = self.user.tip(self.branch)
        if tip != self.tip:
            assert self.user.git("rev-parse", f"{tip}^", f"{tip}^{{tree}}").split() == [
                self.tip,
                self.request.passed_tree,
            ]
        assert moved is None or moved == (tip != self.tip)
        assert self.users_files() == self.untouched
        assert self.user.git("stash", "list", "--format=%H") == self.stash

    def is_done(self) -> None:
        """Check what holds after the landing."""
        self.holds(moved=True)
        assert self.user.read("code.py") == "print(2)\n"
        assert self.user.read("folder/inner") == "was a file\n"
        assert self.user.read("lib") == "was a folder\n"
        assert (self.user.top / "link").readlink() == Path("code.py")
        assert self.user.git("status", "--porcelain=v2", "-z") == self.status
        self.user.is_whole()


@pytest.mark.parametrize("failpoint", MOVING)
def test_a_landing_beside_the_checkout(user: UsersRepository, failpoint: str) -> None:
    user.target()
    request = request_of(user, TARGET)
    before, tip = user.traces(), user.tip()
    killed_landing(request, failpoint)
    assert (user.tip() != tip) == failpoint.startswith(AFTER_MOVE)
    assert user.traces() == before
    outcome = landed(land(request))
    assert outcome == (TARGET, user.tip(), tip)
    assert user.git("rev-parse", f"{TARGET}^{{tree}}", f"{TARGET}^").split() == [request.passed_tree, tip]
    assert user.traces() == before
    user.is_whole()


@pytest.mark.parametrize("failpoint", MOVING + CHECKOUT)
def test_a_landing_on_the_branch_that_is_checked_out(user: UsersRepository, failpoint: str) -> None:
    landing = Landing(user)
    killed_landing(landing.request, failpoint)
    landing.holds(moved=failpoint.startswith(AFTER_MOVE))
    landed(land(landing.request))
    landing.is_done()


@pytest.mark.parametrize("failpoint", UNDO)
def test_the_recovery_before_the_move(user: UsersRepository, failpoint: str) -> None:
    landing = Landing(user)
    killed_landing(landing.request, "landing.plan.after")
    killed_landing(landing.request, failpoint)
    landing.holds(moved=False)
    landed(land(landing.request))
    landing.is_done()


@pytest.mark.parametrize("failpoint", ["landing.place.after:2", "landing.index.after", *UNDO, "landing.done.after"])
def test_the_recovery_after_the_move(user: UsersRepository, failpoint: str) -> None:
    landing = Landing(user)
    killed_landing(landing.request, "landing.place.after:2")
    killed_landing(landing.request, failpoint)
    landing.holds(moved=True)
    landed(land(landing.request))
    landing.is_done()


def test_a_landing_that_is_not_repeated_leaves_no_lock(user: UsersRepository) -> None:
    """A workflow that is cancelled only recovers."""
    landing = Landing(user)
    killed_landing(landing.request, "landing.plan.after")
    assert recover(landing.request.repository, landing.request.folder) is None
    landing.holds(moved=False)
    user.is_whole()
    user.git("commit", "-qm", "the user goes on")


@pytest.mark.parametrize("seed", range(10))
def test_random_kills_while_the_checkout_follows(tmp_path: Path, seed: int) -> None:
    """10 kills of one landing leave only files of the old and the new commit, and the next call completes them."""
    user = UsersRepository(tmp_path)
    names = [f"folder{number % 9}/file{number}" for number in range(120)]
    for name in names:
        user.write(name, "old\n")
    user.commit("files")
    user.write("other.py", "the user's own change\n")
    branch = user.target("current")
    request = replace(user.work(lambda top: [_write(top / name, "new\n") for name in names]), branch=branch)
    chosen = random.Random(seed)
    killed_landing(request, f"landing.place.before:{chosen.randrange(1, 20)}")
    for _ in range(8):
        place = chosen.choice(("before", "after"))
        killed_landing(request, f"landing.place.{place}:{chosen.randrange(1, 10)}")
        assert {user.read(name) for name in names} <= {"old\n", "new\n"}
    _kill_at_random(request, chosen.random())
    landed(land(request))
    assert {user.read(name) for name in names} == {"new\n"}
    assert user.git("status", "--porcelain") == " M other.py\n"
    assert user.read("other.py") == "the user's own change\n"
    assert user.git("rev-list", "--count", f"{request.base}..{branch}").strip() == "1"
    user.is_whole()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def _kill_at_random(request: LandingRequest, part: float) -> None:
    """Kill the process at any moment of its life."""
    with start_landing(request) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(part)
        process.kill()
