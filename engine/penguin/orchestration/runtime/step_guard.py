"""Whether this process runs inside a step: what a gate runs may read, but not open the gate."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.secret_env import STEP_MARK


class InsideStep(WorkflowError):
    """A step may not steer the workflows of its own workspace."""

    code = "inside_step"


def refuse_inside_step(workspace: Path, what: str) -> None:
    """Raise InsideStep when this process, or one that it descends from, is a step of this workspace."""
    root = os.fspath(workspace.resolve())
    if any(_is_step_of(environ, root) for environ in _environments()):
        raise InsideStep(
            f"can't {what} from inside a step of the same workspace: no agent or check opens its own gate",
            "a person, outside of the step, can",
        )


def _is_step_of(environ: Mapping[str, str], root: str) -> bool:
    return environ.get("PENGUIN_WORKSPACE") == root and any(name.startswith(STEP_MARK) for name in environ)


def _environments() -> Iterator[Mapping[str, str]]:
    """Of this process and its ancestors, as far as they can be read: a step may have cleared its own."""
    yield os.environ
    pid = os.getppid()
    while pid > 1:
        try:
            raw = Path(f"/proc/{pid}/environ").read_bytes()
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return
        pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if entry)
        yield {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
        pid = int(stat.rpartition(")")[2].split()[1])
