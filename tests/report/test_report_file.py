"""The file of a report: what it may replace."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from penguin.orchestration.backend import WorkflowError
from penguin_commands.handlers.report.report_file import REPORT_MARK, check_replaceable, write_report
from penguin_commands.results.report import HTML, Destination, ReportFileResult


def test_a_new_file_and_a_report_are_written(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.html"
    text = f"<!-- {REPORT_MARK} -->é"
    for _ in range(2):
        assert write_report(Destination(HTML, str(path)), text) == ReportFileResult(str(path), HTML, len(text.encode()))
    assert path.read_text(encoding="utf-8") == text
    assert [file.name for file in path.parent.iterdir()] == ["a.html"]


def test_another_file_is_replaced_with_force_only(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("mine")
    with pytest.raises(WorkflowError, match="is not a report"):
        write_report(Destination(HTML, str(path)), "new")
    assert path.read_text() == "mine"
    write_report(Destination(HTML, str(path), force=True), "new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("force", [False, True])
def test_nothing_but_a_regular_file_is_replaced(tmp_path: Path, force: bool) -> None:
    """As root, a rename would put a regular file in the place of /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    link = tmp_path / "link"
    link.symlink_to(os.devnull)
    for path, message in ((pipe, "is not a regular file"), (link, "is not a regular file"), (tmp_path, "is a folder")):
        with pytest.raises(WorkflowError, match=message):
            write_report(Destination(HTML, str(path), force=force), "new")
        with pytest.raises(WorkflowError, match=message):
            check_replaceable(Destination(HTML, str(path), force=force))
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
