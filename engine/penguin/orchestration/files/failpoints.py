"""The failpoints of the engine: those of its launcher, which may import nothing outside its own folder."""

from __future__ import annotations

from penguin.orchestration.execution.launcher.failpoints import VARIABLE, arm, reach

__all__ = ["VARIABLE", "arm", "reach"]
