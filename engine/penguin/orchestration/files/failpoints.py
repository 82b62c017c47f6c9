"""Failpoints of the engine. They are those of its launcher, which imports nothing outside its own folder."""

from __future__ import annotations

from penguin.orchestration.execution.launcher.failpoints import VARIABLE, arm, reach

__all__ = ["VARIABLE", "arm", "reach"]
