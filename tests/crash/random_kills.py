"""Fifty workflows, three engines, and kills at random times: `make crash SECONDS=30 SEED=7`.

Engines, launchers and steps are killed. Other processes pause, resume and cancel workflows and send feedback; some of
them die meanwhile. Then the kills stop, all workflows must end, and the store and the files must show that nothing was
lost and nothing was done twice. A seed repeats the same choices, but their timing depends on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.crash.crash_workspace import ENGINE, Act, CrashWorkspace, gates
from tests.support.processes import is_alive, kill
from tests.support.waiting import wait_until

from penguin.orchestration.backend import IllegalCommand, WorkflowInfo, WorkflowStatus
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.files import failpoints
from penguin.orchestration.native.backend import NativeBackend

WORKFLOWS, ENGINES, PARALLEL = 50, 3, 10
ROUND = 15.0
"""Seconds after which the kills of a round stop at the latest."""
CALM = 120.0
"""Seconds in which all workflows must then end."""
DEADLY = (
    *("commit.before", "commit.begun", "commit.written", "commit.after", "acknowledge.before"),
    *(
        "claim.before",
        "claim.after",
        "intent.before",
        "intent.after",
        "attempt.before",
        "report.before",
        "report.after",
    ),
    *("file.before", "order.before", "order.sent", "order.answered", "exit.heard", "adopt.before", "adopt.after"),
    *("takeover.before", "takeover.ended", "takeover.after", "stop.before", "stop.after"),
    *("mark.before", "mark.after", "spawn.before", "spawn.after", "answer.before", "answer.after"),
    *("reap.before", "reap.after", "record.before", "record.written", "record.after", "exit.before", "exit.after"),
)
IN_A_COMMAND = ("commit.before", "commit.after", "command.before", "command.after")
COMMANDS: tuple[tuple[str, dict[str, Any]], ...] = (
    *[("pause", {"now": now}) for now in (False, True)],
    *[("resume", {})] * 3,
    *[("inject_feedback", {})] * 2,
    ("cancel", {}),
)


class CrashRound:
    """One round: a workspace, the acts on it, and the expected outcomes."""

    def __init__(self, root: Path, dice: random.Random) -> None:
        self.workspace = CrashWorkspace(root)
        self.did: Counter[str] = Counter()
        self._dice = dice
        self._engines: list[subprocess.Popen[str]] = []
        self._others: list[subprocess.Popen[str]] = []
        self._log = open(root / "engines.log", "a", encoding="utf-8")  # noqa: SIM115 - as long as the round
        self._advice: list[str] = []
        self._cancelled: set[str] = set()
        self._serving: set[str] = set()
        self._tasks = [self._task(number) for number in range(WORKFLOWS)]
        self.workspace.configure(max_parallel=PARALLEL)
        self.workspace.tasks(*self._tasks)

    def _task(self, number: int) -> dict[str, Any]:
        phases: dict[str, Any] = gates()
        for name in phases:
            phases[name] = {"run": [f"./step {name} - {self._dice.choice((0, 0.05, 0.2, 0.6))}"]}
        task: dict[str, Any] = {"id": f"t{number}", "phases": phases}
        if number % 5 == 4:
            task["dependencies"] = [f"t{number - 1}"]
        if number % 7 == 3:
            phases["use"] = {"recipes": True}
            server = {"shell": "./step server stop", "background": True}
            task["recipe"] = [server, {"shell": "./step first - 0.1"}, {"shell": "./step second - 0.3"}]
            self._serving.add(task["id"])
        return task

    async def run(self, until: float) -> None:
        """Kill and send commands until that time on the monotonic clock, then wait until all workflows end."""
        async with NativeBackend(None, self.workspace.root) as backend:
            backend.claims = False
            await backend.start_tasks([task["id"] for task in self._tasks])
            while time.monotonic() < until and not self._over():
                self._restart(self._dice.choice(("", f"{self._dice.choice(DEADLY)}:{self._dice.randint(1, 20)}")))
                await self._do_harm(backend)
                self._assert_one_step_each()
                await asyncio.sleep(self._dice.uniform(0.02, 0.25))
            await self._come_to_an_end(backend)
        for process in self._engines:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End all remaining processes."""
        kill(*(process.pid for process in self._engines + self._others))
        kill(*self.workspace.launchers(), *self.workspace.steps())
        for process in self._engines + self._others:
            process.wait()
        self._log.close()

    # --- harm ---

    def _restart(self, failpoint: str = "") -> None:
        """Keep three engines running."""
        for process in [process for process in self._engines if process.poll() is not None]:
            assert process.returncode == -9, f"an engine ended by itself with {process.returncode}: {self.log()}"
            self._engines.remove(process)
        while len(self._engines) < ENGINES:
            self._engines.append(self._spawn(("engine",), ("stay",), failpoint=failpoint))
            self.did["engines started"] += 1

    def _spawn(self, *acts: Act, failpoint: str = "") -> subprocess.Popen[str]:
        environment = os.environ | {failpoints.VARIABLE: self.workspace.spec(failpoint) if failpoint else ""}
        arguments = [sys.executable, str(ENGINE), str(self.workspace.root), json.dumps(acts)]
        return subprocess.Popen(arguments, stderr=self._log, text=True, start_new_session=True, env=environment)

    async def _do_harm(self, backend: NativeBackend) -> None:
        chance = self._dice.random()
        if chance < 0.15:
            self._kill("engines", [self._dice.choice(self._engines).pid])
        elif chance < 0.3:
            self._kill("launchers", self._some(self.workspace.launchers()))
        elif chance < 0.4:
            self._kill("steps", self._some(self.workspace.steps()))
        elif chance < 0.45:
            everything = [process.pid for process in self._engines] + self.workspace.launchers()
            self._kill("everything", everything)
        elif chance < 0.6:
            self._command_and_die()
        else:
            await self._command(backend)

    def _some(self, pids: list[int]) -> list[int]:
        return [self._dice.choice(sorted(pids))] if pids else []

    def _kill(self, what: str, pids: list[int]) -> None:
        self.did[f"{what} killed"] += bool(pids)
        kill(*pids)

    def _command_and_die(self) -> None:
        """Send it from a process that dies in the middle."""
        name, payload = self._dice.choice(COMMANDS)
        task = self._dice.choice(self._tasks)["id"]
        if name == "cancel":
            self._cancelled.add(task)  # It may have been sent.
        spec = self.workspace.spec(self._dice.choice(IN_A_COMMAND))
        self._others.append(self._spawn(("arm", spec), ("signal", task, name, payload or {"message": "in vain"})))
        self.did["commands cut off"] += 1

    async def _command(self, backend: NativeBackend) -> None:
        name, payload = self._dice.choice(COMMANDS)
        task = self._dice.choice(self._tasks)["id"]
        if name == "cancel" and self._dice.random() < 0.5:
            return  # Otherwise no process would be left to kill.
        advice = f"advice-{len(self._advice)}."
        try:
            await backend.signal_workflow(self._ids()[task], name, payload or {"message": advice})
        except IllegalCommand:
            return
        self.did[f"{name} given"] += 1
        if name == "inject_feedback":
            self._advice.append(advice)
        if name == "cancel":
            self._cancelled.add(task)

    # --- calm ---

    async def _come_to_an_end(self, backend: NativeBackend) -> None:
        for process in self._engines:
            process.kill()
            process.wait()
        self._engines = []
        give_up = time.monotonic() + CALM
        while not self._over():
            self._restart()
            assert time.monotonic() < give_up, self._stuck(backend)
            for info in self.workspace.infos().values():
                if info.status in (WorkflowStatus.PAUSED, WorkflowStatus.BLOCKED):
                    await backend.resume_workflow(info.workflow_id)
            self._assert_one_step_each()
            await asyncio.sleep(0.1)

    def _stuck(self, backend: NativeBackend) -> str:
        from penguin.orchestration.store.queries import WorkflowReader

        reader = WorkflowReader(self.workspace.files.db)
        open_ones = [info for info in reader.list() if not info.status.final]
        lines = [f"{info.workflow_id} {info.status} {reader.explain(info.workflow_id)}" for info in open_ones]
        lines += [entry.text for info in open_ones[:1] for entry in reader.history(info.workflow_id)]
        return "it does not come to its end:\n" + "\n".join(lines)

    def _over(self) -> bool:
        infos = self.workspace.infos()
        in_vain = self._in_vain(infos)
        return len(infos) == WORKFLOWS and all(info.status.final or task in in_vain for task, info in infos.items())

    def _in_vain(self, infos: dict[str, WorkflowInfo]) -> set[str]:
        """The tasks that wait for one that was cancelled."""
        needed = {task["id"]: task["dependencies"][0] for task in self._tasks if "dependencies" in task}
        pending = (task for task in needed if task in infos and infos[task].status is WorkflowStatus.PENDING)
        return {task for task in pending if infos[needed[task]].status is WorkflowStatus.CANCELLED}

    def _ids(self) -> dict[str, str]:
        return {task: info.workflow_id for task, info in self.workspace.infos().items()}

    # --- what must be true ---

    def _assert_one_step_each(self) -> None:
        """Check that no workflow has two steps at once, except the server of a recipe."""
        twice = self._with_two_steps()
        if twice:
            again = self._with_two_steps()
            both = [
                pid for workflow, pids in twice.items() for pid in pids if workflow in again and pid in again[workflow]
            ]
            living = [pid for pid in both if is_alive(pid)]
            assert len(living) < 2, f"two steps of one workflow run at once: {twice}"

    def _with_two_steps(self) -> dict[str, set[int]]:
        marks: dict[str, dict[str, int]] = {}
        for pid, mark, workflow in self.workspace.marked_steps():
            if "_server_" not in mark:
                marks.setdefault(workflow, {})[mark] = pid
        return {workflow: set(of.values()) for workflow, of in marks.items() if len(of) > 1}

    def assert_sound(self) -> None:
        """Check the invariants at the end."""
        assert not (left := self.workspace.marked_steps()), f"processes of steps are left: {left}"
        wait_until(lambda: not self.workspace.launchers(), "the end of the launchers")
        repeated = [step for step in self.workspace.repeated() if not self._may_repeat(step)]
        assert not repeated, f"steps were run again though their end was on record: {repeated}"
        for (workflow, phase, attempt, name), runs in self.workspace.runs().items():
            folder = self.workspace.files.runs / workflow / f"{attempt}-{phase.lower()}"
            tries = len(list(folder.glob(f"*-step-{name}*{records.STARTED}")))
            assert runs <= tries, f"{folder}: {name} ran {runs} times in {tries} tries"
        self._assert_ends()
        self.workspace.assert_sound(lost=sys.maxsize, repeats=True)
        assert "Traceback" not in self.log(), self.log()

    def _may_repeat(self, step_id: str) -> bool:
        """Requests to a lost server are repeated to its replacement."""
        return "-use/" in step_id and any(f"/ituv-{task}-" in step_id for task in self._serving)

    def _assert_ends(self) -> None:
        story = self.workspace.story()
        lost = [advice for advice in self._advice if sum(line.endswith(advice) for line in story) != 1]
        assert not lost, f"feedback that was taken is not there, or twice: {lost}"
        ends = {(workflow, phase) for workflow, phase, _, _ in self.workspace.ends()}
        infos = self.workspace.infos()
        for task, info in infos.items():
            if task in self._in_vain(infos):
                continue
            if info.status is WorkflowStatus.CANCELLED:
                assert task in self._cancelled, f"{info.workflow_id} was cancelled by nobody"
                continue
            assert info.status is WorkflowStatus.COMPLETED, f"{info.workflow_id} is {info.status}"
            for phase in ("IMPLEMENT", "TEST", "USE", "VERIFY"):
                assert (info.workflow_id, phase) in ends, f"{info.workflow_id} passed {phase}, whose step never ended"

    def log(self) -> str:
        """Return the log of the engines without refused commands."""
        self._log.flush()
        log = (self.workspace.root / "engines.log").read_text()
        return "\n".join(part for part in log.split("\n\n") if "IllegalCommand" not in part)

    def summary(self) -> str:
        """Return a summary in one line."""
        statuses = Counter(str(info.status) for info in self.workspace.infos().values())
        runs = self.workspace.runs()
        did = statuses | self.did
        lost = sum(runs.values()) - len(runs)
        return (
            ", ".join(f"{count} {what}" for what, count in did.items())
            + f", {lost} of {sum(runs.values())} steps again"
        )


def main() -> int:
    """Run rounds until the time is up; return 0 if all went well."""
    parser = argparse.ArgumentParser(description="Kill engines, launchers and steps at random, and see what is left.")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    options = parser.parse_args()
    print(f"seed {options.seed}: make crash SECONDS={options.seconds:g} SEED={options.seed}", flush=True)
    dice, until, number = random.Random(options.seed), time.monotonic() + options.seconds, 0
    while number == 0 or until - time.monotonic() > ROUND / 2:
        number += 1
        root = Path(tempfile.mkdtemp(prefix="penguin-crash-"))
        begun = time.monotonic()
        round_ = CrashRound(root, dice)
        try:
            asyncio.run(round_.run(min(until, begun + ROUND)))
            round_.assert_sound()
        except BaseException:
            print(f"seed {options.seed}, round {number} failed: see {root}", file=sys.stderr)
            raise
        finally:
            round_.close()
        print(f"round {number}, {time.monotonic() - begun:.1f} s: {round_.summary()}", flush=True)
        shutil.rmtree(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
