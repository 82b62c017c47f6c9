"""Boxes that are neither open nor ticked are named, with how they were read."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text


@pytest.mark.parametrize(("box", "read"), [("-", "in progress"), ("~", "in progress"), (">", "open")])
def test_a_box_of_a_checklist(tmp_path: Path, box: str, read: str) -> None:
    plan = plan_text(tmp_path, "todo.md", f"- [ ] A-1 One\n- [{box}] A-2 Declined thing\n")
    assert [note.line for note in plan.notes if read in note.text and "A-2" in note.text] == [2]


def test_a_box_of_kiro(tmp_path: Path) -> None:
    plan = plan_text(tmp_path, ".kiro/specs/x/tasks.md", "# Implementation Plan\n\n- [-] 1. One\n- [ ] 2. Two\n")
    assert not [note for note in plan.notes if note.line]
