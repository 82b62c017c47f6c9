"""What a step finds in its environment, the files that are named there, and the secrets that it may know."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from penguin.orchestration.execution.launcher.redaction import Secrets
from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.files.secret_env import secret_values, without_denied

FEEDBACK, EVIDENCE, TASK = "feedback.txt", "evidence.txt", "task.json"


class StepEnvironment(Struct, frozen=True):
    """What is the same for all steps of an attempt."""

    env: dict[str, str]
    secrets: Secrets
    """What is not to be stored of that environment, and of what steps are denied: they may come by it elsewhere."""


def artifacts_dir(order: AttemptOrder) -> Path:
    """Where the steps of an attempt leave their artifacts."""
    run_dir = Path(order.run_dir)
    return run_dir.parent / "artifacts" / run_dir.name


def prepare_environment(order: AttemptOrder) -> StepEnvironment:
    """Make the attempt's folders and files."""
    run_dir, artifacts = Path(order.run_dir), artifacts_dir(order)
    for folder in (run_dir, artifacts):
        make_private_folder(folder)
    _write(run_dir / FEEDBACK, "\n\n".join(order.feedback).encode())
    _write(run_dir / EVIDENCE, order.evidence.encode())
    _write(run_dir / TASK, msgspec.json.encode(order.definition.task))
    env = {
        **without_denied(os.environ, order.definition.env_deny),
        # Where a program believes it is; ours may have been started elsewhere.
        "PWD": str(Path(order.workspace).resolve()),
        "PENGUIN_WORKSPACE": str(Path(order.workspace).resolve()),
        "PENGUIN_TASK_ID": order.definition.task.id,
        "PENGUIN_WORKFLOW_ID": order.workflow_id,
        "PENGUIN_PHASE": order.phase.value,
        "PENGUIN_ATTEMPT": str(order.attempt),
        "PENGUIN_ARTIFACTS_DIR": str(artifacts),
        "PENGUIN_FEEDBACK_FILE": str(run_dir / FEEDBACK),
        "PENGUIN_EVIDENCE_FILE": str(run_dir / EVIDENCE),
        "PENGUIN_TASK_FILE": str(run_dir / TASK),
    }
    return StepEnvironment(env, secrets_of(order))


def secrets_of(order: AttemptOrder) -> Secrets:
    """The values of this environment that are not stored of the steps of an attempt."""
    return Secrets(secret_values(os.environ, order.definition.redact))


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: half a script, left by a crash or a full disk, would run and might even pass."""
    with contextlib.suppress(FileNotFoundError):
        # An engine that goes on with an attempt changes nothing under a step that runs.
        if path.read_bytes() == content:
            return
    temporary = path.with_name(path.name + ".tmp")
    write_private(temporary, content)
    reach("file.before")
    temporary.replace(path)


def write_source(path: Path, source: str) -> None:
    """Put a script where only its owner can read it."""
    _write(path, source.encode())
