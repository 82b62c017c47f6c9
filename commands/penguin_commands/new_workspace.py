"""`penguin init`: the settings and tasks of a new workspace."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.agents.registry import AGENTS, installed_agents
from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.blueprint.example_blueprint import EXAMPLE_PATH, EXAMPLE_TASK, EXAMPLE_TEXT
from penguin.orchestration.blueprint.importers.config_edit import IMPORT_PATTERNS
from penguin.orchestration.blueprint.loader import load_blueprints
from penguin.orchestration.blueprint.task_sources import FOLDER, FoundBacklog, TaskSources, find_task_sources
from penguin.orchestration.config import load_settings
from penguin.orchestration.config.new_config import NewConfig
from penguin.orchestration.config.project_tests import DetectedCommand, detect_test_commands
from penguin.orchestration.files.workspace import CONFIG_FILE, current_folder, project_id_of, write_new
from penguin_commands.errors import UsageError
from penguin_commands.grammar.tokens import command_line
from penguin_commands.grammar.values import unknown_message
from penguin_commands.handlers.import_backlog import ImportRequest, import_backlogs
from penguin_commands.results.tasks import InitResult
from penguin_commands.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penguin_commands.results.tasks import ImportResult

NO_AGENT = "none"
"""The value of `--agent` for none."""


class Project(NamedTuple):
    """What there is in the folder of a new workspace."""

    root: Path
    configured: bool
    """Whether there is a penguin.yaml."""
    agents: tuple[str, ...]
    """The agents that are installed."""
    tests: tuple[DetectedCommand, ...]
    sources: TaskSources


class InitChoices(NamedTuple):
    """What a person, or the defaults, decided."""

    agent: str = ""
    """Empty: none."""
    test: str = ""
    """Empty: none is known."""
    backlogs: tuple[str, ...] = ()
    """The files and folders to import, relative to the folder of the workspace."""
    example: bool = False


def examine_project(folder: str) -> Project:
    """Return what there is in a folder. Raises WorkflowError if it can't be read."""
    path = Path(folder)
    root = (path if path.is_absolute() else Path(current_folder(), path)).resolve()
    configured = os.path.lexists(root / CONFIG_FILE)
    # A workspace that exists gets no new settings.
    tests = () if configured else tuple(detect_test_commands(root))
    return Project(root, configured, tuple(installed_agents()), tests, find_task_sources(root))


def check_options(project: Project, agent: str | None, test: str | None) -> None:
    """Raise an error if `--agent` or `--test` can't be used."""
    if agent is not None and agent not in (*AGENTS, NO_AGENT):
        hint = "other programs: name them in penguin.yaml, as docs/agents.md describes"
        raise UsageError(unknown_message("agent", agent, [*AGENTS, NO_AGENT]), hint)
    if test is not None and not _is_utf8(test):
        raise UsageError("--test: the command is not UTF-8")
    if project.configured and (agent is not None or test is not None):
        option = "--agent" if agent is not None else "--test"
        hint = "set phases: {implement: {agent: NAME}, test: {run: [COMMAND]}} in it"
        raise WorkflowError(f"{option}: {CONFIG_FILE} exists, and is not changed", hint)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def default_choices(project: Project, agent: str | None, test: str | None) -> InitChoices:
    """Return the choices without questions. `agent` and `test` are those of the options."""
    return InitChoices(
        agent=next(iter(project.agents), "") if agent is None else agent.replace(NO_AGENT, ""),
        test=next((found.command for found in project.tests), "") if test is None else test,
        backlogs=tuple(backlog.path for backlog in new_backlogs(project)),
        example=not has_tasks(project),
    )


def new_backlogs(project: Project) -> tuple[FoundBacklog, ...]:
    """Return the backlogs to import unless a person decides otherwise: none where there are blueprints."""
    return () if project.configured or project.sources.blueprints else project.sources.backlogs


def has_tasks(project: Project) -> bool:
    """Return whether there are tasks. Raises ConfigError if penguin.yaml has errors."""
    if project.sources.blueprints or project.sources.backlogs:
        return True
    # Anything else than a file is reported when it would be written.
    if not (project.root / CONFIG_FILE).is_file():
        return False
    return bool(load_blueprints(project.root, load_settings(project.root)).blueprints)


def write_workspace(project: Project, choices: InitChoices) -> InitResult:
    """Write what is missing, and import backlogs. Overwrite nothing.

    Raises:
        WorkflowError: A file can't be written.
        BlueprintError: A backlog can't be imported.
    """
    root = project.root
    texts = {CONFIG_FILE: _config(project, choices).text()}
    if choices.example:
        texts[EXAMPLE_PATH] = EXAMPLE_TEXT
    files = tuple(_write(root, name, text) for name, text in texts.items())
    imported = _import(root, choices.backlogs) if choices.backlogs else None
    return InitResult(
        files=files,
        agent="" if project.configured else choices.agent,
        test="" if project.configured else choices.test,
        imported=imported,
        notes=tuple(_notes(project, choices)),
        next_command=_next_command(project, choices, imported),
    )


def _config(project: Project, choices: InitChoices) -> NewConfig:
    paths = [found.path for found in project.sources.blueprints]
    patterns = list(IMPORT_PATTERNS if choices.backlogs else IMPORT_PATTERNS[:1])
    patterns += [_pattern(path) for path in paths]
    # Imported tasks have no recipes.
    recipes = choices.example or bool(paths)
    return NewConfig(
        project_id_of(project.root), tuple(dict.fromkeys(patterns)), choices.agent, choices.test, recipes=recipes
    )


def _pattern(path: str) -> str:
    """Return the pattern for a blueprint and those beside it."""
    return f"{FOLDER}/*{Path(path).suffix}" if path.startswith(f"{FOLDER}/") else path


def _write(root: Path, name: str, text: str) -> tuple[str, str, str]:
    path = root / name
    state = "written" if write_new(path, text) else "kept"
    return os.fspath(path), _shown(path), state


def _shown(path: Path) -> str:
    try:
        return os.path.relpath(path)
    except FileNotFoundError:
        # The current folder no longer exists.
        return os.fspath(path)


def _import(root: Path, backlogs: Sequence[str]) -> ImportResult:
    return import_backlogs(Session(root), ImportRequest([_shown(root / path) for path in backlogs]))


def _notes(project: Project, choices: InitChoices) -> Iterator[str]:
    if not project.configured:
        yield f"IMPLEMENT: {choices.agent}" if choices.agent else "IMPLEMENT: skipped; you make the changes"
        yield _test_note(project, choices)
    if project.sources.blueprints:
        yield f"tasks: {', '.join(found.path for found in project.sources.blueprints)}"
    yield from (f"not imported: {error}" for error in project.sources.errors)
    left = [found.path for found in project.sources.backlogs if found.path not in choices.backlogs]
    yield from (f"also found: {path}; {command_line('import', _shown(project.root / path))}" for path in left)


def _test_note(project: Project, choices: InitChoices) -> str:
    others = [f"{found.command} ({found.evidence})" for found in project.tests if found.command != choices.test]
    also = f"; also found: {', '.join(others)}" if others else ""
    if not choices.test:
        return f"TEST: no command; set phases: {{test: {{run: [COMMAND]}}}} in {CONFIG_FILE}{also}"
    evidence = next((f" ({found.evidence})" for found in project.tests if found.command == choices.test), "")
    return f"TEST: {choices.test}{evidence}{also}"


def _next_command(project: Project, choices: InitChoices, imported: ImportResult | None) -> str:
    if imported and imported.next_command:
        return imported.next_command
    if choices.example:
        return command_line("workflow", "start", EXAMPLE_TASK)
    return command_line("task", "ready")
