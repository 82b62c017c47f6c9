"""The question whether to trust a workspace that this user did not make."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.text_lines import split_lines
from penguin_commands.errors import ExitCode

if TYPE_CHECKING:
    from penguin_commands.session import Session
    from penguin_repl.output.screen import Screen

QUESTION = "Trust this workspace, and run its commands from now on? [y/N] "


def run_trust(session: Session, screen: Screen, *, yes: bool) -> ExitCode:
    """Run `penguin trust`: show what would run, and ask; with `yes`, don't ask.

    Raises WorkflowError if there is no terminal to ask on.
    """
    from penguin_commands.handlers.trust import accept, examine

    found = examine(session)
    text = screen.style.format == "text"
    if found.trusted or not text:
        accepted = yes and not found.trusted
        if accepted:
            accept(session, found)
        screen.write_data(screen.render(found._replace(reason="", server="", standing="own") if accepted else found))
        return ExitCode.OK if found.trusted or accepted else ExitCode.FAILED
    screen.write_data(screen.render(found))
    if not yes and not sys.stdin.isatty():
        raise WorkflowError("not trusted: there is no terminal to ask on", "penguin trust --yes")
    if not yes and not _answer(screen):
        screen.narrate("not trusted")
        return ExitCode.FAILED
    accept(session, found)
    screen.narrate("trusted")
    return ExitCode.OK


def offer_trust(session: Session, screen: Screen) -> None:
    """Ask, before a shell opens, about a workspace without a key that an earlier Penguin may have made.

    Ask also before it connects to a Temporal server that penguin.yaml names. After a no, the shell only reads. Don't
    ask about a workspace with a foreign key, or one that git tracks: for these, the shell says how to trust it.
    """
    # Most workspaces belong to this user, which reading one file shows.
    known = session.is_own or session.workspace.is_new
    if known and not session.unaccepted_server:
        return
    from penguin.orchestration.files.trust_status import TrustStatus
    from penguin_commands.handlers.trust import accept, examine

    found = examine(session)
    if found.standing == TrustStatus.UNMARKED or not found.reason:
        for line in split_lines(screen.render(found)):
            screen.narrate(line)
        if _answer(screen):
            accept(session, found)


def _answer(screen: Screen) -> bool:
    sys.stderr.write(QUESTION)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
