"""The registry of renderers, by class of results."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from penguin_commands.results import Result
    from penguin_repl.render.parts import Part

R = TypeVar("R", bound="Result")


class Renderers:
    """The renderers of one module, by the class of the results that they show."""

    def __init__(self) -> None:
        self._by_class: dict[type[Result], Callable[[Any], Iterator[Part]]] = {}

    def shows(self, result: type[R]) -> Callable[[Callable[[R], Iterator[Part]]], Callable[[R], Iterator[Part]]]:
        """Register the decorated function as the renderer of a class of results."""

        def register(renderer: Callable[[R], Iterator[Part]]) -> Callable[[R], Iterator[Part]]:
            self._by_class[result] = renderer
            return renderer

        return register

    def has(self, result: type[Result]) -> bool:
        """Return whether a class of results has a renderer here."""
        return result in self._by_class

    def parts(self, result: Result) -> Iterator[Part]:
        """Yield the lines and tables that show a result. Raises KeyError if its class has no renderer."""
        return self._by_class[type(result)](result)
