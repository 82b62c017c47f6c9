"""Writing of whole files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.atomic_write import write_whole


def test_a_file_is_replaced_through_a_link_and_keeps_its_mode(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_whole(link, "new", new=False)
    assert (path.read_text(), path.stat().st_mode & 0o777, link.is_symlink()) == ("new", 0o640, True)
    with pytest.raises(WorkflowError, match="exists already"):
        write_whole(path, "other", new=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path(os.devnull)):
        with pytest.raises(WorkflowError, match="is not a regular file"):
            write_whole(path, "new", new=False)
    assert pipe.is_fifo()
    assert Path(os.devnull).is_char_device()
