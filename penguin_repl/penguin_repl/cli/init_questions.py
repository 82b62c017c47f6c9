"""The questions of `penguin init`: which agent, how tests run, and where the tasks are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint.importers.source_discovery import read_sources
from penguin.orchestration.files.workspace import expand_home
from penguin_commands.new_workspace import InitChoices
from penguin_commands.question import Option, Question
from penguin_repl.cli.ask import ask
from penguin_repl.render.error import error_text

if TYPE_CHECKING:
    from penguin_commands.new_workspace import Project
    from penguin_repl.cli.options import Options
    from penguin_repl.output.screen import Screen

NONE = ""
ALL, BLUEPRINTS, EXAMPLE = "all backlogs", "the blueprints", "an example"


def ask_choices(project: Project, defaults: InitChoices, options: Options, screen: Screen) -> InitChoices:
    """Ask for what the options leave open. Raises WorkflowError if a question is not answered."""
    agent, test = defaults.agent, defaults.test
    if options.agent is None and project.agents:
        agent = ask(agent_question(project, agent), screen)
    if options.test is None:
        test = ask(test_question(project, test), screen)
    return _ask_tasks(project, screen)._replace(agent=agent, test=test)


def agent_question(project: Project, default: str) -> Question:
    """Return the question for one of the installed agents."""
    agents = [Option(name, name) for name in project.agents]
    none = Option(NONE, "none", "you make the changes, or a command does")
    return Question("Which agent makes the changes?", (*agents, none), default)


def test_question(project: Project, default: str) -> Question:
    """Return the question for a test command."""
    detected = [Option(found.command, found.command, found.evidence) for found in project.tests]
    none = Option(NONE, "none", "TEST can't pass until there is a command")
    return Question("How do the tests run?", (*detected, none), default, "a command")


def tasks_question(project: Project) -> Question:
    """Return the question for the tasks."""
    sources = project.sources
    options = []
    if sources.blueprints:
        paths = ", ".join(found.path for found in sources.blueprints)
        options.append(
            Option(BLUEPRINTS, paths, f"{sum(found.tasks for found in sources.blueprints)} tasks, as they are")
        )
    if len(sources.backlogs) > 1:
        options.append(Option(ALL, f"import the {len(sources.backlogs)} backlogs below"))
    options += [
        Option(found.path, f"import {found.path}", f"{found.title}, {_tasks(found.tasks)}")
        for found in sources.backlogs
    ]
    options.append(Option(EXAMPLE, "a small example"))
    return Question("Where are the tasks?", tuple(options), options[0].value, "the path of a file to import")


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"


def _ask_tasks(project: Project, screen: Screen) -> InitChoices:
    """Ask for the tasks, until they can be read."""
    question = tasks_question(project)
    while True:
        answer = ask(question, screen)
        if answer == EXAMPLE:
            return InitChoices(example=True)
        if answer == BLUEPRINTS:
            return InitChoices()
        if answer == ALL:
            return InitChoices(backlogs=tuple(found.path for found in project.sources.backlogs))
        try:
            if not any(answer == option.value for option in question.options):
                path = expand_home(answer)
                read_sources([os.fspath(path)])
                answer = os.path.relpath(path, project.root)
        except BlueprintError as error:
            screen.narrate(error_text(error))
        else:
            return InitChoices(backlogs=(answer,))
