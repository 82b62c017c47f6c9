"""The environment variables of a step, the files that they name, and the secrets among them."""

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
    """The part of the environment that is the same for all steps of an attempt."""

    env: dict[str, str]
    secrets: Secrets
    """Values that must not be stored: those in the environment, and those withheld from steps, which may find them
    elsewhere."""


def artifacts_dir(order: AttemptOrder) -> Path:
    """Return the folder for the artifacts of an attempt's steps."""
    run_dir = Path(order.run_dir)
    return run_dir.parent / "artifacts" / run_dir.name


def prepare_environment(order: AttemptOrder) -> StepEnvironment:
    """Create the folders and files of an attempt, and return the environment of its steps."""
    run_dir, artifacts = Path(order.run_dir), artifacts_dir(order)
    for folder in (run_dir, artifacts):
        make_private_folder(folder)
    _write(run_dir / FEEDBACK, "\n\n".join(order.feedback).encode())
    _write(run_dir / EVIDENCE, order.evidence.encode())
    _write(run_dir / TASK, msgspec.json.encode(order.definition.task))
    env = {
        **without_denied(os.environ, order.definition.env_deny),
        # The folder in which a program runs; the engine may have been started elsewhere.
        "PWD": str(Path(order.folder).resolve()),
        "PENGUIN_WORKSPACE": str(Path(order.folder).resolve()),
        "PENGUIN_CHECKOUT": str(Path(order.workspace).resolve()),
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
    """Return the values of this environment that are redacted in what is stored of an attempt's steps."""
    return Secrets(secret_values(os.environ, order.definition.redact))


def _write(path: Path, content: bytes) -> None:
    """Write the whole file or nothing: half a script, left by a crash or a full disk, would run and could pass."""
    with contextlib.suppress(FileNotFoundError):
        # An engine that continues an attempt must not change files under a running step.
        if path.read_bytes() == content:
            return
    temporary = path.with_name(path.name + ".tmp")
    write_private(temporary, content)
    reach("file.before")
    temporary.replace(path)


def write_source(path: Path, source: str) -> None:
    """Write a script that only its owner can read."""
    _write(path, source.encode())
