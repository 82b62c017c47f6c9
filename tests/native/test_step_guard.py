"""A step can't open a gate of its own workspace, by any path and in any namespace."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.step_script import (
    ALIAS,
    APPROVE,
    COPY,
    LINKED,
    PENGUIN,
    PROCESS_NAMESPACE,
    REFUSED,
    Steps,
    is_refused,
    skip_unless_permitted,
)
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.files.engine_lock import live_engines
from penguin.orchestration.runtime.engine_socket import SOCKET

pytestmark = pytest.mark.anyio

PATCHED = """
import asyncio, sys
from penguin.orchestration import get_backend
from penguin.orchestration.runtime import hosted_backend, step_guard

hosted_backend.refuse_inside_step = step_guard.refuse_inside_step = lambda *arguments: None
step_guard.runs_inside_step = lambda *arguments: False

async def main():
    async with get_backend(workspace_path=sys.argv[1]) as backend:
        if "start" in sys.argv:
            await backend.start_workflow("other")
        [person] = [one for one in await backend.list_workflows() if one.task_id == "person"]
        await backend.signal_workflow(person.workflow_id, "approve", {"by": "mallory"})

asyncio.run(main())
"""

ENGINE = """
import asyncio, sys
from penguin.orchestration import get_backend

async def main():
    async with get_backend(workspace_path=sys.argv[1]) as backend:
        await backend.run_engine()
        await asyncio.sleep(600)

asyncio.run(main())
"""

WAYS = {
    "as it is": f"{PENGUIN} -c '{APPROVE}'",
    "a linked folder of records": f"{LINKED} && {PENGUIN} --workspace other -c '{APPROVE}'",
    "a linked workspace": f"ln -s $PWD other && {PENGUIN} --workspace other -c '{APPROVE}'",
    "a path with dots": f"mkdir -p x && {PENGUIN} --workspace x/../x/.. -c '{APPROVE}'",
    "a folder of another process": f"sleep 60 & cd /proc/$!/cwd && {PENGUIN} -c '{APPROVE}'",
    "no variables of Penguin": f"unset $(env | sed -n 's/^\\(PENGUIN_[^=]*\\)=.*/\\1/p'); {PENGUIN} -c '{APPROVE}'",
    "no variables, linked": f"{LINKED} && env -i {PENGUIN} --workspace $PWD/other -c '{APPROVE}'",
    "hard links": f"{COPY} && mkdir other/.penguin && ln .penguin/penguin.db* other/.penguin/"
    f" && env -i {PENGUIN} --workspace $PWD/other -c '{APPROVE}'",
    "hard links of everything": f"{COPY} && cp -rl .penguin other/.penguin"
    f" && env -i {PENGUIN} --workspace $PWD/other -c '{APPROVE}'",
    "a new session, its parents gone": "env -i PATH=$PATH setsid sh -c '"
    f'( (sleep 0.2; {PENGUIN} -c "{APPROVE}"; touch ended) & )\' ; until test -e ended; do sleep 0.05; done',
    "a patched program": f"{sys.executable} patched.py .",
    "a patched program, linked": f"{LINKED} && env -i {sys.executable} patched.py $PWD/other",
}

NAMESPACES = {
    "a bind mount": (
        "unshare -rm",
        f"mkdir other && unshare -rm sh -c 'mount --bind . other && cd other && {PENGUIN} -c \"{APPROVE}\"'",
    ),
    "a bind mount of the records": (
        "unshare -rm",
        f"{COPY} && mkdir other/.penguin && unshare -rm sh -c 'mount --bind .penguin other/.penguin"
        f' && env -i {PENGUIN} --workspace $PWD/other -c "{APPROVE}"\'',
    ),
    "a process namespace": (
        PROCESS_NAMESPACE,
        f"{PROCESS_NAMESPACE} {PENGUIN} -c '{APPROVE}'",
    ),
    "a process namespace, no variables, linked": (
        PROCESS_NAMESPACE,
        f"{LINKED} && env -i {PROCESS_NAMESPACE} {PENGUIN} --workspace $PWD/other -c '{APPROVE}'",
    ),
    "a process namespace, patched": (
        PROCESS_NAMESPACE,
        f"env -i {PROCESS_NAMESPACE} {sys.executable} patched.py $PWD",
    ),
    "the namespaces of the engine": (
        f"nsenter -t {os.getpid()} -m -p",
        f"env -i nsenter -t {os.getpid()} -m -p {PENGUIN} --workspace $PWD -c '{APPROVE}'",
    ),
}

VERBS = [
    "start other",
    "pause person",
    "resume person",
    "cancel person",
    "retry person --from TEST",
    "feedback person more",
    "prune --older-than 1d",
]


@pytest.fixture
def steps(workspace: SampleWorkspace) -> Steps:
    (workspace.root / "patched.py").write_text(PATCHED)
    return Steps(workspace)


@pytest.fixture
def engine(steps: Steps) -> Iterator[subprocess.Popen[bytes]]:
    """An engine in another process."""
    process = subprocess.Popen([sys.executable, "-c", ENGINE, str(steps.root)])
    yield process
    process.kill()
    process.wait()


async def started(steps: Steps) -> str:
    """The id of the engine in another process, when it is alive."""
    engines = steps.root / ".penguin" / "engines"
    await wait_until_async(lambda: any((engines / engine / SOCKET).exists() for engine in live_engines(engines)))
    return live_engines(engines).pop()


@pytest.mark.parametrize("way", WAYS)
async def test_a_step_cannot_approve(steps: Steps, way: str) -> None:
    async with steps.workspace.backend() as backend:
        workflow_id = await steps.blocked(backend)
        output = await steps.run(backend, WAYS[way])
        assert steps.look(workflow_id).status == "BLOCKED"
        assert is_refused(output)


async def test_a_step_cannot_add_a_task(steps: Steps) -> None:
    async with steps.workspace.backend() as backend:
        await steps.blocked(backend)
        before = steps.workspace.read("b.json")
        output = await steps.run(backend, f"{ALIAS} && env -i {PENGUIN} --workspace $PWD/other -c '/task add New'")
        assert is_refused(output)
        assert steps.workspace.read("b.json") == before


async def test_a_step_beside_another_workflow_approves_nothing(steps: Steps) -> None:
    """It runs in the second launcher of the engine."""
    async with steps.workspace.backend() as backend:
        workflow_id = await steps.blocked(backend)
        held = await backend.start_workflow("held")
        await wait_until_async((steps.root / "held").exists)
        said = await steps.run(backend, f"{ALIAS} && env -i {PENGUIN} --workspace $PWD/other -c '{APPROVE}'")
        assert len(steps.workspace.launchers()) == 2
        (steps.root / "go").touch()
        await wait_for_workflow(backend, held, status="COMPLETED")
    assert is_refused(said)
    assert steps.look(workflow_id).status == "BLOCKED"


@pytest.mark.parametrize("way", NAMESPACES)
async def test_a_step_cannot_approve_from_another_namespace(steps: Steps, way: str) -> None:
    probe, script = NAMESPACES[way]
    skip_unless_permitted(probe)
    async with steps.workspace.backend() as backend:
        workflow_id = await steps.blocked(backend)
        output = await steps.run(backend, script)
        assert steps.look(workflow_id).status == "BLOCKED"
        assert is_refused(output)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("way", ["linked", "namespace"])
async def test_a_step_cannot_change_anything(steps: Steps, verb: str, way: str) -> None:
    enter = "" if way == "linked" else PROCESS_NAMESPACE
    skip_unless_permitted(enter)
    async with steps.workspace.backend() as backend:
        workflow_id = await steps.blocked(backend)
        script = f"{ALIAS} && env -i {enter} {PENGUIN} --workspace $PWD/other -c '/workflow {verb}'"
        assert is_refused(await steps.run(backend, script))
        assert steps.look(workflow_id).status == "BLOCKED"
        assert {info.task_id for info in await backend.list_workflows()} == {"person", "sneak"}


async def test_the_engine_refuses_a_step_without_its_own_check(steps: Steps) -> None:
    async with steps.workspace.backend() as backend:
        assert REFUSED in await steps.run(backend, f"{sys.executable} patched.py . start")
        assert {info.task_id for info in await backend.list_workflows()} == {"sneak"}


async def test_a_step_can_read_by_any_path(steps: Steps) -> None:
    async with steps.workspace.backend() as backend:
        await steps.blocked(backend)
        assert "BLOCKED" in await steps.run(backend, f"{ALIAS} && {PENGUIN} --workspace other -c '/workflow list'")


async def test_a_step_of_another_workspace_is_not_refused(steps: Steps, tmp_path: Path) -> None:
    """Nested workspaces are separate."""
    inner = tmp_path / "inner"
    inner.mkdir()
    SampleWorkspace(inner).tasks("a")
    async with steps.workspace.backend() as backend:
        assert "COMPLETED" in await steps.run(backend, f"{PENGUIN} --workspace inner -c '/workflow start a --wait'")


@pytest.mark.parametrize("enter", ["", "unshare -rm"])
async def test_without_an_engine_the_process_refuses(steps: Steps, engine: subprocess.Popen[bytes], enter: str) -> None:
    skip_unless_permitted(enter)
    await started(steps)
    (steps.root / "sneak.sh").write_text(
        f"touch begun; until test -e go; do sleep 0.05; done\n{ALIAS}; "
        f"env -i {enter} {PENGUIN} --workspace $PWD/other -c '{APPROVE}'; touch ended"
    )
    async with steps.workspace.backend() as backend:
        backend.claims = False  # type: ignore[attr-defined]
        workflow_id = await steps.blocked(backend)
        await backend.start_workflow("sneak")
        await wait_until_async((steps.root / "begun").exists)
    engine.kill()
    engine.wait()
    (steps.root / "go").touch()
    await wait_until_async((steps.root / "ended").exists)
    assert REFUSED in steps.output
    assert steps.look(workflow_id).status == "BLOCKED"


@pytest.mark.parametrize("options", [(), ("--workspace", "other")])
async def test_a_person_approves_through_the_engine(steps: Steps, options: tuple[str, ...]) -> None:
    (steps.root / "other").symlink_to(steps.root)
    async with steps.workspace.backend() as backend:
        workflow_id = await steps.blocked(backend)
        command = [sys.executable, "-m", "penguin_repl", *options, "-c", "/workflow approve person --by ann"]
        person = subprocess.Popen(command, cwd=steps.root)
        await wait_for_workflow(backend, workflow_id, status="COMPLETED")
        await wait_until_async(lambda: person.poll() is not None)
        assert person.returncode == 0
        [approval] = [
            result for result in await backend.query_workflow(workflow_id, "get_phase_results") if not result["attempt"]
        ]
        assert approval["evidence"]["approved_by"] == "ann"
        assert approval["evidence"]["process"].startswith(f"{person.pid} ")


OUTSIDE = {
    "a shell that reads a pipe": (["sh", "pipe"], f"echo \"{PENGUIN} -c '{APPROVE}'; touch ended\" > pipe"),
    "penguin as a script from a pipe": (
        ["sh", "-c", f"{PENGUIN} < pipe; touch ended"],
        f"echo '{APPROVE}' > pipe",
    ),
    "a program that polls for files": (
        ["sh", "-c", "until test -e job.sh; do sleep 0.05; done; sh job.sh"],
        f"echo \"{PENGUIN} -c '{APPROVE}'; touch ended\" > job && mv job job.sh",
    ),
}
"""By name: what a person runs, and how a step makes it approve."""


@pytest.mark.parametrize("way", OUTSIDE)
async def test_a_step_can_approve_through_a_program_outside(steps: Steps, way: str) -> None:
    """The limit of the check, as docs/security.md states it: if it is kept out one day, change that page."""
    outside, script = OUTSIDE[way]
    os.mkfifo(steps.root / "pipe")
    async with steps.workspace.backend() as backend:
        workflow_id = await steps.blocked(backend)
        program = subprocess.Popen(outside, cwd=steps.root)
        try:
            await steps.run(backend, script)
            await wait_until_async((steps.root / "ended").exists)
            await wait_for_workflow(backend, workflow_id, status="COMPLETED")
        finally:
            program.kill()
            program.wait()


async def test_a_refusal_of_the_engine_is_reported(steps: Steps) -> None:
    async with steps.workspace.backend() as backend:
        await backend.wait_workflow(await backend.start_workflow("other"), timeout=30)
        command = [sys.executable, "-m", "penguin_repl", "-c", "/workflow approve other --by ann"]
        person = subprocess.Popen(command, cwd=steps.root, stderr=subprocess.PIPE, text=True)
        await wait_until_async(lambda: person.poll() is not None)
        assert person.returncode == 1
        assert "can't approve" in person.communicate()[1]


async def test_a_suspended_engine_blocks_only_approvals(steps: Steps, engine: subprocess.Popen[bytes]) -> None:
    await started(steps)
    async with steps.workspace.backend() as backend:
        backend.claims = False  # type: ignore[attr-defined]
        workflow_id = await steps.blocked(backend)
    engine.send_signal(signal.SIGSTOP)
    refused = steps.penguin("/workflow approve person --by ann")
    assert refused.returncode == 1
    assert f"process {engine.pid}" in refused.stderr
    assert steps.look(workflow_id).status == "BLOCKED"
    assert steps.penguin("/workflow feedback person more").returncode == 0
    engine.send_signal(signal.SIGCONT)
    assert steps.penguin("/workflow approve person --by ann").returncode == 0
    await wait_until_async(lambda: steps.look(workflow_id).status == "COMPLETED")


async def test_the_socket_is_private(steps: Steps) -> None:
    mask = os.umask(0)
    try:
        async with steps.workspace.backend() as backend:
            await steps.blocked(backend)
            [engine] = live_engines(steps.root / ".penguin" / "engines")
            mode = (steps.root / ".penguin" / "engines" / engine / SOCKET).lstat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o600
    finally:
        os.umask(mask)


async def test_a_link_instead_of_the_socket_is_not_followed(steps: Steps, tmp_path: Path) -> None:
    """A process there could answer for the engine, and an approval would be lost silently."""
    program = textwrap.dedent(
        """
        import socket, sys
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(sys.argv[1])
        listener.listen()
        print(flush=True)
        listener.accept()
        print("asked", flush=True)
        """
    )
    other = tmp_path / "s"
    async with steps.workspace.backend() as backend:
        workflow_id = await steps.blocked(backend)
        [engine] = live_engines(steps.root / ".penguin" / "engines")
        place = steps.root / ".penguin" / "engines" / engine / SOCKET
        impostor = subprocess.Popen([sys.executable, "-c", program, str(other)], stdout=subprocess.PIPE, text=True)
        assert impostor.stdout is not None
        impostor.stdout.readline()
        place.unlink()
        place.symlink_to(other)
        command = [sys.executable, "-m", "penguin_repl", "-c", "/workflow approve person --by ann"]
        person = subprocess.Popen(command, cwd=steps.root, stderr=subprocess.PIPE, text=True)
        await wait_until_async(lambda: person.poll() is not None)
        assert "engine.sock is not a socket" in person.communicate()[1]
        assert steps.look(workflow_id).status == "BLOCKED"
        impostor.kill()
        assert impostor.stdout.read() == ""
        impostor.wait()
