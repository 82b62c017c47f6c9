"""The definition of a workflow: its task and the settings of its gates, fixed when it starts.

Plain frozen data, shared by the configuration, the blueprints, the core and the execution of phases.
"""

from __future__ import annotations

from msgspec import field

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.immutable import Record
from penguin.orchestration.core.retry_policy import RetryPolicy
from penguin.orchestration.core.tree_isolation import CHECKPOINT_EXCLUDE, IN_PLACE


class GateCommand(Record, frozen=True):
    """One `run:` entry of a gate: a line for `/bin/sh` in the workspace."""

    run: str
    report: str | None = None
    """Path of the JUnit XML that the command writes, relative to the workspace."""
    timeout: float | None = None
    """Seconds; the gate's time-out applies in any case."""


class Budget(Record, frozen=True):
    """What coding agents may spend. None: no limit."""

    turns: int | None = None
    """Answers of the model."""
    usd: float | None = None
    tokens: int | None = None
    """Tokens read and written."""
    minutes: float | None = None


class Budgets(Record, frozen=True):
    """The budgets by scope."""

    attempt: Budget = Budget()
    workflow: Budget = Budget()
    task: Budget = Budget()
    """For all workflows of the task, including those that were retried."""


class AgentSpec(Record, frozen=True, kw_only=True):
    """How a coding agent is started, as penguin.yaml configures it."""

    name: str
    """The name that phases use."""
    kind: str
    """A name of `agents/registry.py`, or `command` for any other program."""
    model: str | None = None
    args: tuple[str, ...] = ()
    """Arguments added to those of Penguin."""
    env: dict[str, str] = field(default_factory=dict)
    """Variables added to those that every step gets. `${NAME}` is resolved where the agent starts."""
    permissions: str | None = None
    """The agent's own permission mode; None: the safest mode that works unattended."""
    home: str | None = None
    """A configuration folder for this agent, relative to the workspace; None: the user's own, with their login."""
    idle_timeout: float = 600.0
    """Seconds without output after which the agent is ended."""
    command: tuple[str, ...] = ()
    """For kind `command`: the program and its arguments. The prompt is its standard input."""
    resume: tuple[str, ...] = ()
    """The same, to continue the conversation `{session}`; empty: it can't."""
    transcript: str | None = None
    """File with the conversation, written by the agent, relative to the workspace; None: its output is the
    conversation."""
    exit_codes: dict[int, str] = field(default_factory=dict)
    """What exit codes mean: passed, failed, error, budget or denied. By default 0 passes and any other code fails."""


class Gate(Record, frozen=True):
    """What one phase runs."""

    skip: bool = False
    run: tuple[GateCommand, ...] = ()
    agent: str | None = None
    may_be_empty: bool = False
    """Pass although the agent changed no file."""
    judge: str | None = None
    """The agent that judges each criterion without a check."""
    recipes: bool = False
    criteria: bool = False
    on_failure: WorkflowPhase | None = None
    """The phase that follows a failure: IMPLEMENT or the gate itself; None: the default of the contract."""
    artifacts: tuple[str, ...] = ()
    """Glob patterns of files to keep as artifacts, relative to the workspace."""


class Criterion(Record, frozen=True):
    """One acceptance criterion."""

    text: str
    check: str | None = None
    """A line for `/bin/sh`; exit code 0 passes. None: a person decides."""
    line: int = 0


class Expectation(Record, frozen=True):
    """The expected result of a recipe step. None: not checked."""

    exit: int | None = None
    """Exit code of a shell or python step; the default is 0 if nothing else is expected."""
    stdout: str | None = None
    """Text that standard output must contain, or /regex/ that must match somewhere in it."""
    status: int | None = None
    """HTTP status; the default is any 2xx."""
    json: object = None
    """A JSON value that the response must contain: objects by subset, all else by equality."""

    @property
    def is_success(self) -> bool:
        """Return whether nothing but a success is expected."""
        return self in (Expectation(), Expectation(exit=0))


class RecipeStep(Record, frozen=True):
    """One step of a recipe."""

    kind: str
    """shell, http or python."""
    source: str
    """The shell script, the Python source, or the URL."""
    expect: Expectation = Expectation()
    name: str = ""
    timeout: float | None = None
    """Seconds; the gate's time-out applies in any case."""
    background: bool = False
    """For shell steps: run until the recipe ends, so that later steps can use it."""
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    within: float = 0.0
    """For HTTP steps: seconds to retry until the response is as expected, for servers that are starting."""
    line: int = 0


class Recipe(Record, frozen=True):
    """A named way to use a task's result, step by step."""

    name: str
    steps: tuple[RecipeStep, ...]
    line: int = 0
    description: str = ""


class Task(Record, frozen=True, kw_only=True):
    """One item of a blueprint."""

    id: str
    title: str
    blueprint_id: str = ""
    project_id: str = ""
    description: str = ""
    priority: str = "medium"
    """critical, high, medium or low."""
    effort: int = 3
    value: int = 3
    risk: int = 1
    dependencies: tuple[str, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    """The task's own recipes and the named recipes that it refers to, in order."""
    agent_role: str = ""
    """The role that the agent of IMPLEMENT takes, such as `implementer`."""
    required_tools: tuple[str, ...] = ()
    """Tools that the agent needs, by name."""
    skills: tuple[str, ...] = ()
    """Skills that the agent needs."""
    done: bool = False
    """The box is ticked: a claim, not a pass."""
    place: int = 0
    """Position in its file, from 0."""
    path: str = ""
    """The blueprint's file, relative to the workspace."""
    line: int = 0

    @property
    def rank(self) -> tuple[int, float, int, int]:
        """Return the sort key of ready tasks: priority, value per effort, risk (higher first), position in the file."""
        return (PRIORITIES.index(self.priority), -self.value / self.effort, -self.risk, self.place)


PRIORITIES = ("critical", "high", "medium", "low")


class LandSettings(Record, frozen=True, kw_only=True):
    """How a verified commit lands."""

    branch: str = ""
    """The target branch, as it was named at the start; empty: the commit lands nowhere, and a branch keeps it."""
    style: str = "squash"
    """squash: one commit; merge: a merge commit that keeps those of the workflow."""
    review: bool = False
    """A person approves before the branch moves."""
    author: str = ""
    """`Name <email>`; empty: the user's git identity."""
    sign: bool = False
    """Sign the commit with the user's key."""


class TreeSettings(Record, frozen=True, kw_only=True):
    """What a workflow's private clone gets beside the files of its base. Paths are relative to the workspace."""

    path: str = ""
    """The folder of all trees; empty: the default."""
    setup: tuple[str, ...] = ()
    """Lines for `/bin/sh`, run in a new clone and when a file of `setup_when` changed."""
    setup_when: tuple[str, ...] = ()
    copy: tuple[str, ...] = ()
    """Files and folders, ignored by git, to copy from the workspace."""
    link: tuple[str, ...] = ()
    """Folders of the workspace to link to."""
    own_objects: bool = False
    """Hide all objects of the repository but those of the base."""


class Definition(Record, frozen=True, kw_only=True):
    """The task and settings of a workflow at its start. Later edits of the files do not change it."""

    task: Task
    gates: dict[WorkflowPhase, Gate]
    timeouts: dict[WorkflowPhase, float]
    """Seconds that one attempt of a phase may take."""
    retry: RetryPolicy = RetryPolicy()
    max_output: int = 100_000_000
    """Bytes of a step's output that are kept."""
    checkpoint_exclude: tuple[str, ...] = CHECKPOINT_EXCLUDE
    """Patterns of untracked files that checkpoints of the tree leave out."""
    redact: tuple[str, ...] = ()
    """Names or name patterns of variables whose values are not stored, besides those that look secret."""
    env_deny: tuple[str, ...] = ()
    """Names or name patterns of variables that steps do not get."""
    agents: dict[str, AgentSpec] = field(default_factory=dict)
    """The agents that its gates name."""
    budgets: Budgets = Budgets()
    isolation: str = IN_PLACE
    """A value of ISOLATIONS: who else may work in the working tree meanwhile."""
    tree: TreeSettings | None = None
    """For isolation in a tree; None: another isolation."""
    land: LandSettings | None = None
    """None: the work stays where it was made, in the workspace."""

    @property
    def tree_settings(self) -> TreeSettings:
        """The settings of its tree."""
        return self.tree or TreeSettings()
