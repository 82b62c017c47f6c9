"""Where the lines of a script come from: a file, a pipe, or the options of the command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.backend import WorkflowError
from penguin_commands.errors import UsageError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Iterator, Sequence
    from queue import SimpleQueue

LONGEST = 1_000_000
"""Bytes in a line."""


class ScriptLine(NamedTuple):
    """A line, and the place that errors name."""

    place: str
    text: str
    comments: bool
    error: WorkflowError | None = None
    """The line can't be read."""


def from_options(commands: Sequence[str]) -> Iterator[ScriptLine]:
    """The lines of `-c`. A `#` is no comment here: advice may well speak of #12."""
    lines = [line for command in commands for line in command.splitlines()]
    for number, line in enumerate(lines, 1):
        yield ScriptLine(f"-c:{number}", line, False)


def open_script(path: str) -> int:
    """The file descriptor of a script. Raises UsageError where there is none that can be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.read(descriptor, 0)
    except OSError as error:
        message = f"can't read the script {path!r}: {error.strerror}"
        raise UsageError(message, "penguin --help shows what can be run") from None
    return descriptor


def from_descriptor(descriptor: int, name: str) -> Iterator[ScriptLine]:
    """The lines of a file or a pipe, each as soon as it is there."""
    for number, raw in enumerate(_raw_lines(descriptor), 1):
        place = f"{name}:{number}"
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            yield ScriptLine(place, raw.decode(), True)
        except UnicodeDecodeError:
            yield ScriptLine(place, "", True, UsageError("the line is not UTF-8", "convert the file with iconv"))
        if len(raw) > LONGEST:
            yield ScriptLine(place, "", True, UsageError(f"the line is longer than {LONGEST:,} bytes"))
            return


def _raw_lines(descriptor: int) -> Iterator[bytes]:
    # os.read holds no lock: a thread that waits here can be left behind when the program ends.
    rest = b""
    while output := os.read(descriptor, 65536):
        *lines, rest = (rest + output).split(b"\n")
        yield from lines
        if len(rest) > LONGEST:
            break
    if rest:
        yield rest


class LaterLines:
    """Lines read by a thread of their own, so that an event loop goes on while a pipe is silent."""

    def __init__(self, lines: Iterator[ScriptLine], loop: AbstractEventLoop) -> None:
        from queue import SimpleQueue
        from threading import Thread

        self._lines = lines
        self._loop = loop
        self._asked: SimpleQueue[Future[ScriptLine | None] | None] = SimpleQueue()
        Thread(target=self._read, daemon=True, name="penguin-script").start()

    async def next(self) -> ScriptLine | None:
        """The next line; None at the end. Raises OSError."""
        future: Future[ScriptLine | None] = self._loop.create_future()
        self._asked.put(future)
        return await future

    def close(self) -> None:
        """Let the thread go, unless it waits for a pipe."""
        self._asked.put(None)

    def _read(self) -> None:
        while future := self._asked.get():
            try:
                line = next(self._lines, None)
                self._tell(future, line, None)
            except OSError as error:
                self._tell(future, None, error)

    def _tell(self, future: Future[ScriptLine | None], line: ScriptLine | None, error: OSError | None) -> None:
        def settle() -> None:
            if future.done():
                return
            if error:
                future.set_exception(error)
            else:
                future.set_result(line)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(settle)
