"""The text of a new `penguin.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import yaml


class NewConfig(NamedTuple):
    """The settings that differ from workspace to workspace."""

    project_id: str
    blueprints: Sequence[str] = ("blueprints/*.md",)
    """Patterns of the files of tasks."""
    agent: str = ""
    """The agent that makes the changes; empty: none."""
    test: str = ""
    """The command that runs the tests; empty: none is known."""
    recipes: bool = True
    """Whether tasks may have recipes."""

    def text(self) -> str:
        """Return the text of the file."""
        patterns = "\n".join(f"  - {_scalar(pattern)}" for pattern in self.blueprints)
        phases = "".join([self._implement(), self._test(), USE if self.recipes else NO_USE, VERIFY])
        return f"{HEAD}\nproject:\n  id: {self.project_id}\n{BLUEPRINTS}{patterns}\n{PHASES}{phases}{REST}"

    def _implement(self) -> str:
        return f"  implement: {{agent: {self.agent}}}\n" if self.agent else NO_AGENT

    def _test(self) -> str:
        return f"  test:\n    run:\n      - {_scalar(self.test)}\n" if self.test else NO_TEST


def _scalar(text: str) -> str:
    """Return a text as an item of a YAML list."""
    try:
        is_plain = yaml.safe_load(f"- {text}") == [text]
    except yaml.YAMLError:
        is_plain = False
    if is_plain and "\n" not in text:
        return text
    quoted: str = yaml.safe_dump(text, default_style='"', width=len(text) * 10)
    return quoted.rstrip("\n")


HEAD = """\
# Settings of Penguin for this workspace. `penguin config` shows each value and where it comes from.
"""

BLUEPRINTS = """\

# Files of tasks, relative to this one.
blueprints:
"""

PHASES = """\

# What the four gates run. A blueprint or a task can override it.
# /bin/sh runs the commands in this folder. A gate with nothing to run never passes; `skip` omits a gate.
phases:
"""

NO_AGENT = """\
  implement: skip                     # you make the changes, before you start a task; or:
  # implement: {agent: claude}        # codex, opencode, or any program: an agent makes them
  # implement:
  #   run: [./scripts/apply-change]   # must be safe to repeat: a failed gate runs again
"""

NO_TEST = """\
  # test:
  #   run: [pytest -q, ruff check .]
  #   on_failure: implement           # the gate that runs after a failure; default: the same gate
"""

USE = """\
  use:
    recipes: true                     # the task's recipes
"""

NO_USE = """\
  use: skip                           # {recipes: true}: the task's recipes
"""

VERIFY = """\
  verify:
    criteria: true                    # the task's acceptance criteria
"""

REST = """\

# Variables that steps do not get, and variables whose values are never stored. `*_KEY`, `*_TOKEN`, `*_SECRET` and
# `*PASSWORD*` are never stored anyway.
# env: {deny: [AWS_*]}
# redact: [DATABASE_URL]

orchestration:
  backend: native
  # Attempts at once. Workflows in place run one at a time, whatever it is; isolation: shared runs more.
  max_parallel: 1
  # Seconds that one attempt of a gate may take.
  phase_timeouts: {implement: 600, test: 300, use: 180, verify: 120}
  # Attempts of a gate, and the delay between them.
  retry: {max_attempts: 3, initial_delay_sec: 5, backoff_multiplier: 2, max_delay_sec: 300}
"""
