"""Runs of an agent without Penguin: the command of its adapter, and the parsed transcript."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penguin.orchestration.agents.adapter import Adapter, AgentRequest, AgentTranscript, ProcessExit
from penguin.orchestration.agents.json_lines import EventFile
from penguin.orchestration.core.definition import AgentSpec

RECORDED = Path(__file__).parent / "recorded"
LONGEST = 120


def recorded(name: str) -> Iterable[Mapping[str, Any]]:
    """The events of a recorded run."""
    return EventFile(RECORDED / f"{name}.jsonl")


def call_of(spec: AgentSpec, folder: Path, env: Mapping[str, str], prompt: str, **more: Any) -> AgentRequest:
    """Return a request in `folder`, with a workspace, a folder of the attempt and a home."""
    workspace, run_dir, home = folder / "workspace", folder / "run", folder / "person"
    for path in (workspace, run_dir, home):
        path.mkdir(exist_ok=True, parents=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "PWD": str(Path.cwd()), **env}
    more = {"workspace": workspace, "run_dir": run_dir, "new_session": "11111111-2222-4333-8444-555555555555", **more}
    return AgentRequest(spec=spec, env=env, prompt=prompt, **more)


@dataclass(frozen=True)
class AgentRun:
    """A run that ended."""

    transcript: AgentTranscript
    finish: ProcessExit
    printed: str


def run_agent(
    adapter: Adapter, call: AgentRequest, program: Path | None = None, kill_at: Callable[[], object] | None = None
) -> AgentRun:
    """Run it to its end; with `kill_at`, until that returns."""
    launch = adapter.command(call)
    out, err = call.run_dir / "out", call.run_dir / "err"
    command = [str(program or launch.argv[0]), *launch.argv[1:]]
    with out.open("wb") as output, err.open("wb") as errors:
        process = subprocess.Popen(
            command,
            env={**call.env, **launch.env},
            cwd=call.workspace,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            assert process.stdin is not None
            process.stdin.write(launch.stdin.encode())
            process.stdin.close()
            if kill_at is not None:
                kill_at()
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait(LONGEST)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    why = "idle" if kill_at is not None else None
    finish = ProcessExit(None if why else code, why, err.read_text(errors="replace")[-4000:])
    return AgentRun(adapter.read_transcript(EventFile(out), finish), finish, out.read_text(errors="replace"))
