"""Results with output and changes of steps. These may be huge, so they are read in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class Log(NamedTuple):
    """The output of one step, in a file."""

    phase: str
    attempt: int
    step: str
    path: str
    """Relative to the workspace."""
    file: str
    """The path to open it by."""
    start_number: int = 1
    """More than 1 if the attempt was interrupted and run again."""
    is_stderr: bool = False
    """Standard error, if a step stores it separately."""
    excerpt: str | None = None
    """Its head and tail, if only these are known here. Then there is no file."""
    size: int = 0
    """The size of the whole output in bytes, if there is an excerpt."""
    host: str = ""
    """The machine that has the whole output, if there is an excerpt."""
    note: str = ""
    """The notice about this, to show before the first output of an attempt."""
    agent: str = ""
    """The program of the agent that printed the excerpt; '' for output of other programs."""

    @property
    def title(self) -> str:
        marks = [f"start {self.start_number}"] * (self.start_number > 1) + ["standard error"] * self.is_stderr
        return f"{self.phase} attempt {self.attempt}: {self.step}" + (f" ({', '.join(marks)})" if marks else "")

    @property
    def location(self) -> dict[str, Any]:
        """Return which step the output belongs to, as plain data."""
        return {
            "phase": self.phase,
            "attempt": self.attempt,
            "step": self.step,
            "try": self.start_number,
            "stream": "stderr" if self.is_stderr else "stdout",
            "path": self.path,
        }

    @property
    def excerpt_output(self) -> bytes:
        """Return the known excerpt of output that is on another host, and its location."""
        note = f"[penguin: {self.note}]\n" if self.note else ""
        return f"{note}{self.excerpt or ''}".encode()


class OutputChunk(NamedTuple):
    """One chunk of the output of a step."""

    log: Log
    output: bytes


class OutputResult(NamedTuple):
    """A chunk of followed output, in the form that programs read."""

    workflow_id: str
    log: Log
    text: str
    note: str
    """A remark of Penguin about the output."""

    def data(self) -> dict[str, Any]:
        row = {"workflow_id": self.workflow_id, **self.log.location, "text": self.text}
        return {"output": {**row, "host": self.log.host, "note": self.note}}


class LogNotice(NamedTuple):
    """A notice to show between two chunks of output."""

    text: str


class LogsResult(NamedTuple):
    """The output of steps, as files that are read in chunks because they may be huge."""

    workflow_id: str
    logs: tuple[Log, ...]
    chunks: Callable[[], AsyncIterator[OutputChunk | LogNotice]] | None = None
    """If the logs are followed: all chunks, including those still to be printed, until the workflow stops."""
    raw: bool = False
    """Show the output of agents unchanged instead of formatted for people."""

    def data(self) -> dict[str, Any]:
        return {"logs": [self._row(log) for log in self.logs]}

    @staticmethod
    def _row(log: Log) -> dict[str, Any]:
        from penguin_commands.file_tail import is_incomplete, tail

        text, size = tail(log.file) if log.excerpt is None else (log.excerpt, log.size)
        return {
            **log.location,
            "bytes": size,
            "tail": text,
            "complete": log.excerpt is None and not is_incomplete(log.file),
            "host": log.host,
            "note": log.note,
        }


_MOST_NAMED = 20


class DiffResult(NamedTuple):
    """The changes in the files. Can be read only once, in chunks, because they may be huge."""

    workflow_id: str
    files: tuple[str, ...]
    """Paths relative to the workspace."""
    text: Callable[[], Iterator[bytes]]
    """Returns the unified diff."""
    left_out: tuple[str, ...] = ()
    """Files that are neither ignored nor compared, relative to the workspace."""

    @property
    def remark(self) -> str:
        """Return which files the diff leaves out."""
        if not self.left_out:
            return ""
        more = f" and {len(self.left_out) - _MOST_NAMED} more" if len(self.left_out) > _MOST_NAMED else ""
        return (
            f"not compared: {', '.join(self.left_out[:_MOST_NAMED])}{more} "
            "(large or secret files, other repositories, and files that git can't take)"
        )

    def data(self) -> dict[str, Any]:
        text = b"".join(self.text()).decode("utf-8", "replace")
        return {"diff": text, "files": list(self.files), "left_out": list(self.left_out)}


class RemoteDiffResult(NamedTuple):
    """The known facts about changes whose files are in another working tree."""

    workflow_id: str
    files: tuple[str, ...]
    """The files that the evidence names, relative to the workspace; there may be more."""
    host: str
    """The machine that has them; '' if its name is unknown."""
    note: str

    def data(self) -> dict[str, Any]:
        return {"diff": None, "files": list(self.files), "host": self.host, "note": self.note}
