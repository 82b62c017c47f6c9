"""What the terminal shall do, rather than show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from penguin_commands.results import Result


class QuitAction(NamedTuple):
    """A request to quit the shell."""

    def data(self) -> dict[str, Any]:
        return {"message": "Bye."}


class PanelAction(NamedTuple):
    """The wish to have the panel above the input line, or not; None: the other way round than it is."""

    visible: bool | None = None

    def data(self) -> dict[str, Any]:
        return {"panel": self.visible}


class ViewAction(NamedTuple):
    """The wish to see what runs on the whole screen, until it is left."""

    workflow_id: str | None = None
    """None: all that is active."""

    def data(self) -> dict[str, Any]:
        return {"workflow_id": self.workflow_id}


class SourceAction(NamedTuple):
    """The lines of a file, to be run in place of the command that named it."""

    file: str

    def data(self) -> dict[str, Any]:
        return {"source": self.file}


class ChainedResult(NamedTuple):
    """A result, and one that takes its time: show the first at once, then await `then()` and show what comes."""

    first: Result
    then: Callable[[], Coroutine[Any, Any, Result]]

    def data(self) -> dict[str, Any]:
        return self.first.data()
