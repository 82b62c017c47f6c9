"""Commands about Penguin itself: health, config, help, source, quit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import BackendUnavailable
from penguin_commands.errors import UsageError
from penguin_commands.grammar.resolve import resolve_noun, resolve_verb
from penguin_commands.grammar.tokens import Word
from penguin_commands.grammar.values import quote_for_error
from penguin_commands.results.help import HealthResult, HelpResult, SettingsTable
from penguin_commands.results.ui_actions import QuitAction, SourceAction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_commands.grammar.declarations import CommandTable
    from penguin_commands.session import Session


async def health(session: Session) -> HealthResult:
    """Check the backend. Raises BackendUnavailable if it is unreachable."""
    facts = dict(await session.backend.health_check())
    if not facts["connected"]:
        raise BackendUnavailable(str(facts.get("warning") or "the backend is unreachable"), facts.get("hint") or "")
    return HealthResult(facts)


def config(session: Session) -> SettingsTable:
    """Return the effective settings, including the user's terminal preferences."""
    from penguin_commands.preferences import explain_preferences

    explained = session.settings.explain()
    others = [setting for setting in explained if not setting.key.startswith("ui.")]
    return SettingsTable(
        tuple((setting.key, setting.value, setting.source) for setting in [*others, *explain_preferences(explained)])
    )


def help_(table: CommandTable, session: Session, words: tuple[str, ...] = ()) -> HelpResult:
    """Return all commands, those of a noun, or one."""
    return help_for(table, words)


def help_for(table: CommandTable, words: Sequence[str]) -> HelpResult:
    """Return the help for a command, with or without a slash; without words, for all commands. Raises UsageError."""
    if not words:
        return HelpResult(tuple(table.commands))
    noun = resolve_noun(table, Word(f"/{words[0].removeprefix('/')}", 0, 0))
    alone = table.lookup(noun, "")
    if alone and len(words) == 1:
        return HelpResult((alone,), detailed=True)
    if alone or len(words) > 2:
        raise UsageError(f"unexpected argument {quote_for_error(words[-1])}", f"/help {noun}")
    if len(words) == 1:
        return HelpResult(table.verbs(noun))
    return HelpResult((resolve_verb(table, noun, Word(words[1], 0, 0)),), detailed=True)


def source(session: Session, file: str) -> SourceAction:
    """Request that the caller runs the lines of the file next."""
    return SourceAction(file)


def quit_(session: Session) -> QuitAction:
    """Quit the shell."""
    return QuitAction()
