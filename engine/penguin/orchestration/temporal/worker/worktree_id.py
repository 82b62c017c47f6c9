"""The id of a working tree, which differs from that of every copy of the folder and every other machine."""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from typing import TYPE_CHECKING

from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.temporal.messages import WorktreeSite, tree_queue

if TYPE_CHECKING:
    from pathlib import Path

NAME = "tree"
LENGTH = 12


def site_of(folder: Path, task_queue: str, project_id: str, *, shares: bool) -> WorktreeSite:
    """Return the site of the workers whose files are in `folder`, below `.penguin/`."""
    tree, host = _tree(folder), socket.gethostname()
    return WorktreeSite(tree=tree, host=host, queue=tree_queue(task_queue, project_id, tree), shares=shares)


def _tree(folder: Path) -> str:
    make_private_folder(folder)
    file = folder / NAME
    if not file.exists():
        aside = folder / f"{NAME}.{uuid.uuid4().hex}"
        write_private(aside, uuid.uuid4().hex.encode())
        try:
            # If two workers start at once, the first name wins.
            os.link(aside, file)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    where = folder.stat()
    # A copy has the same file, but not the same folder.
    words = (file.read_text(), socket.gethostname(), str(where.st_dev), str(where.st_ino))
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:LENGTH]
