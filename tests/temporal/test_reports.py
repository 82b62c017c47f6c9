"""Reports have the same content on both backends."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.support.program import Program
from tests.temporal.test_same_output import BACKENDS, CONFIG, TASKS

SCRIPT = """\
/workflow start person
/workflow wait person --for blocked
/workflow feedback person "be nice"
/workflow approve person --by Ann --note fine
/workflow wait person
/workflow start wrong
/workflow wait wrong --for blocked
"""
REPORTS = ("/workflow report person", "/workflow report wrong", "/blueprint report")
VARYING = {"timeline", "seconds", "made_at", "started_at", "updated_at", "ended_at", "at", "output_bytes", "project_id"}
"""Fields that differ from run to run. Waits that are too short to be seen are not in a timeline."""


def same(value: Any) -> Any:
    """Return data without what differs from run to run."""
    if isinstance(value, dict):
        return {key: same(item) for key, item in value.items() if key not in VARYING}
    if isinstance(value, list):
        return [same(item) for item in value]
    return re.sub(r"(ituv-[a-z]+)-[0-9a-f]{6}", r"\1-DIGITS", value) if isinstance(value, str) else value


@pytest.fixture
def reports(tmp_path: Path, server: str) -> dict[str, list[Any]]:
    """The reports by backend."""
    project = f"p{uuid.uuid4().hex[:8]}"
    found = {}
    for backend in BACKENDS:
        folder = tmp_path / backend
        folder.mkdir()
        (folder / "penguin.yaml").write_text(CONFIG.format(project=project, backend=backend, address=server))
        (folder / "tasks.md").write_text(TASKS)
        penguin = Program(folder)
        penguin("--keep-going", script=SCRIPT)
        found[backend] = [penguin("-o", "json", "-c", command).documents[0] for command in REPORTS]
    return found


def test_both_backends_report_the_same(reports: dict[str, list[Any]]) -> None:
    for native, temporal in zip(reports["native"], reports["temporal"], strict=True):
        assert json.dumps(same(temporal), indent=1) == json.dumps(same(native), indent=1)
    person = reports["temporal"][0]["report"]
    assert [gate["verdict"] for gate in person["gates"]] == ["PASSED", "PASSED", "SKIPPED", "PASSED"]
    assert person["timeline"]
