"""Plain values: what every event, state and definition is made of."""

from __future__ import annotations

from msgspec import Struct


class Record(Struct, frozen=True, gc=False):
    """Immutable, and made of such values alone.

    None of them is ever part of a cycle, so the garbage collector need not look at them: with a thousand workflows in
    memory it is called for a quarter less often.
    """
