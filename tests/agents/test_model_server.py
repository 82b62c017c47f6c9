"""The scripted model itself: its replies in each protocol, and its record of requests."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.agents.model_scripts import RIGHT, WRONG, Say
from tests.agents.model_server import ModelServer
from tests.agents.model_wires import WIRES, Wire

ANTHROPIC, RESPONSES, CHAT = WIRES
FAILURE = "assert -1 == 5"

Json = dict[str, Any]


def prompted(wire: Wire, text: str, *results: str, stream: bool = True) -> Json:
    """A request of an agent that was prompted, and whose tools gave these results."""
    if wire is ANTHROPIC:
        blocks = [{"type": "tool_result", "tool_use_id": "t", "content": result} for result in results]
        messages = [{"role": "user", "content": [{"type": "text", "text": text}]}]
        return {"stream": stream, "messages": messages + [{"role": "user", "content": [block]} for block in blocks]}
    if wire is RESPONSES:
        items = [{"type": "function_call_output", "call_id": "c", "output": result} for result in results]
        words = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        return {"stream": stream, "input": [words, *items]}
    tools = [{"role": "tool", "tool_call_id": "c", "content": result} for result in results]
    return {"stream": stream, "messages": [{"role": "user", "content": text}, *tools]}


def ask(model: ModelServer, wire: Wire, body: Json) -> tuple[int, http.client.HTTPMessage, str]:
    connection = http.client.HTTPConnection(urlsplit(model.url).netloc, timeout=30)
    try:
        connection.request("POST", f"{wire.path}?beta=true", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def reply(model: ModelServer, wire: Wire, text: str, *results: str, stream: bool = True) -> str:
    status, _, answer = ask(model, wire, prompted(wire, text, *results, stream=stream))
    assert status == 200
    return answer


def events(answer: str) -> list[str]:
    """The data of each server-sent event."""
    return [line.removeprefix("data: ") for line in answer.splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.path)
@pytest.mark.parametrize("stream", [True, False])
def test_a_script_continues_after_each_result(model: ModelServer, wire: Wire, stream: bool) -> None:
    assert "return a - b" in reply(model, wire, "SCRIPT:fix-add", stream=stream)
    assert "Implemented add" in reply(model, wire, "SCRIPT:fix-add", "Written.", stream=stream)
    assert "return a + b" in reply(model, wire, f"{FAILURE} SCRIPT:fix-add", stream=stream)
    assert [request.step for request in model.of("fix-add")] == [0, 1, 0]
    assert model.requests[-1].carries(FAILURE)
    assert not model.requests[0].carries(FAILURE)


def test_the_newest_marker_counts(model: ModelServer) -> None:
    body = prompted(ANTHROPIC, "SCRIPT:fix-add", "Written.")
    body["messages"] += prompted(ANTHROPIC, "Now SCRIPT:nothing")["messages"]
    assert "There is nothing to do." in ask(model, ANTHROPIC, body)[2]
    assert (model.requests[0].script, model.requests[0].step) == ("nothing", 0)
    assert model.requests[0].prompt == "Now SCRIPT:nothing"


def test_a_request_without_a_script_is_reported(model: ModelServer) -> None:
    assert "no script" in reply(model, CHAT, "Hello")
    assert "no script" in reply(model, CHAT, "SCRIPT:nobody-knows")


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.path)
def test_a_stream_is_complete(model: ModelServer, wire: Wire) -> None:
    last = events(reply(model, wire, "SCRIPT:nothing"))[-1]
    if wire is CHAT:
        assert last == "[DONE]"
    else:
        assert json.loads(last)["type"] in ("message_stop", "response.completed")


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.path)
def test_a_cut_stream_is_incomplete(model: ModelServer, wire: Wire) -> None:
    with pytest.raises(http.client.IncompleteRead):
        reply(model, wire, "SCRIPT:cut")
    assert "Plainly said." in reply(model, wire, "SCRIPT:cut", stream=False)
    with pytest.raises(http.client.RemoteDisconnected):
        reply(model, wire, "SCRIPT:cut-always", stream=False)


@pytest.mark.parametrize("status", [400, 401, 429, 500])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.path)
def test_requests_fail_as_scripted(model: ModelServer, wire: Wire, status: int) -> None:
    got, headers, answer = ask(model, wire, prompted(wire, f"SCRIPT:{status}(7)"))
    assert (got, headers["Retry-After"]) == (status, "7")
    assert json.loads(answer)["error"]["message"]


def test_a_busy_service_works_again(model: ModelServer) -> None:
    body = prompted(ANTHROPIC, "SCRIPT:busy(1,2)")
    assert [ask(model, ANTHROPIC, body)[0] for _ in range(3)] == [429, 429, 200]


def test_usage_is_reported(model: ModelServer) -> None:
    usage = json.loads(reply(model, CHAT, "SCRIPT:burn(700,30)", stream=False))["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (700, 30)


def test_a_conversation_waits_until_released(model: ModelServer) -> None:
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(reply(model, ANTHROPIC, "SCRIPT:wait", "Written.")))
    asking.start()
    model.await_request("wait", step=1)
    assert not answers
    model.release("go")
    asking.join(30)
    assert "return a + b" in answers[0]
    assert "return a + b" in reply(model, ANTHROPIC, "SCRIPT:wait", "Written.")


def test_a_hanging_request_ends_with_the_server() -> None:
    failures: list[Exception] = []

    def hang() -> None:
        try:
            ask(model, CHAT, prompted(CHAT, "SCRIPT:hang"))
        except OSError as error:
            failures.append(error)

    with ModelServer() as model:
        asking = threading.Thread(target=hang)
        asking.start()
        model.await_request("hang")
    asking.join(30)
    assert len(failures) == 1


def test_a_long_conversation_is_long(model: ModelServer) -> None:
    assert len(reply(model, CHAT, "SCRIPT:long(1,50000)", stream=False)) > 50_000
    assert "That was long." in reply(model, CHAT, "SCRIPT:long(1,50000)", "step 0")


def test_a_test_can_add_a_script(model: ModelServer) -> None:
    model.scripts["mine"] = lambda body: Say(f"{body.numbers} {body.requests}")
    assert "(3, 4) 1" in reply(model, CHAT, "SCRIPT:mine(3,4)")


def test_other_paths_are_not_found(model: ModelServer) -> None:
    connection = http.client.HTTPConnection(urlsplit(model.url).netloc, timeout=30)
    connection.request("HEAD", "/")
    assert connection.getresponse().status == 404
    connection.close()


def test_every_script_file_is_valid() -> None:
    for source, result in ((WRONG, -1), (RIGHT, 5)):
        names: dict[str, Any] = {}
        exec(source, names)
        assert names["add"](2, 3) == result
