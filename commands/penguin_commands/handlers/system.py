"""Commands about Penguin itself: health, config, help, source, quit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import BackendUnavailable
from penguin_commands.errors import UsageError
from penguin_commands.grammar.resolve import noun_of, verb_of
from penguin_commands.grammar.schema import JSON_VERSION
from penguin_commands.grammar.tokens import Word
from penguin_commands.grammar.values import shown
from penguin_commands.results.help import Help, Settings
from penguin_commands.results.text import Facts
from penguin_commands.results.ui_actions import Quit, Sourced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_commands.grammar.spec import CommandTable
    from penguin_commands.session import Session


async def health(session: Session) -> Facts:
    """Whether the backend is well. Raises BackendUnavailable where it is out of reach."""
    facts = dict(await session.backend.health_check())
    if not facts["connected"]:
        raise BackendUnavailable(str(facts.get("warning") or "the backend is out of reach"), facts.get("hint") or "")
    return Facts({**facts, "json_version": JSON_VERSION})


def config(session: Session) -> Settings:
    """The effective settings, those of the person at the terminal too."""
    from penguin_commands.preferences import explain_taste

    explained = session.settings.explain()
    others = [it for it in explained if not it.key.startswith("ui.")]
    return Settings(tuple((it.key, it.value, it.origin) for it in [*others, *explain_taste(explained)]))


def help_(table: CommandTable, session: Session, words: tuple[str, ...] = ()) -> Help:
    """All commands, those of a noun, or one."""
    return explained(table, words)


def explained(table: CommandTable, words: Sequence[str]) -> Help:
    """What is asked for by the words of a command, with or without a slash; without words all. Raises UsageError."""
    if not words:
        return Help(tuple(table.commands))
    noun = noun_of(table, Word(f"/{words[0].removeprefix('/')}", 0, 0))
    alone = table.lookup(noun, "")
    if alone and len(words) == 1:
        return Help((alone,), detailed=True)
    if alone or len(words) > 2:
        raise UsageError(f"{shown(words[-1])} is one word too many", f"/help {noun}")
    if len(words) == 1:
        return Help(table.verbs(noun))
    return Help((verb_of(table, noun, Word(words[1], 0, 0)),), detailed=True)


def source(session: Session, file: str) -> Sourced:
    """Whoever reads the lines runs those of the file next."""
    return Sourced(file)


def quit_(session: Session) -> Quit:
    """Leave."""
    return Quit()
