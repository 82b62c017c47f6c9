"""The three protocols between agents and a model: how a conversation is parsed, and how an action is sent.

Anthropic Messages, OpenAI Responses, OpenAI Chat Completions: as much of each as the agents need.
"""

from __future__ import annotations

import json
import shlex
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tests.agents.model_scripts import Action, Answer, Refuse, Say, Shell, Write

Json = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One entry of a conversation."""

    role: str
    """user, assistant or tool."""
    text: str


@dataclass(frozen=True)
class Tool:
    """A use of a tool."""

    name: str
    arguments: Json


class Wire(Protocol):
    """One protocol."""

    path: str

    def read(self, body: Json) -> list[Entry]:
        """The conversation that a request carries, oldest first."""
        ...

    def stream(self, body: Json, action: Action) -> list[tuple[str, Json | str]]:
        """Return the reply as server-sent events: name (empty: none) and data."""
        ...

    def plain(self, body: Json, action: Action) -> Json:
        """The same as one document."""
        ...

    def refusal(self, refusal: Refuse) -> Json:
        """The body of a failed request."""
        ...


def _name(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex[:20]}"


def _text(content: object) -> str:
    """Return the text of a string, a block, or a list of them."""
    if isinstance(content, list):
        return "\n".join(_text(part) for part in content)
    if isinstance(content, dict):
        return _text(content.get("text") or content.get("content") or content.get("output") or "")
    return content if isinstance(content, str) else ""


class Anthropic:
    """`POST /v1/messages`."""

    path = "/v1/messages"

    def read(self, body: Json) -> list[Entry]:
        return [entry for message in body.get("messages", ()) for entry in self._entries(message)]

    def _entries(self, message: Json) -> Iterator[Entry]:
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            match block["type"]:
                case "text":
                    yield Entry(message["role"], block["text"])
                case "tool_use":
                    yield Entry("assistant", json.dumps(block["input"]))
                case "tool_result":
                    yield Entry("tool", _text(block.get("content")))

    def _blocks(self, body: Json, action: Action) -> list[Json]:
        match action:
            case Say(text):
                return [{"type": "text", "text": text}]
            case Answer(value):
                if any(tool["name"] == "StructuredOutput" for tool in body.get("tools", ())):
                    return [self._use(Tool("StructuredOutput", value if isinstance(value, dict) else {}))]
                return [{"type": "text", "text": json.dumps(value)}]
            case Write(path, content):
                return [self._use(Tool("Write", {"file_path": path, "content": content}))]
            case Shell(command, say):
                words = [{"type": "text", "text": say}] if say else []
                return [*words, self._use(Tool("Bash", {"command": command, "description": "A scripted step"}))]
        raise TypeError(action)

    def _use(self, tool: Tool) -> Json:
        return {"type": "tool_use", "id": _name("toolu"), "name": tool.name, "input": tool.arguments}

    def plain(self, body: Json, action: Action) -> Json:
        blocks = self._blocks(body, action)
        return self._message(body, action) | {
            "content": blocks,
            "stop_reason": self._reason(blocks),
            "usage": {"input_tokens": action.read, "output_tokens": action.wrote},
        }

    def _message(self, body: Json, action: Action) -> Json:
        return {
            "id": _name("msg"),
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "model"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": action.read, "output_tokens": 1},
        }

    def _reason(self, blocks: list[Json]) -> str:
        return "tool_use" if blocks[-1]["type"] == "tool_use" else "end_turn"

    def stream(self, body: Json, action: Action) -> list[tuple[str, Json | str]]:
        blocks = self._blocks(body, action)
        events: list[Json] = [{"type": "message_start", "message": self._message(body, action)}]
        for index, block in enumerate(blocks):
            if block["type"] == "text":
                empty, delta = block | {"text": ""}, {"type": "text_delta", "text": block["text"]}
            else:
                empty = block | {"input": {}}
                delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            events.append({"type": "content_block_start", "index": index, "content_block": empty})
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
            events.append({"type": "content_block_stop", "index": index})
        ending = {"stop_reason": self._reason(blocks), "stop_sequence": None}
        events.append({"type": "message_delta", "delta": ending, "usage": {"output_tokens": action.wrote}})
        events.append({"type": "message_stop"})
        return [(event["type"], event) for event in events]

    def refusal(self, refusal: Refuse) -> Json:
        return {"type": "error", "error": {"type": refusal.kind, "message": refusal.message}}


class Responses:
    """`POST /v1/responses`."""

    path = "/v1/responses"

    def read(self, body: Json) -> list[Entry]:
        asked = body.get("input", ())
        if isinstance(asked, str):
            return [Entry("user", asked)]
        return [entry for item in asked for entry in self._entries(item)]

    def _entries(self, item: Json) -> Iterator[Entry]:
        kind = item.get("type", "message")
        if kind == "message":
            yield Entry(item["role"], _text(item["content"]))
        elif kind.endswith("_call"):
            yield Entry("assistant", str(item.get("arguments") or item.get("input") or ""))
        elif kind.endswith("_output"):
            yield Entry("tool", _text(item["output"]))

    def _items(self, action: Action) -> list[Json]:
        match action:
            case Say(text):
                return [self._words(text)]
            case Answer(value):
                return [self._words(json.dumps(value))]
            case Write(path, content):
                return [self._call(f"mkdir -p $(dirname {path}) && printf %s {shlex.quote(content)} > {path}")]
            case Shell(command, say):
                return [*([self._words(say)] if say else ()), self._call(command)]
        raise TypeError(action)

    def _words(self, text: str) -> Json:
        content = [{"type": "output_text", "text": text, "annotations": []}]
        return {"type": "message", "id": _name("msg"), "role": "assistant", "status": "completed", "content": content}

    def _call(self, command: str) -> Json:
        call = {"type": "function_call", "id": _name("fc"), "call_id": _name("call"), "name": "exec_command"}
        return call | {"arguments": json.dumps({"cmd": command})}

    def plain(self, body: Json, action: Action) -> Json:
        usage = {
            "input_tokens": action.read,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": action.wrote,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": action.read + action.wrote,
        }
        answer = {"id": _name("resp"), "object": "response", "status": "completed", "model": body.get("model", "model")}
        return answer | {"output": self._items(action), "usage": usage}

    def stream(self, body: Json, action: Action) -> list[tuple[str, Json | str]]:
        whole = self.plain(body, action)
        begun = whole | {"status": "in_progress", "output": [], "usage": None}
        events: list[Json] = [{"type": "response.created", "response": begun}]
        for index, item in enumerate(whole["output"]):
            events.append({"type": "response.output_item.done", "output_index": index, "item": item})
        events.append({"type": "response.completed", "response": whole})
        return [(event["type"], event) for event in events]

    def refusal(self, refusal: Refuse) -> Json:
        return {"error": {"type": refusal.kind, "code": refusal.kind, "message": refusal.message}}


class Chat:
    """`POST /v1/chat/completions`."""

    path = "/v1/chat/completions"

    def read(self, body: Json) -> list[Entry]:
        return [entry for message in body.get("messages", ()) for entry in self._entries(message)]

    def _entries(self, message: Json) -> Iterator[Entry]:
        if text := _text(message.get("content")):
            yield Entry(message["role"], text)
        elif message["role"] == "tool":
            yield Entry("tool", "")
        for call in message.get("tool_calls") or ():
            yield Entry("assistant", call["function"]["arguments"])

    def _message(self, action: Action) -> Json:
        match action:
            case Say(text):
                return {"role": "assistant", "content": text}
            case Answer(value):
                return {"role": "assistant", "content": json.dumps(value)}
            case Write(path, content):
                return self._call(Tool("write", {"filePath": path, "content": content}), "")
            case Shell(command, say):
                return self._call(Tool("bash", {"command": command, "description": "A scripted step"}), say)
        raise TypeError(action)

    def _call(self, tool: Tool, say: str) -> Json:
        function = {"name": tool.name, "arguments": json.dumps(tool.arguments)}
        call = {"index": 0, "id": _name("call"), "type": "function", "function": function}
        return {"role": "assistant", "content": say, "tool_calls": [call]}

    def _usage(self, action: Action) -> Json:
        total = action.read + action.wrote
        return {"prompt_tokens": action.read, "completion_tokens": action.wrote, "total_tokens": total}

    def _reason(self, message: Json) -> str:
        return "tool_calls" if "tool_calls" in message else "stop"

    def plain(self, body: Json, action: Action) -> Json:
        message = self._message(action)
        choice = {"index": 0, "message": message, "finish_reason": self._reason(message)}
        answer = {"id": _name("chatcmpl"), "object": "chat.completion", "created": 0, "model": body.get("model", "")}
        return answer | {"choices": [choice], "usage": self._usage(action)}

    def stream(self, body: Json, action: Action) -> list[tuple[str, Json | str]]:
        message = self._message(action)
        frame = {"id": _name("chatcmpl"), "object": "chat.completion.chunk", "created": 0, "model": body.get("model")}
        parts: tuple[tuple[Json, str | None], ...] = ((message, None), ({}, self._reason(message)))
        events: list[tuple[str, Json | str]] = [
            ("", frame | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
            for delta, reason in parts
        ]
        return [*events, ("", frame | {"choices": [], "usage": self._usage(action)}), ("", "[DONE]")]

    def refusal(self, refusal: Refuse) -> Json:
        return {"error": {"type": refusal.kind, "code": refusal.kind, "message": refusal.message}}


WIRES: tuple[Wire, ...] = (Anthropic(), Responses(), Chat())
