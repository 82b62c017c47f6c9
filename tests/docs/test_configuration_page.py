"""Every key of penguin.yaml is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from penguin.orchestration.config import agents, penguin_yaml, phases, ui
from penguin.orchestration.config.orchestration_keys import FIELDS

DOCS = Path(__file__).parents[2] / "docs"
PARTS = {
    "settings": penguin_yaml._KEYS,
    "phases": phases._KEYS,
    "commands": phases._COMMAND_KEYS,
    "ui": ui.KEYS,
    "agents": (*agents._COMMON, *agents._OF_COMMANDS),
    "orchestration": tuple(key for path in FIELDS for key in path.split(".")),
}
ELSEWHERE = {"agents": "agents.md", "orchestration": "temporal.md"}


@pytest.mark.parametrize("part", PARTS)
def test_every_key_is_documented(part: str) -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    if part in ELSEWHERE:
        assert f"]({ELSEWHERE[part]})" in text
        text += (DOCS / ELSEWHERE[part]).read_text(encoding="utf-8")
    # As a heading, as code, or in a block of YAML.
    known = set(re.findall(r"^## (\w+)$", text, re.MULTILINE))
    known |= set(re.findall(r"(?:^|[`.{ ])(\w+)(?=[`:]|\.\w+`)", text, re.MULTILINE))
    assert [key for key in dict.fromkeys(PARTS[part]) if key not in known] == []
