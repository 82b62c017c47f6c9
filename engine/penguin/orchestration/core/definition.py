"""What a workflow carries from its start: the definition of its task and the settings of its gates.

Plain frozen data without behaviour worth the name, shared by configuration, blueprints, the machine and the phases.
"""

from __future__ import annotations

from msgspec import field

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.defaults import CHECKPOINT_EXCLUDE
from penguin.orchestration.core.scheduling import IN_PLACE
from penguin.orchestration.core.struct import Record


class RetryPolicy(Record, frozen=True):
    """How often a phase is tried, and how long Penguin waits in between."""

    max_attempts: int = 3
    """Tries of a phase from the start, or from the last resume after BLOCKED."""
    initial_delay_sec: float = 5.0
    backoff_multiplier: float = 2.0
    max_delay_sec: float = 300.0

    def delay_after(self, failures: int) -> float:
        """Seconds to wait after this many failures of a phase (1 or more)."""
        try:
            delay = self.initial_delay_sec * self.backoff_multiplier ** (failures - 1)
        except OverflowError:
            return self.max_delay_sec
        return min(delay, self.max_delay_sec)


class GateCommand(Record, frozen=True):
    """One `run:` entry of a gate: a line for `/bin/sh` in the workspace."""

    run: str
    report: str | None = None
    """JUnit XML that the command writes, relative to the workspace."""
    timeout: float | None = None
    """Seconds; the gate's time-out holds in any case."""


class Budget(Record, frozen=True):
    """How much coding agents may spend; None: as much as it takes."""

    turns: int | None = None
    """Answers of the model."""
    usd: float | None = None
    tokens: int | None = None
    """Read and written."""
    minutes: float | None = None


class Budgets(Record, frozen=True):
    """How much they may spend on what."""

    attempt: Budget = Budget()
    workflow: Budget = Budget()
    task: Budget = Budget()
    """Over all its workflows, since the first that was retried."""


class AgentSpec(Record, frozen=True, kw_only=True):
    """How a coding agent is started, as penguin.yaml says it."""

    name: str
    """As phases name it."""
    kind: str
    """A name of `agents/registry.py`, or `command` for any other program."""
    model: str | None = None
    args: tuple[str, ...] = ()
    """Beyond those that Penguin gives."""
    env: dict[str, str] = field(default_factory=dict)
    """Beyond that of other steps. `${NAME}` is resolved where the agent starts."""
    permissions: str | None = None
    """The agent's own word for what it may do unasked; None: the safest with which it can work unattended."""
    home: str | None = None
    """A configuration folder of its own, from the workspace; None: the person's, with their login."""
    idle_timeout: float = 600.0
    """Seconds without a word after which it is ended."""
    command: tuple[str, ...] = ()
    """Kind command: the program; the prompt comes on standard input."""
    resume: tuple[str, ...] = ()
    """The same, to go on with the conversation `{session}`; empty: it can't."""
    transcript: str | None = None
    """A file that it writes, relative to the workspace, with the conversation; None: what it prints is that."""
    exit_codes: dict[int, str] = field(default_factory=dict)
    """What exit codes mean: passed, failed, error, budget, denied; 0 passes and all else fails unless said."""


class Gate(Record, frozen=True):
    """What one phase runs."""

    skip: bool = False
    run: tuple[GateCommand, ...] = ()
    agent: str | None = None
    may_be_empty: bool = False
    """An agent may end well without having changed a file."""
    judge: str | None = None
    """The agent that is asked about each criterion that has no check."""
    recipes: bool = False
    criteria: bool = False
    on_failure: WorkflowPhase | None = None
    """IMPLEMENT, the gate itself, or None for the default of the contract."""
    artifacts: tuple[str, ...] = ()
    """Glob patterns, relative to the workspace, of files to keep as artifacts."""


class Criterion(Record, frozen=True):
    """One acceptance criterion."""

    text: str
    check: str | None = None
    """A line for `/bin/sh`: exit 0 passes. None: a person decides."""
    line: int = 0


class Expectation(Record, frozen=True):
    """What a recipe step must give; None asks for nothing."""

    exit: int | None = None
    """Exit code of a shell or python step; 0 where unsaid and no other is named."""
    stdout: str | None = None
    """Text that standard output must contain, or /regex/ that must match somewhere in it."""
    status: int | None = None
    """HTTP status; any 2xx where unsaid."""
    json: object = None
    """A JSON value that the response must contain: objects by subset, all else by equality."""


class RecipeStep(Record, frozen=True):
    """One step of a recipe."""

    kind: str
    """shell, http or python."""
    source: str
    """The shell script, the python source, or the URL."""
    expect: Expectation = Expectation()
    name: str = ""
    timeout: float | None = None
    """Seconds; the gate's time-out holds in any case."""
    background: bool = False
    """Shell steps: runs until the recipe ends; the steps after it may talk to it."""
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    within: float = 0.0
    """HTTP steps: seconds to go on trying until the expectation holds, for servers that are starting."""
    line: int = 0


class Recipe(Record, frozen=True):
    """A named way to try a task's result out, step by step."""

    name: str
    steps: tuple[RecipeStep, ...]
    line: int = 0


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
    """The task's own recipes and the named ones it refers to, in order."""
    done: bool = False
    """A ticked box: a claim, not a pass."""
    place: int = 0
    """Position in its file, from 0."""
    path: str = ""
    """The blueprint's file, relative to the workspace."""
    line: int = 0

    @property
    def rank(self) -> tuple[int, float, int, int]:
        """Sorts tasks that are ready: priority, value for effort, risk (higher first), place in the file."""
        return (PRIORITIES.index(self.priority), -self.value / self.effort, -self.risk, self.place)


PRIORITIES = ("critical", "high", "medium", "low")


class Definition(Record, frozen=True, kw_only=True):
    """The task and the settings that a workflow was started with; later edits of the files don't touch it."""

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
    """Names, or patterns of names, of variables whose values are not stored, beyond those that look secret."""
    env_deny: tuple[str, ...] = ()
    """Names, or patterns of names, of variables that steps don't get."""
    agents: dict[str, AgentSpec] = field(default_factory=dict)
    """Those that its gates name."""
    budgets: Budgets = Budgets()
    isolation: str = IN_PLACE
    """A value of ISOLATIONS: who else may work in the working tree meanwhile."""
