"""Tab, and the keys typed before its completion is available."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput
from tests.support.keys import CTRL_C, TAB
from tests.support.waiting import wait_until_async

from penguin_repl.shell.key_bindings import line_key_bindings

pytestmark = pytest.mark.anyio


class Late(Completer):
    """Completes every word with "bc" when released."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.may = threading.Event()

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        self.asked.set()
        assert self.may.wait(30)
        yield Completion("bc")


class Typing:
    """A prompt with slow completions."""

    def __init__(self, keys: PipeInput) -> None:
        self.late = Late()
        self.nothing = 0
        self._keys = keys
        self.prompt: PromptSession[str] = PromptSession(
            input=keys,
            output=DummyOutput(),
            completer=self.late,
            complete_while_typing=False,
            key_bindings=line_key_bindings(self._on_nothing),
        )

    def _on_nothing(self) -> None:
        self.nothing += 1

    @property
    def text(self) -> str:
        return self.prompt.default_buffer.text

    def press(self, *keys: str) -> None:
        self._keys.send_text("".join(keys))

    async def wait_until(self, condition: Callable[[], object]) -> None:
        await wait_until_async(condition)


@pytest.fixture
def typing() -> Iterator[Any]:
    with create_pipe_input() as keys:
        typing = Typing(keys)
        yield typing
        typing.late.may.set()


async def test_keys_wait_for_the_completion(typing: Typing) -> None:
    line = asyncio.ensure_future(typing.prompt.prompt_async())
    typing.press("a", TAB, " x", "\r")
    await typing.wait_until(typing.late.asked.is_set)
    assert not line.done()
    typing.late.may.set()
    assert await line == "abc x"


async def test_a_second_completion_waits_for_the_first(typing: Typing) -> None:
    line = asyncio.ensure_future(typing.prompt.prompt_async())
    typing.press("a", TAB, "-a", TAB, "!", "\r")
    typing.late.may.set()
    assert await line == "abc-abc!"


async def test_ctrl_c_does_not_wait(typing: Typing) -> None:
    line = asyncio.ensure_future(typing.prompt.prompt_async())
    typing.press("a", TAB, "held")
    await typing.wait_until(typing.late.asked.is_set)
    typing.press(CTRL_C)
    await typing.wait_until(lambda: typing.text == "")
    typing.press(CTRL_C, "b", "\r")
    assert await line == "b"
    assert typing.nothing == 1
    # The end of the loop waits for the completer.
    typing.late.may.set()
