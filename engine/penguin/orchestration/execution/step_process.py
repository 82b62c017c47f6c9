"""The process of each kind of step. Text of tasks is passed in files, never on a command line."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from penguin.orchestration.execution import junit
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.attempt_plan import PlannedStep
from penguin.orchestration.execution.environment import StepEnvironment, write_source
from penguin.orchestration.execution.launcher_client import StepRequest
from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.execution.verdicts import JUnitReport

SHELL = "/bin/sh"
HTTP = ("-I", "-m", "penguin.orchestration.execution.http_step")
RUN_FILE = (
    "import sys; __file__ = sys.argv.pop(1); sys.argv[0] = __file__; "
    "exec(compile(open(__file__, 'rb').read(), __file__, 'exec'))"
)
"""Runs a python file like `python -c` with its text: the workspace comes first in the import path."""


class StepNote(Struct, frozen=True):
    """What a later engine needs to judge a step that this one started. It is stored in the start mark."""

    limit: float = 0.0
    """The step's time-out, in seconds."""
    argv: tuple[str, ...] = ()
    """The command line without secrets."""
    report: JUnitReport | None = None


def step_request(
    order: AttemptOrder, step: PlannedStep, step_id: str, surroundings: StepEnvironment, limit: float
) -> StepRequest:
    """Return the order for the launcher for one start of a step; `limit` in seconds."""
    env, secrets = surroundings.env, surroundings.secrets
    report = _report(order, step, step_id)
    if step.asks_for_report and report:
        env = {**env, "PYTEST_ADDOPTS": junit.pytest_addopts(Path(report.path), env.get("PYTEST_ADDOPTS", ""))}
    argv = _argv(step, step_id, env, limit)
    note = StepNote(limit, tuple(map(secrets.redact_text, argv)), report)
    return StepRequest(
        id=step_id,
        argv=argv,
        cwd=order.folder,
        env=env,
        timeout=limit,
        max_output=order.definition.max_output,
        split=step.kind == "http" or (step.expect is not None and step.expect.stdout is not None),
        note=msgspec.to_builtins(note),
        secrets=secrets.values,
        report=report.path if step.asks_for_report and report else None,
    )


def _report(order: AttemptOrder, step: PlannedStep, step_id: str) -> JUnitReport | None:
    if step.asks_for_report:
        return JUnitReport(step_id + records.REPORT, optional=not step.needs_report)
    if step.report:
        path = Path(order.folder, step.report)
        backup = Path(step_id + records.EARLIER_REPORT)
        digest = junit.digest(path)
        junit.move_away(path, backup)
        return JUnitReport(
            str(path),
            tuple(junit.file_signature(path)),
            str(backup),
            digest,
            junit.file_time(Path(order.run_dir), path),
        )
    return None


def _argv(step: PlannedStep, step_id: str, env: dict[str, str], limit: float) -> tuple[str, ...]:
    if step.kind == "http":
        path = Path(step_id + ".request.json")
        write_source(path, _request(step, limit))
        return (sys.executable, *HTTP, str(path))
    if step.kind == "shell":
        path = Path(step_id + ".sh")
        write_source(path, step.source)
        return (SHELL, str(path))
    if step.kind == "python":
        path = Path(step_id + ".py")
        write_source(path, step.source)
        return (_python(env), "-c", RUN_FILE, str(path))
    return (SHELL, "-c", step.source)


def _python(env: dict[str, str]) -> str:
    path = env.get("PATH")
    return shutil.which("python3", path=path) or shutil.which("python", path=path) or sys.executable


def _request(step: PlannedStep, limit: float) -> str:
    recipe_step = step.recipe_step
    assert recipe_step is not None
    request = {
        "method": recipe_step.method,
        "url": recipe_step.source.strip(),
        "headers": recipe_step.headers,
        "body": recipe_step.body,
        "status": recipe_step.expect.status,
        "json": recipe_step.expect.json,
        "text": recipe_step.expect.stdout,
        "within": recipe_step.within,
        "timeout": limit,
        "deadline": time.monotonic() + limit,
    }
    return msgspec.json.encode(request).decode()
