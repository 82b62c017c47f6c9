"""Showing a result, also one that takes its time or is larger than memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results import is_plain, remark

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from penguin_commands.results import Result
    from penguin_commands.results.changes import Waiting
    from penguin_commands.results.output import Diff, Logs, Note, Piece
    from penguin_commands.results.snapshots import RawTalk
    from penguin_commands.results.ui_actions import Chain
    from penguin_repl.output.screen import Screen


def show(screen: Screen, result: Result) -> None:
    """Show a result that is there whole; of a Chain only the first, of Logs what was printed until now."""
    if is_plain(result) or screen.style.format != "text" or not _stream(screen, result):
        screen.data(screen.render(result))
    if remark(result):
        screen.narrate(remark(result))


def _stream(screen: Screen, result: Result) -> bool:
    """Show a result that may be larger than memory, piece by piece; whether it is one."""
    from penguin_commands.results.output import Diff, Logs
    from penguin_commands.results.snapshots import RawTalk

    if isinstance(result, Logs):
        _print_logs(screen, result)
    elif isinstance(result, Diff | RawTalk):
        _show_bytes(screen, result)
    else:
        return False
    return True


def _print_logs(screen: Screen, result: Logs) -> None:
    from penguin_repl.output.log_printer import LogPrinter, pieces

    printer = LogPrinter(screen, raw=result.raw)
    for log in result.logs:
        printer.head(log)
        for output in pieces(log):
            printer.put(log, output)
    printer.end()


def _show_bytes(screen: Screen, result: Diff | RawTalk) -> None:
    if not screen.style.terminal:
        for piece in result.text():
            screen.data_bytes(piece)
        return
    from penguin_repl.text.ansi_filter import Filter

    harmless = Filter(screen.style.color)
    for piece in result.text(color=screen.style.color):
        screen.data(harmless.feed(piece))
    screen.data(harmless.end())


def show_progress(screen: Screen, waiting: Waiting | None) -> None:
    """Show how far those are that are waited for; None: nobody waits any more."""
    from penguin_repl.render.progress import heartbeat_line, progress_line

    if waiting is None:
        screen.progress("")
    else:
        screen.progress(heartbeat_line(waiting) if screen.style.plain else progress_line(waiting, screen.columns))


async def deliver(screen: Screen, result: Result) -> None:
    """Show a result whole, waiting for what is still to come. Raises what its second half raises."""
    if is_plain(result):
        show(screen, result)
        return
    from penguin_commands.results.output import Logs
    from penguin_commands.results.ui_actions import Chain

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
    from penguin_commands.results.text import Facts

    second = await chain.then()
    show(screen, Facts({**chain.first.data(), **second.data()}))


async def _follow(screen: Screen, logs: Logs, pieces: AsyncIterator[Piece | Note]) -> None:
    if screen.style.format != "text":
        await _follow_as_data(screen, logs, pieces)
        return
    from penguin_commands.results.output import Note
    from penguin_repl.output.log_printer import LogPrinter
    from penguin_repl.text.escape import clean

    printer = LogPrinter(screen, raw=logs.raw)
    try:
        async for piece in pieces:
            if isinstance(piece, Note):
                # The last line of the output may have no end.
                printer.end()
                screen.narrate(clean(piece.text))
            else:
                printer.put(piece.log, piece.output)
    finally:
        printer.end()


async def _follow_as_data(screen: Screen, logs: Logs, pieces: AsyncIterator[Piece | Note]) -> None:
    """A row for each piece where rows are wanted; then all outputs, as without following them."""
    from penguin_commands.results.output import Note
    from penguin_repl.output.log_rows import LogRows
    from penguin_repl.text.escape import clean

    rows = LogRows(screen, logs.workflow_id) if screen.style.format == "jsonl" else None
    found = {}
    async for piece in pieces:
        if isinstance(piece, Note):
            screen.narrate(clean(piece.text))
            continue
        found[piece.log.path, piece.log.host] = piece.log
        if rows:
            rows.put(piece)
    if rows:
        rows.end()
    show(screen, logs._replace(logs=tuple(found.values()), pieces=None))
