"""The targets: what is given random input, and the rules that hold for each."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from tests.fuzz.minimize import Input
from tests.fuzz.sandbox import Hang, Sandbox


class Target(NamedTuple):
    """One kind of input."""

    name: str
    generate: Callable[[Random], Any]
    """Return an input."""
    check: Callable[[Sandbox, Any], None]
    """Process an input. Raises for one that breaks a rule."""
    weight: int = 1
    """How often it is chosen, relative to the others."""
    slow: bool = False
    """It starts processes."""

    def fails(self, sandbox: Sandbox, one: Input) -> BaseException | None:
        """Return how an input breaks a rule; None if it breaks none.

        What takes too long must do so twice: other processes, such as git, may have been waiting for the processor.
        """
        error = self._failure(sandbox, one)
        return self._failure(sandbox, one) if isinstance(error, Hang) else error

    def _failure(self, sandbox: Sandbox, one: Input) -> BaseException | None:
        try:
            self.check(sandbox, one)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return error
        finally:
            if sandbox.dirty:
                sandbox.restore()
        return None


def all_targets() -> tuple[Target, ...]:
    """Return the targets, in the order of the report."""
    from tests.fuzz import parsers, programs, records, repositories

    return (*programs.TARGETS, *records.TARGETS, *repositories.TARGETS, *parsers.TARGETS)
