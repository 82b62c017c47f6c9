"""Secrets: values of the environment that are never stored, however a step prints them."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.execution.attempt_workspace import AttemptWorkspace, start_task
from tests.execution.test_output import memory
from tests.support.processes import kill
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import Criterion, Expectation, GateCommand, Recipe, RecipeStep
from penguin.orchestration.execution.attempt_plan import LONGEST_NAME
from penguin.orchestration.execution.launcher.junit_redaction import redact_report
from penguin.orchestration.execution.launcher.output import Output
from penguin.orchestration.execution.launcher.redaction import Redactor, Secrets
from penguin.orchestration.execution.step_files import slug
from penguin.orchestration.files.secret_env import secret_values, without_denied

VALUE = "s3cr&t<value>"
NAME = "SHOP_API_KEY"
LABEL = f"[redacted {NAME}]"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, VALUE)


def holders(folder: Path, *values: str) -> list[Path]:
    """Return the files in a folder that contain one of the values."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if any(value.encode() in path.read_bytes() for value in values)]


# Replacement


def replaced(data: bytes, values: dict[str, bytes]) -> bytes:
    """Redact by definition: each byte of a value is removed; adjacent values get separate labels, overlapping ones a
    common one."""
    names = {value: name for name, value in sorted(values.items(), reverse=True)}
    spans = [
        (start, -len(value), name)
        for value, name in names.items()
        for start in range(len(data))
        if data.startswith(value, start)
    ]
    stored, at = b"", 0
    for start, length, name in sorted(spans):
        if start >= at:
            stored += data[at:start] + f"[redacted {name}]".encode()
        at = max(at, start - length)
    return stored + data[at:]


def written(path: Path, pieces: Iterable[bytes], limit: int, secrets: Secrets | None = None) -> bytes:
    output = Output(str(path), limit, secrets)
    for piece in pieces:
        output.write(piece)
    assert output.close()["kept"] == path.stat().st_size
    return path.read_bytes()


LETTERS = st.sampled_from("ab")


@st.composite
def outputs(draw: st.DrawFn) -> tuple[dict[str, bytes], list[bytes]]:
    """Generate secrets that often overlap, and an output of them in chunks."""
    drawn = draw(st.dictionaries(st.sampled_from(["A", "B", "C"]), st.text(LETTERS, min_size=1, max_size=6)))
    values = {name: value.encode() for name, value in drawn.items()}
    parts = st.one_of(st.sampled_from([b"c", b"\xff", *values.values()]), st.text(LETTERS, max_size=3).map(str.encode))
    data = b"".join(draw(st.lists(parts, max_size=12)))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return values, [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(outputs(), st.integers(2, 80))
def test_the_whole_output_is_stored_redacted(
    tmp_path_factory: pytest.TempPathFactory, output: tuple[dict[str, bytes], list[bytes]], limit: int
) -> None:
    values, pieces = output
    folder = tmp_path_factory.mktemp("output")
    secrets = Secrets({name: value.decode() for name, value in values.items()})
    wanted = replaced(b"".join(pieces), values)
    assert written(folder / "log", pieces, 1_000_000, secrets) == wanted
    # Redact before truncating: a limit must not leave half a value.
    assert written(folder / "short", pieces, limit, secrets) == written(folder / "same", [wanted], limit)


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=6), st.binary(max_size=60))
def test_any_bytes_can_be_secret(values: list[bytes], data: bytes) -> None:
    named = {f"N{number}": value for number, value in enumerate(values)}
    secrets = Secrets({name: os.fsdecode(value) for name, value in named.items()})
    assert secrets.redact(data) == replaced(data, named)


def test_only_possible_starts_of_secrets_are_held_back() -> None:
    redactor = Redactor(Secrets({"A": "abcdefgh", "B": "abcx1234"}))
    assert redactor.feed(b"ready\n") == b"ready\n"
    assert redactor.feed(b"so: abc") == b"so: "
    assert redactor.feed(b"d") == b""
    assert redactor.feed(b"o") == b"abcdo"
    assert redactor.feed(b"abcdefg") == b""
    assert redactor.flush() == b"abcdefg"


def test_names_that_look_secret() -> None:
    names = "A_KEY", "b_token", "C_SECRET", "PGPASSWORD", "PASSWORD_FILE", "TOKEN"
    others = "KEYBOARD", "TOKENS", "MONKEY", "PATH"
    assert set(secret_values(dict.fromkeys((*names, *others), "long enough"))) == set(names)
    assert secret_values({"A_KEY": "7 bytes", "B_KEY": "  8 bytes.\n", "C_KEY": "äöüß"}) == {
        "B_KEY": "8 bytes.",
        "C_KEY": "äöüß",
    }
    named = secret_values({"DATABASE_URL": "postgres://", "MY_PIN1": "12345678"}, ("DATABASE_URL", "my_pin?"))
    assert set(named) == {"DATABASE_URL", "MY_PIN1"}


def test_names_that_are_denied() -> None:
    environ = {"AWS_REGION": "x", "aws_profile": "x", "PATH": "/bin", "PENGUIN_STEP_outer": "1"}
    assert without_denied(environ, ("AWS_*", "PENGUIN_*")) == {"PATH": "/bin", "PENGUIN_STEP_outer": "1"}
    assert without_denied(environ, ()) == environ


# Output of steps


def test_a_value_in_two_pieces_is_never_on_the_disk(workspace: AttemptWorkspace) -> None:
    half = len(VALUE) // 2
    command = (
        f"printf 'begin {VALUE[:half]}' ; touch half; while ! test -e go; do sleep 0.01; done; "
        f"printf '{VALUE[half:]} end'"
    )
    script = workspace.write("print.sh", command)

    async def scenario() -> None:
        attempt = await start_task(workspace.attempt(workspace.order(f"sh {script.name}")))
        await wait_until_async((workspace.root / "half").exists, "the first half")
        (log,) = workspace.run_dir.glob("*.log")
        await wait_until_async(lambda: log.read_bytes() == b"begin ", "what is no secret")
        (workspace.root / "go").touch()
        result = await attempt
        assert result.steps[0].excerpt == f"begin {LABEL} end"

    asyncio.run(scenario())


def test_no_stored_file_of_a_step_contains_the_value(workspace: AttemptWorkspace) -> None:
    workspace.write(
        "test_it.py",
        f"import os\ndef test_it():\n    print(os.environ['{NAME}'])\n    assert os.environ['{NAME}'] == 'another'\n",
    )
    recipe = [
        RecipeStep("shell", f'echo "out ${NAME}"; echo "err ${NAME}" >&2', Expectation(stdout="out")),
        RecipeStep("python", f"import os; raise SystemExit('no: ' + os.environ['{NAME}'])"),
    ]
    # The command line contains the value: the configuration may, but the evidence must not repeat it.
    result = workspace.run("pytest -q test_it.py", f"printf %s '{VALUE}'; exit 3", recipe=recipe)
    tested, named, out, raised = result.steps
    assert tested.tests is not None
    assert tested.tests.failed == 1
    assert LABEL in tested.excerpt
    assert named.argv[-1] == f"printf %s '{LABEL}'; exit 3"
    assert named.reason == f"exit 3: {LABEL}"
    assert (out.verdict, out.excerpt) == (Verdict.PASSED, f"out {LABEL}\n")
    assert raised.reason == f"exit 1: no: {LABEL}"
    evidence = msgspec.json.encode([(step.reason, step.argv, step.excerpt) for step in result.steps]).decode()
    assert VALUE not in evidence
    assert holders(workspace.root / ".penguin", VALUE, VALUE.replace("&", "&amp;").replace("<", "&lt;")) == []


def test_no_stored_name_or_reason_contains_the_value(workspace: AttemptWorkspace) -> None:
    long = "x" * (LONGEST_NAME - len(VALUE) // 2)
    recipes = [
        Recipe(VALUE, (RecipeStep("shell", f"false {VALUE!r}"), RecipeStep("shell", "true", name=f"{long}{VALUE}"))),
        Recipe(f"empty {VALUE}", ()),
    ]
    criteria = [Criterion(f"{long}{VALUE}"), Criterion(f"it is {VALUE}", check="false")]
    result = workspace.run(f"false '{VALUE}'", recipes=recipes, criteria=criteria)

    assert result.steps[0].name == f"false '{LABEL}'"
    assert result.reason.startswith(f"false '{LABEL}': exit 1")
    stored = msgspec.json.encode(result).decode()
    assert VALUE not in stored
    assert VALUE[: len(VALUE) // 2] not in stored
    names = [path.name for path in workspace.run_dir.iterdir()]
    assert "01-false-redacted-shop-api-key.1.log" in names
    assert not [name for name in names if slug(VALUE) in name]


def test_an_impossible_step_is_reported_without_the_value(workspace: AttemptWorkspace) -> None:
    result = workspace.run(recipe=[RecipeStep("shell", "true", Expectation(stdout=f"/({VALUE}/"))])

    assert result.impossible
    assert VALUE not in result.reason


def test_a_step_runs_once_if_the_next_engine_knows_other_secrets(
    workspace: AttemptWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f"echo '{VALUE}' >>ran"
    first = workspace.run(command)
    monkeypatch.delenv(NAME)
    second = workspace.run(command)

    assert first.steps[0].output == second.steps[0].output
    assert (workspace.root / "ran").read_text() == f"{VALUE}\n"


def test_a_redacted_report_is_counted(workspace: AttemptWorkspace) -> None:
    workspace.write("test_it.py", f"def test_it():\n    print('{VALUE}')\n")
    result = workspace.run("pytest -q -o junit_logging=all test_it.py")
    assert result.verdict is Verdict.PASSED
    (report,) = workspace.run_dir.glob("*.junit.xml")
    assert LABEL in report.read_text()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


ECHO = """
import http.server, os, sys
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Key", os.environ["SHOP_API_KEY"])
        self.end_headers()
        self.wfile.write(os.environ["SHOP_API_KEY"].encode())
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""


def test_a_response_is_compared_unredacted_and_stored_redacted(workspace: AttemptWorkspace, port: int) -> None:
    workspace.write("echo.py", ECHO)
    recipe = [
        RecipeStep("shell", f"exec {sys.executable} echo.py {port}", background=True),
        RecipeStep("http", f"http://127.0.0.1:{port}/", Expectation(stdout="t<value>"), within=10.0),
        RecipeStep("http", f"http://127.0.0.1:{port}/", Expectation(json=[1])),
    ]
    _, passed, failed = workspace.run(recipe=recipe).steps
    assert (passed.verdict, failed.verdict) == (Verdict.PASSED, Verdict.FAILED)
    assert passed.excerpt.endswith(f"\n\n{LABEL}")
    assert f"x-key: {LABEL}\n" in passed.excerpt
    assert holders(workspace.run_dir, VALUE) == []


def test_an_expectation_can_contain_a_secret(workspace: AttemptWorkspace) -> None:
    recipe = [RecipeStep("shell", f"echo ${NAME}", Expectation(stdout=VALUE))]
    # Only the blueprint and its copy for the steps contain it.
    result = workspace.run(recipe=recipe)
    assert result.steps[0].verdict is Verdict.PASSED
    assert [path.name for path in holders(workspace.run_dir, VALUE)] == ["task.json"]


def test_configured_names_are_redacted(workspace: AttemptWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@db")
    monkeypatch.setenv("AWS_REGION", "north-pole")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "denied and secret")
    command = 'echo "$DATABASE_URL ${AWS_REGION-none} ${AWS_SESSION_TOKEN-none}"; echo denied and secret'
    order = workspace.order(command)
    definition = msgspec.structs.replace(order.definition, redact=("DATABASE_*",), env_deny=("AWS_*",))
    result = asyncio.run(workspace.attempt(msgspec.structs.replace(order, definition=definition)))
    # A step may get a denied value in another way.
    assert result.steps[0].excerpt == "[redacted DATABASE_URL] none none\n[redacted AWS_SESSION_TOKEN]\n"
    assert b"postgres" not in msgspec.json.encode(definition)


def test_steps_get_no_temporal_credentials(workspace: AttemptWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENGUIN_PAYLOAD_KEY", "0123456789abcdef" * 4)
    monkeypatch.setenv("TEMPORAL_API_KEY", "a key of the namespace")
    result = workspace.run('echo "${PENGUIN_PAYLOAD_KEY-none} ${TEMPORAL_API_KEY-none}"')
    assert result.steps[0].excerpt == "none none\n"


def test_many_secrets_use_little_memory(workspace: AttemptWorkspace) -> None:
    flood = f'yes "${NAME}" | head -c 60000000; touch done; while test -e done; do sleep 0.01; done'

    async def scenario() -> None:
        attempt = await start_task(workspace.attempt(workspace.order(flood, max_output=1_000_000)))
        await wait_until_async((workspace.root / "done").exists, "the flood")
        (launcher,) = workspace.launchers()
        assert memory(launcher) < 50_000_000
        (workspace.root / "done").unlink()
        result = await attempt
        data = (workspace.root / (result.steps[0].output or "")).read_bytes()
        assert data.startswith(f"{LABEL}\n{LABEL}\n".encode())
        assert VALUE.encode() not in data

    asyncio.run(scenario())


# Crashes


def test_the_launcher_redacts_after_a_crash_of_the_engine(
    workspace: AttemptWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f'touch up; while ! test -e go; do sleep 0.01; done; echo "${NAME}"'
    order = workspace.order(command)
    dead = workspace.engine(order)

    async def scenario() -> None:
        await wait_until_async((workspace.root / "up").exists, "the step")
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        # The next engine is started from another terminal, which knows no secrets.
        monkeypatch.delenv(NAME)
        attempt = await start_task(workspace.attempt(order, engine="two"))
        (workspace.root / "go").touch()
        result = await attempt
        assert result.steps[0].excerpt == LABEL + "\n"

    asyncio.run(scenario())
    assert workspace.started("touch") == 1
    assert holders(workspace.root, VALUE) == []


def test_nothing_is_stored_after_a_crash_of_the_launcher(workspace: AttemptWorkspace) -> None:
    wait = "touch up; while ! test -e go; do sleep 0.01; done"
    command = f'echo "first ${NAME}"; printf s3cr; {wait}; echo "${NAME}"; sleep 60'

    async def scenario() -> None:
        attempt = await start_task(workspace.attempt(workspace.order(command)))
        await wait_until_async((workspace.root / "up").exists, "the step")
        (log,) = workspace.run_dir.glob("*.log")
        await wait_until_async(lambda: log.read_bytes() == f"first {LABEL}\n".encode(), "its output")
        (launcher,) = workspace.launchers()
        kill(launcher)
        (workspace.root / "go").touch()
        result = await attempt
        assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "crash")
        assert log.read_bytes() == f"first {LABEL}\n".encode()

    asyncio.run(scenario())
    assert holders(workspace.root, VALUE) == []


# Invalid reports


def test_a_report_that_cannot_be_redacted_is_removed(tmp_path: Path) -> None:
    secrets = Secrets({NAME: VALUE})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(VALUE)
    link, pipe, huge = tmp_path / "link.xml", tmp_path / "pipe.xml", tmp_path / "huge.xml"
    link.symlink_to(elsewhere)
    os.mkfifo(pipe)
    with huge.open("wb") as file:
        file.truncate(100_000_001)
    for path in (link, pipe, huge, tmp_path / "none.xml"):
        redact_report(str(path), secrets)
    assert list(tmp_path.iterdir()) == [elsewhere]
    assert elsewhere.read_text() == VALUE


def test_a_command_can_have_its_own_report(workspace: AttemptWorkspace) -> None:
    xml = f"<testsuite><testcase name='{VALUE.replace('&', '&amp;').replace('<', '&lt;')}'/></testsuite>"
    workspace.write("report.sh", f"cat > own.xml <<'END'\n{xml}\nEND\n")
    result = workspace.run(GateCommand("sh report.sh", report="own.xml"))
    assert result.verdict is Verdict.PASSED
    # It is the user's file, not one of Penguin's.
    assert workspace.read("own.xml").strip() == xml
