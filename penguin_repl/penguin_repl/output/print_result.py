"""Display of results, including those that take time or exceed memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results import is_plain, module_of, remark

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from penguin_commands.results import Result
    from penguin_commands.results.agent_snapshots import RawConversationResult
    from penguin_commands.results.changes import WaitProgress
    from penguin_commands.results.output import DiffResult, LogNotice, LogsResult, OutputChunk
    from penguin_commands.results.ui_actions import ChainedResult
    from penguin_repl.output.screen import Screen


def show_result(screen: Screen, result: Result) -> None:
    """Show a result that is complete.

    Of a ChainedResult, show only the first part; of a LogsResult, the output printed so far. A report is written to the
    file that the command names.
    """
    if module_of(type(result)) == "report":
        from penguin_repl.report.renderers import write_requested_file

        result = write_requested_file(result)
    if is_plain(result) or screen.style.format != "text" or not _stream(screen, result):
        screen.write_data(screen.render(result))
    if remark(result):
        from penguin_repl.text.escape import clean

        screen.narrate(clean(remark(result)))


def _stream(screen: Screen, result: Result) -> bool:
    """Show a result in chunks if it may exceed memory. Return whether it is such a result."""
    from penguin_commands.results.agent_snapshots import RawConversationResult
    from penguin_commands.results.output import DiffResult, LogsResult

    if isinstance(result, LogsResult):
        _print_logs(screen, result)
    elif isinstance(result, DiffResult) and screen.style.terminal:
        _show_diff(screen, result)
    elif isinstance(result, DiffResult | RawConversationResult):
        _show_bytes(screen, result)
    elif module_of(type(result)) == "report":
        # A document, which a terminal must not wrap.
        from penguin_repl.render import render_parts
        from penguin_repl.render.plain import plain_text

        screen.write_data(plain_text(render_parts(result)))
    else:
        return False
    return True


def _print_logs(screen: Screen, result: LogsResult) -> None:
    from penguin_repl.output.step_output_printer import LogPrinter, read_chunks

    printer = LogPrinter(screen, raw=result.raw)
    for log in result.logs:
        printer.write_heading(log)
        for output in read_chunks(log):
            printer.write(log, output)
    printer.finish()


def _show_diff(screen: Screen, result: DiffResult) -> None:
    from penguin_repl.render import render_parts

    for part in render_parts(result):
        screen.write_data(screen.draw([part]))


def _show_bytes(screen: Screen, result: DiffResult | RawConversationResult) -> None:
    if not screen.style.terminal:
        for piece in result.text():
            screen.write_bytes(piece)
        return
    from penguin_repl.text.ansi_filter import AnsiFilter

    harmless = AnsiFilter(screen.style.color)
    for piece in result.text():
        screen.write_data(harmless.feed(piece))
    screen.write_data(harmless.finish())


def show_progress(screen: Screen, waiting: WaitProgress | None) -> None:
    """Show the progress of a wait; None when it has ended."""
    from penguin_repl.render.progress import heartbeat_line, progress_line

    if waiting is None:
        screen.set_progress("")
    else:
        screen.set_progress(heartbeat_line(waiting) if screen.style.plain else progress_line(waiting, screen.columns))


async def show_whole_result(screen: Screen, result: Result) -> None:
    """Show a result, including the parts that are still to come. Raises what its second part raises."""
    if is_plain(result):
        show_result(screen, result)
        return
    from penguin_commands.results.output import LogsResult
    from penguin_commands.results.ui_actions import ChainedResult

    if isinstance(result, ChainedResult):
        await _show_chain(screen, result)
    elif isinstance(result, LogsResult) and result.chunks:
        await _follow(screen, result, result.chunks())
    else:
        show_result(screen, result)


async def _show_chain(screen: Screen, chain: ChainedResult) -> None:
    if screen.style.format == "text":
        show_result(screen, chain.first)
        await show_whole_result(screen, await chain.then())
        return
    # One command, one document: it includes the first part.
    from penguin_commands.results.messages import KeyValueResult

    second = await chain.then()
    show_result(screen, KeyValueResult({**chain.first.data(), **second.data()}))


async def _follow(screen: Screen, logs: LogsResult, pieces: AsyncIterator[OutputChunk | LogNotice]) -> None:
    if screen.style.format != "text":
        await _follow_as_data(screen, logs, pieces)
        return
    from penguin_commands.results.output import LogNotice
    from penguin_repl.output.step_output_printer import LogPrinter
    from penguin_repl.text.escape import clean

    printer = LogPrinter(screen, raw=logs.raw)
    try:
        async for piece in pieces:
            if isinstance(piece, LogNotice):
                # The last line of the output may have no line end.
                printer.finish()
                screen.narrate(clean(piece.text))
            else:
                printer.write(piece.log, piece.output)
    finally:
        printer.finish()


async def _follow_as_data(screen: Screen, logs: LogsResult, pieces: AsyncIterator[OutputChunk | LogNotice]) -> None:
    """Show one row per chunk in JSONL format. Then show all outputs, as without following them."""
    from penguin_commands.results.output import LogNotice
    from penguin_repl.output.step_output_rows import LogRowWriter
    from penguin_repl.text.escape import clean

    rows = LogRowWriter(screen, logs.workflow_id) if screen.style.format == "jsonl" else None
    found = {}
    async for piece in pieces:
        if isinstance(piece, LogNotice):
            screen.narrate(clean(piece.text))
            continue
        found[piece.log.path, piece.log.host] = piece.log
        if rows:
            rows.write(piece)
    if rows:
        rows.finish()
    show_result(screen, logs._replace(logs=tuple(found.values()), chunks=None))
