"""The user stories of epics in a prd.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text

STORY = {"id": "US-1", "title": "One", "acceptanceCriteria": ["works"], "passes": False}
EPIC = {"id": "E1", "title": "Epic", "goal": "more", "userStories": [STORY]}


@pytest.mark.parametrize("stories", [{}, {"userStories": [{**STORY, "id": "US-2", "prerequisites": ["US-1"]}]}])
def test_stories_of_an_epic(tmp_path: Path, stories: dict[str, object]) -> None:
    plan = plan_text(tmp_path, "prd.json", json.dumps({"project": "P", "epics": [EPIC], **stories}))
    by_id = {task.id: task for task in plan.blueprint.tasks}
    assert [it.text for it in by_id["US-1"].criteria] == ["works"]
    assert "US-2" not in by_id or by_id["US-2"].dependencies == ("US-1",)
    assert len(by_id) == 1 + len(stories)
    assert "E1.goal" in plan.metadata
