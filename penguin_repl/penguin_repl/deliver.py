"""Showing a result, also one that takes its time or is larger than memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results import Chain, Logs
from penguin_repl.render.safe import Filter, clean

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from penguin_commands.results import Log, Piece, Result
    from penguin_repl.screen import Screen

PIECE = 64 * 1024
"""Bytes read at a time."""


def show(screen: Screen, result: Result) -> None:
    """Show a result that is there whole; of a Chain only the first, of Logs what was printed until now."""
    if isinstance(result, Logs) and screen.style.format == "text":
        printer = LogPrinter(screen)
        for log in result.logs:
            for output in _pieces(log):
                printer.put(log, output)
        printer.end()
    else:
        screen.data(screen.render(result))


async def deliver(screen: Screen, result: Result) -> None:
    """Show a result whole, waiting for what is still to come. Raises what its second half raises."""
    if isinstance(result, Chain):
        await _deliver_chain(screen, result)
    elif isinstance(result, Logs) and result.pieces:
        await _follow(screen, result, result.pieces())
    else:
        show(screen, result)


async def _deliver_chain(screen: Screen, chain: Chain) -> None:
    if screen.style.format == "text":
        show(screen, chain.first)
        await deliver(screen, await chain.then())
        return
    # One command, one document: what the first half said is in it.
    from penguin_commands.results import Facts

    second = await chain.then()
    show(screen, Facts({**chain.first.data(), **second.data()}))


async def _follow(screen: Screen, logs: Logs, pieces: AsyncIterator[Piece]) -> None:
    if screen.style.format != "text":
        found = {}
        async for piece in pieces:
            found[piece.log.path] = piece.log
        show(screen, logs._replace(logs=tuple(found.values()), pieces=None))
        return
    printer = LogPrinter(screen)
    try:
        async for piece in pieces:
            printer.put(piece.log, piece.output)
    finally:
        printer.end()


def _pieces(log: Log) -> Iterator[bytes]:
    with open(log.file, "rb") as file:
        while output := file.read(PIECE):
            yield output


class LogPrinter:
    """Puts output of several steps on the screen, a heading before each."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._log: Log | None = None
        self._filter = Filter(screen.style.color)
        self._open = False
        """The last line has no end yet."""

    def put(self, log: Log, output: bytes) -> None:
        """Some more output of a step."""
        if log != self._log:
            self.end()
            self._log = log
            self._filter = Filter(self._screen.style.color)
            self._screen.data(f"==> {clean(log.title)} <==\n")
        if self._screen.style.terminal:
            self._text(self._filter.feed(output))
        else:
            self._screen.data_bytes(output)
            self._open = not output.endswith(b"\n")

    def end(self) -> None:
        """No more of this step."""
        if self._log and self._screen.style.terminal:
            self._text(self._filter.end())
        if self._open:
            self._screen.data("\n")
            self._open = False
        self._log = None

    def _text(self, text: str) -> None:
        if text:
            self._screen.data(text)
            self._open = not text.removesuffix("\x1b[0m").endswith("\n")
