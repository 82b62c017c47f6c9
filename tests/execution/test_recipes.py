"""Recipes: shell, http and python steps, and their expectations."""

from __future__ import annotations

import asyncio
import socket

from hypothesis import given
from hypothesis import strategies as st
from tests.execution.attempt_workspace import AttemptWorkspace, start_task
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import Expectation, Recipe, RecipeStep
from penguin.orchestration.execution.check_process.regex_search import pattern_found
from penguin.orchestration.execution.output_matching import file_contains, json_difference
from penguin.orchestration.execution.runner_api import Stop, StopControl

SERVER = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    seen = 0
    def do_POST(self): self.do_GET()
    def do_GET(self):
        Handler.seen += 1
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0)).decode()
        code = 404 if self.path == '/nope' else 200
        self.send_response(code); self.end_headers()
        self.wfile.write(json.dumps({'seen': Handler.seen, 'body': body, 'x': self.headers.get('X-Test')}).encode())
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
"""


def server(workspace: AttemptWorkspace, port: int) -> RecipeStep:
    workspace.write("server.py", SERVER)
    return RecipeStep("shell", f"echo up >> ups\nexec python3 server.py {port}\n", background=True, name="server")


def http(port: int, path: str = "/", **settings: object) -> RecipeStep:
    return RecipeStep("http", f"http://127.0.0.1:{port}{path}", within=10.0, **settings)  # type: ignore[arg-type]


def test_http_steps_use_a_server_of_the_recipe(workspace: AttemptWorkspace, port: int) -> None:
    post = http(
        port,
        method="POST",
        headers={"X-Test": "1"},
        body="hello",
        expect=Expectation(status=200, json={"body": "hello", "x": "1"}, stdout="/hel+o/"),
    )
    result = workspace.run(recipe=[server(workspace, port), http(port, name="get"), post])
    assert [step.verdict for step in result.steps] == [Verdict.PASSED] * 3, result.reason
    assert result.steps[1].name == "try: get"
    assert "HTTP/1.0 200 OK" in result.steps[1].excerpt
    assert socket.socket().connect_ex(("127.0.0.1", port)) != 0


def test_http_expectations_that_fail(workspace: AttemptWorkspace, port: int) -> None:
    def one(name: str, path: str, expect: Expectation) -> Recipe:
        return Recipe(name, (RecipeStep("http", f"http://127.0.0.1:{port}{path}", expect=expect),))

    async def scenario() -> None:
        workspace.write("server.py", SERVER)
        outside = await asyncio.create_subprocess_exec("python3", str(workspace.root / "server.py"), str(port))
        await wait_until_async(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the server")
        recipes = [
            one("a", "/nope", Expectation()),
            one("b", "/", Expectation(status=201)),
            one("c", "/", Expectation(json={"body": "other"})),
            one("d", "/", Expectation(stdout="missing")),
            one("e", "/nope", Expectation(status=404)),
        ]
        result = await workspace.attempt(workspace.order(recipes=recipes))
        outside.kill()
        await outside.wait()
        reasons = [step.reason for step in result.steps]
        assert reasons[:2] == ["status 404, not 2xx", "status 200, not 201"]
        assert reasons[2] == 'in the JSON of the body, body is "", not "other"'
        assert reasons[3] == "the body does not contain missing"
        assert [step.verdict for step in result.steps] == [Verdict.FAILED] * 4 + [Verdict.PASSED]

    asyncio.run(scenario())


def test_a_server_that_never_comes_up(workspace: AttemptWorkspace, port: int) -> None:
    result = workspace.run(recipe=[RecipeStep("http", f"http://127.0.0.1:{port}/", within=0.3)])
    assert result.verdict is Verdict.FAILED
    assert "no response from" in result.reason


def test_shell_and_python_steps(workspace: AttemptWorkspace) -> None:
    workspace.write("mine.py", "answer = 42")
    result = workspace.run(
        recipes=[
            Recipe("exits", (RecipeStep("shell", "exit 3", expect=Expectation(exit=3)),)),
            Recipe(
                "python", (RecipeStep("python", "import mine\nprint(mine.answer)", expect=Expectation(stdout="42")),)
            ),
            Recipe(
                "text", (RecipeStep("shell", "echo hello; echo noise >&2", expect=Expectation(stdout="/^hel+o$/")),)
            ),
            Recipe("errors", (RecipeStep("shell", "echo hello >&2", expect=Expectation(stdout="hello")),)),
            Recipe("code", (RecipeStep("shell", "echo hello; exit 2", expect=Expectation(stdout="hello")),)),
            Recipe("breaks", (RecipeStep("shell", "false"), RecipeStep("shell", "touch never"))),
            Recipe("odd", (RecipeStep("shell", 'echo "$0" \'"; rm -rf x\''),)),
        ]
    )
    verdicts = {step.name.partition(":")[0]: step.verdict for step in result.steps if step.verdict != Verdict.SKIPPED}
    assert verdicts == {
        "exits": Verdict.PASSED,
        "python": Verdict.PASSED,
        "text": Verdict.PASSED,
        "errors": Verdict.FAILED,
        "code": Verdict.FAILED,
        "breaks": Verdict.FAILED,
        "odd": Verdict.PASSED,
    }
    assert not (workspace.root / "never").exists()
    assert [step.verdict for step in result.steps].count(Verdict.SKIPPED) == 1


def test_a_background_step_that_ends_early_fails(workspace: AttemptWorkspace) -> None:
    steps = [RecipeStep("shell", "echo gone; exit 1", background=True), RecipeStep("shell", "sleep 0.3")]
    result = workspace.run(recipe=steps)
    assert result.verdict is Verdict.FAILED
    assert "ended before its recipe: exit 1: gone" in result.reason


def test_a_recipe_whose_server_was_stopped_starts_over(workspace: AttemptWorkspace, port: int) -> None:
    """The requests to the first server are repeated to the second one."""
    hold = RecipeStep("shell", "echo x >> held; while ! test -e go; do sleep 0.01; done")
    order = workspace.order(
        recipe=[
            server(workspace, port),
            http(port, name="first"),
            hold,
            http(port, expect=Expectation(json={"seen": 2})),
        ]
    )

    async def scenario() -> None:
        control = StopControl()
        attempt = await start_task(workspace.attempt(order, control))
        await wait_until_async((workspace.root / "held").exists, "the third step")
        control.request_stop(Stop.PAUSE)
        workspace.write("go", "")
        result = await attempt
        assert result.cause == "pause"
        assert socket.socket().connect_ex(("127.0.0.1", port)) != 0
        result = await workspace.attempt(order)
        assert result.verdict is Verdict.PASSED, result.reason

    asyncio.run(scenario())
    assert (workspace.count("ups"), workspace.count("held")) == (2, 2)


def test_a_killed_engine_leaves_the_server_to_the_next(workspace: AttemptWorkspace, port: int) -> None:
    hold = RecipeStep("shell", "echo x >> held; while ! test -e go; do sleep 0.01; done")
    order = workspace.order(
        recipe=[
            server(workspace, port),
            http(port, name="first"),
            hold,
            http(port, expect=Expectation(json={"seen": 2})),
        ]
    )
    engine = workspace.engine(order)

    async def scenario() -> None:
        await wait_until_async((workspace.root / "held").exists, "the third step")
        engine.kill()
        engine.wait()
        workspace.write("go", "")
        result = await workspace.attempt(order, engine="two")
        assert result.verdict is Verdict.PASSED, result.reason

    asyncio.run(scenario())
    assert (workspace.count("ups"), workspace.count("held")) == (1, 1)


def test_text_is_found_anywhere_in_a_large_output(workspace: AttemptWorkspace) -> None:
    path = workspace.write("large", "x" * (1 << 20))
    with path.open("a") as file:
        file.write("needle" + "y" * (3 << 20))
    assert file_contains(path, "xneedley")
    assert not file_contains(path, "noodle")
    assert pattern_found(path, "y{5}$")
    assert not file_contains(workspace.write("empty", ""), "x")
    assert file_contains(workspace.write("empty", ""), "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.dictionaries(st.text(max_size=3), JSON, max_size=3))
def test_objects_match_as_subsets_and_other_values_if_equal(value: object, more: dict[str, object]) -> None:
    assert json_difference(value, value) == ""
    if isinstance(value, dict):
        assert json_difference(value, {**more, **value}) == ""
    else:
        assert json_difference(value, [value])
        assert json_difference([value], [value, value])


def test_the_position_of_the_difference() -> None:
    assert json_difference({"a": {"b": 1}}, {"a": {}}) == "a.b is missing"
    assert json_difference({"a": True}, {"a": 1}) == "a is 1, not true"
    assert json_difference({"a": "é"}, {"a": "\ud800"}) == 'a is "\\ud800", not "é"'
