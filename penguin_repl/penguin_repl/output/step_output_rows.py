"""Followed step output for programs: one row per chunk."""

from __future__ import annotations

from codecs import getincrementaldecoder
from typing import TYPE_CHECKING

from penguin_commands.file_tail import INCOMPLETE, INCOMPLETE_NOTE
from penguin_commands.results.output import OutputResult

if TYPE_CHECKING:
    from codecs import IncrementalDecoder

    from penguin_commands.results.output import Log, OutputChunk
    from penguin_repl.output.screen import Screen


class LogRowWriter:
    """A writer of rows.

    The texts of a file's rows add up to its content. A character that is split across chunks stays whole.
    """

    def __init__(self, screen: Screen, workflow_id: str) -> None:
        self._screen = screen
        self._workflow_id = workflow_id
        self._decoders: dict[str, tuple[Log, IncrementalDecoder]] = {}

    def write(self, piece: OutputChunk) -> None:
        """Write a chunk of a step's output."""
        log = piece.log
        if log.excerpt is not None:
            self._write_row(log, log.excerpt, log.note)
        elif piece.output is INCOMPLETE:
            self._write_row(log, "", INCOMPLETE_NOTE)
        else:
            _, decoder = self._decoders.setdefault(log.file, (log, getincrementaldecoder("utf-8")("replace")))
            self._write_row(log, decoder.decode(piece.output))

    def finish(self) -> None:
        """End the output of all steps. An incomplete character is written as it is."""
        for log, decoder in self._decoders.values():
            self._write_row(log, decoder.decode(b"", final=True))

    def _write_row(self, log: Log, text: str, note: str = "") -> None:
        if text or note:
            self._screen.write_data(self._screen.render(OutputResult(self._workflow_id, log, text, note)))
