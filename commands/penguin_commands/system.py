"""Commands about Penguin itself: health, config, help, quit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import BackendUnavailable
from penguin_commands.errors import UsageError
from penguin_commands.results import Facts, Help, Quit, Settings
from penguin_commands.table import COMMANDS, NOUNS, lookup, verbs
from penguin_commands.values import unknown

if TYPE_CHECKING:
    from penguin_commands.session import Session


async def health(session: Session) -> Facts:
    """Whether the backend is well. Raises BackendUnavailable where it is out of reach."""
    facts = dict(await session.backend.health_check())
    if not facts["connected"]:
        raise BackendUnavailable(str(facts.get("warning") or "the backend is out of reach"), facts.get("hint") or "")
    return Facts(facts)


def config(session: Session) -> Settings:
    """The effective settings."""
    return Settings(tuple((it.key, it.value, it.origin) for it in session.settings.explain()))


def help_(session: Session, words: tuple[str, ...] = ()) -> Help:
    """All commands, those of a noun, or one."""
    if not words:
        return Help(COMMANDS)
    noun = words[0].removeprefix("/")
    alone = lookup(noun, "")
    if alone:
        return Help((alone,), detailed=True)
    if noun not in NOUNS:
        raise UsageError(unknown("command", words[0], [f"/{name}" for name in NOUNS]), "/help lists the commands")
    if len(words) == 1:
        return Help(verbs(noun))
    command = lookup(noun, words[1])
    if command is None:
        known = [one.verb for one in verbs(noun)]
        raise UsageError(unknown(f"/{noun} verb", words[1], known), f"/help {noun} lists them")
    return Help((command,), detailed=True)


def quit_(session: Session) -> Quit:
    """Leave."""
    return Quit()
