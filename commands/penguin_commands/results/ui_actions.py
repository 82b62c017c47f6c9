"""Results that ask the terminal to do something, rather than to show data."""

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
    """A request to show or hide the panel above the input line. None toggles it."""

    visible: bool | None = None

    def data(self) -> dict[str, Any]:
        return {"panel": self.visible}


class ViewAction(NamedTuple):
    """A request to show the running workflows on the whole screen until the user closes the view."""

    workflow_id: str | None = None
    """None: all active workflows."""

    def data(self) -> dict[str, Any]:
        return {"workflow_id": self.workflow_id}


class SourceAction(NamedTuple):
    """A request to run the lines of a file in place of the command that named it."""

    file: str

    def data(self) -> dict[str, Any]:
        return {"source": self.file}


class ChainedResult(NamedTuple):
    """A result to show at once, followed by one that takes time: await `then()` and show what it returns."""

    first: Result
    then: Callable[[], Coroutine[Any, Any, Result]]

    def data(self) -> dict[str, Any]:
        return self.first.data()
