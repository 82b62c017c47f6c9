"""The lines of a script: from a file, a pipe, command-line options, and files that it sources."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.text_lines import split_lines
from penguin_commands.errors import UsageError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Iterator, Sequence
    from queue import SimpleQueue

MAX_LINE_BYTES = 1_000_000
"""The maximum number of bytes in a line."""


class ScriptLine(NamedTuple):
    """A line, and its position for errors."""

    location: str
    """Empty for the words of a command line."""
    text: str
    comments: bool
    error: WorkflowError | None = None
    """The error if the line can't be read."""
    sourced_at: tuple[str, ...] = ()
    """The positions of the commands that sourced its file, innermost first."""


def lines_from_options(commands: Sequence[str]) -> Iterator[ScriptLine]:
    """Yield the lines of `-c`. A `#` starts no comment here: feedback may name an issue such as #12."""
    lines = [line for command in commands for line in split_lines(command)]
    for number, line in enumerate(lines, 1):
        yield ScriptLine(f"-c:{number}", line, False)


def line_from_words(line: str) -> Iterator[ScriptLine]:
    """Yield the line of a command that was typed as words. A word of it may contain line ends."""
    yield ScriptLine("", line, False)


def open_script(path: str, hint: str = "penguin --help lists the commands") -> int:
    """Return the file descriptor of a script. Raises UsageError if it can't be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.read(descriptor, 0)
    except OSError as error:
        message = f"can't read the script {path!r}: {error.strerror}"
        raise UsageError(message, hint) from None
    return descriptor


def lines_from_descriptor(descriptor: int, name: str) -> Iterator[ScriptLine]:
    """Yield the lines of a file or a pipe, each as soon as it is available."""
    for number, raw in enumerate(_raw_lines(descriptor), 1):
        location = f"{name}:{number}"
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            yield ScriptLine(location, raw.decode(), True)
        except UnicodeDecodeError:
            yield ScriptLine(location, "", True, UsageError("the line is not UTF-8", "convert the file with iconv"))
        if len(raw) > MAX_LINE_BYTES:
            yield ScriptLine(location, "", True, UsageError(f"the line is longer than {MAX_LINE_BYTES:,} bytes"))
            return


class ScriptLines:
    """The lines of a script, with the lines of sourced files in the places where they were sourced.

    `descriptor` is the file that `lines` are read from: a file that is being read can't be sourced again.
    """

    def __init__(self, lines: Iterator[ScriptLine], descriptor: int | None = None) -> None:
        self._open_files = [_OpenFile(lines, None if descriptor is None else _file_identity(descriptor))]
        self._next_path = ""
        self._last_line = ScriptLine("", "", True)

    def source(self, path: str) -> None:
        """Continue with the lines of a file, and then with the rest.

        The next line opens the file, which may take time for a pipe. A file that can't be read is an error of that
        line.
        """
        self._next_path = path

    def __iter__(self) -> ScriptLines:
        return self

    def __next__(self) -> ScriptLine:
        if self._next_path:
            path, self._next_path = self._next_path, ""
            try:
                self._open_file(path)
            except UsageError as error:
                return self._last_line._replace(text="", error=error)
        while self._open_files:
            line = next(self._open_files[-1].lines, None)
            if line is not None:
                self._last_line = line._replace(sourced_at=self._open_files[-1].sourced_at)
                return self._last_line
            self._open_files.pop().close()
        raise StopIteration

    def close(self) -> None:
        """Stop reading."""
        while self._open_files:
            self._open_files.pop().close()

    def _open_file(self, path: str) -> None:
        expanded = os.path.expanduser(path)  # noqa: PTH111 - no path is needed
        descriptor = open_script(expanded, "give its path relative to the current folder")
        identity = _file_identity(descriptor)
        if identity and any(identity == file.identity for file in self._open_files):
            os.close(descriptor)
            raise UsageError(f"{path} is already being read: a file can't source itself", "remove this line")
        locations = (self._last_line.location, *self._last_line.sourced_at) if self._last_line.location else ()
        self._open_files.append(_OpenFile(lines_from_descriptor(descriptor, path), identity, descriptor, locations))


class _OpenFile(NamedTuple):
    """A file that is being read."""

    lines: Iterator[ScriptLine]
    identity: tuple[int, int] | None
    """None: not a regular file."""
    descriptor: int | None = None
    """Closed at the end of the file."""
    sourced_at: tuple[str, ...] = ()

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)


def _file_identity(descriptor: int) -> tuple[int, int] | None:
    """Return the identity of a regular file; None for anything else, such as a pipe or a terminal."""
    status = os.fstat(descriptor)
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _raw_lines(descriptor: int) -> Iterator[bytes]:
    # os.read holds no lock, so a thread that waits here can be abandoned when the program ends.
    rest = b""
    while output := os.read(descriptor, 65536):
        *lines, rest = (rest + output).split(b"\n")
        yield from lines
        if len(rest) > MAX_LINE_BYTES:
            break
    if rest:
        yield rest


class AsyncScriptLines:
    """Lines that a thread reads, so that the event loop continues while a pipe is silent."""

    def __init__(self, lines: ScriptLines, loop: AbstractEventLoop) -> None:
        from queue import SimpleQueue
        from threading import Thread

        self._lines = lines
        self._loop = loop
        self._requests: SimpleQueue[Future[ScriptLine | None] | None] = SimpleQueue()
        Thread(target=self._read_lines, daemon=True, name="penguin-script").start()

    async def next(self) -> ScriptLine | None:
        """Return the next line; None at the end. Raises OSError."""
        future: Future[ScriptLine | None] = self._loop.create_future()
        self._requests.put(future)
        return await future

    def close(self) -> None:
        """Stop the thread, unless it waits for a pipe."""
        self._requests.put(None)

    def _read_lines(self) -> None:
        while future := self._requests.get():
            try:
                line = next(self._lines, None)
                self._resolve(future, line, None)
            except OSError as error:
                self._resolve(future, None, error)
        self._lines.close()

    def _resolve(self, future: Future[ScriptLine | None], line: ScriptLine | None, error: OSError | None) -> None:
        def settle() -> None:
            if future.done():
                return
            if error:
                future.set_exception(error)
            else:
                future.set_result(line)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(settle)
