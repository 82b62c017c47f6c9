"""The update of a checkout after its branch has moved. It can be repeated after a crash at any point.

Each file is renamed into place as a whole, from the staging folder: a file that is no longer there was placed before.
A file that is neither the old nor the new one belongs to the user, and is not touched.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.worktree.checkout import list_paths, prefixes
from penguin.orchestration.worktree.git import GitError
from penguin.orchestration.worktree.landing.checkouts import Checkout
from penguin.orchestration.worktree.landing.file_state import ABSENT, file_state, state_of
from penguin.orchestration.worktree.landing.index_lock import IndexLock
from penguin.orchestration.worktree.landing.record import CheckoutPlan, PlacedFile


class FilesChanged(Exception):
    """The user changed files after the branch moved. They are as the user left them."""

    def __init__(self, top: Path, paths: list[str]) -> None:
        self.paths = tuple(os.fsencode(path) for path in paths)
        super().__init__(f"files in {top} changed while the branch moved: {list_paths(self.paths)}")


def update_checkout(plan: CheckoutPlan, token: str) -> None:
    """Bring the files and the index of a checkout to the new commit, and remove the lock.

    Raises FilesChanged, LandingBusy if somebody removed our lock and another program has it now, GitError, OSError.
    """
    checkout = Checkout(Path(plan.top))
    if not checkout.top.is_dir():
        # The worktree was removed meanwhile.
        return
    lock = IndexLock(checkout, token)
    # Only the holder of the lock changes the index: another one is ours, or the lock was removed by a person.
    if state_of(checkout.index) == plan.index_before and (lock.staging / "index").exists():
        if not lock.is_ours:
            lock.take_soon()
        _Placement(plan, lock).run()
        _publish_index(lock)
    lock.release()


class _Placement:
    """The files of one checkout, on their way from the old to the new commit."""

    def __init__(self, plan: CheckoutPlan, lock: IndexLock) -> None:
        self._plan = plan
        self._top = lock.checkout.top
        self._staged = lock.staging / "files"

    def run(self) -> None:
        self._refuse([file.path for file in self._plan.files if not self._is_known(file)])
        gone = [file for file in self._plan.files if file.after == ABSENT]
        new = [file for file in self._plan.files if file.after != ABSENT]
        # First what goes: a folder may take the place of a file, and a file that of a folder.
        changed = [file.path for file in gone if not self._remove(file)]
        for path in self._plan.left:
            self._remove_folder(self._top / path)
        changed += [file.path for file in new if not self._place(file)]
        for path in self._plan.folders:
            with suppress(OSError):
                (self._top / path).mkdir(parents=True)
        self._refuse(changed)

    def _refuse(self, changed: list[str]) -> None:
        if changed:
            raise FilesChanged(self._top, changed)

    def _is_known(self, file: PlacedFile) -> bool:
        return self._state(file) in (file.before, file.after, ABSENT)

    def _state(self, file: PlacedFile) -> str:
        return file_state(self._top, os.fsencode(file.path))

    def _remove(self, file: PlacedFile) -> bool:
        """Remove a file, and the folders that it leaves empty. Return False if the user has changed it."""
        reach("landing.remove.before")
        state = self._state(file)
        if state not in (file.before, ABSENT):
            return False
        if state != ABSENT:
            (self._top / file.path).unlink()
        self._remove_folder((self._top / file.path).parent)
        reach("landing.remove.after")
        return True

    def _remove_folder(self, folder: Path) -> None:
        """Remove a folder and those above it, as long as they are empty."""
        with suppress(OSError):
            for each in (folder, *folder.parents):
                if each == self._top:
                    return
                each.rmdir()

    def _place(self, file: PlacedFile) -> bool:
        """Put a new file into its place. Return False if the user has changed what is there."""
        reach("landing.place.before")
        staged, target = self._staged / file.path, self._top / file.path
        if not os.path.lexists(staged):
            return True
        state = self._state(file)
        if state == file.after:
            return True
        if state not in (file.before, ABSENT) or not self._make_way(file.path):
            return False
        _rename(staged, target)
        reach("landing.place.after")
        return True

    def _make_way(self, path: str) -> bool:
        """Make the folders of a file, and remove empty folders in its place. Return False if something is there."""
        for above in prefixes(os.fsencode(path)):
            folder = self._top / os.fsdecode(above)
            with suppress(FileExistsError):
                folder.mkdir()
            if not stat.S_ISDIR(folder.lstat().st_mode):
                return False
        target = self._top / path
        if not target.is_symlink() and target.is_dir():
            for inner, _, _ in os.walk(target, topdown=False):
                with suppress(OSError):
                    Path(inner).rmdir()
            return not target.exists()
        return True


def _rename(staged: Path, target: Path) -> None:
    try:
        staged.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # The index of a linked worktree may be on another file system than its files.
        beside = target.with_name(f".penguin-landing-{os.getpid()}")
        shutil.copy2(staged, beside, follow_symlinks=False)
        beside.rename(target)
        staged.unlink()


def _publish_index(lock: IndexLock) -> None:
    """Replace the user's index. The lock stays until it is done, so it always tells whose it is."""
    reach("landing.index.before")
    index = lock.staging / "index"
    settings = lock.checkout.settings
    # So that git status need not read the new files. Files that the user changes now fail it, and lose nothing.
    with suppress(GitError):
        lock.checkout.repository.run(*settings, "update-index", "-q", "--refresh", index=index, fine=(0, 1))
    index.rename(lock.checkout.index)
    reach("landing.index.after")
