"""Results as lines and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from penguin_commands import results as r
from penguin_repl.render.explained import help_lines
from penguin_repl.render.grid import Grid
from penguin_repl.render.safe import clean, clean_block

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo

Part = str | Grid


def parts(result: r.Result) -> Iterator[Part]:
    """The lines (harmless, without their ends) and tables that show a result."""
    yield from _renderer(type(result))(result)


def _renderer(kind: type) -> Callable[[Any], Iterator[Part]]:
    if kind in RENDERERS:
        return RENDERERS[kind]
    if kind in (r.History, r.Results):
        from penguin_repl.render.past import RENDERERS as PAST

        return PAST[kind]
    if kind.__module__.endswith(".saved"):
        from penguin_repl.render.saved import RENDERERS as SAVED

        return SAVED[kind]
    if kind.__module__.endswith(".kept"):
        from penguin_repl.render.kept import RENDERERS as KEPT

        return KEPT[kind]
    from penguin_repl.render.plans import RENDERERS as PLANS

    return PLANS[kind]


def local(when: datetime | None) -> str:
    """A time as people here read it."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S") if when else ""


def duration(seconds: float) -> str:
    """A length of time, in two units at most."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def size(count: int | None) -> str:
    """A number of bytes."""
    if count is None:
        return "gone"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count} {unit}"
        count //= 1000
    return f"{count} GB"


def _message(result: r.Message) -> Iterator[Part]:
    yield clean_block(result.text)


def _started(result: r.Started) -> Iterator[Part]:
    for task, workflow in result.workflows:
        yield f"Started ITUV workflow for task {clean(task)}"
        yield f"workflow_id: {clean(workflow)}"
    if result.retry_of:
        yield f"Retry of {clean(result.retry_of)}"
        for line in result.differences:
            yield f"Differs: {clean(line)}"


def _changed(result: r.Changed) -> Iterator[Part]:
    yield clean(result.text)
    yield f"Status: {result.info.status}"
    yield f"Phase: {result.info.phase}"
    if result.explain:
        yield f"Reason: {clean(result.explain)}"
    if result.advice:
        yield f"Next: {clean(result.advice)}"


def _status(result: r.Status) -> Iterator[Part]:
    info = result.info
    yield f"Workflow {info.workflow_id}"
    yield f"Status: {info.status}"
    yield f"Phase: {info.phase}"
    yield f"Progress: {info.progress}%"
    yield f"Started: {local(info.started_at)}"
    yield f"Updated: {local(info.updated_at)}"
    yield f"Task: {clean(info.task_id)} (blueprint {clean(info.blueprint_id)}, project {clean(info.project_id)})"
    if result.host:
        yield f"Host: {clean(result.host)}"
    if any(result.spent):
        yield from _costs(result)
    if result.explain:
        yield f"Reason: {clean(result.explain)}"
    if info.error_message and not _is_told(info.error_message, result.explain):
        yield f"Error: {clean(info.error_message)}"
    if info.artifacts:
        yield f"Artifacts: {len(info.artifacts)}"
    if result.advice:
        yield f"Next: {clean(result.advice)}"


def _costs(result: r.Status) -> Iterator[Part]:
    from penguin_repl.render.costs import cost_lines

    return cost_lines(result.spent, clean(result.agents))


def _is_told(error: str, explain: str) -> bool:
    """Whether an explanation, which may be cut short, says what the error does."""
    return " ".join(error.split())[:100] in explain


def _workflows(result: r.WorkflowTable) -> Iterator[Part]:
    if not result.workflows:
        yield result.empty
    else:
        yield _workflow_grid(result)
    for info in result.workflows:
        explain, advice = result.explain.get(info.workflow_id), result.advice.get(info.workflow_id)
        if explain:
            yield f"{info.workflow_id}: {clean(explain)}" + (f"  →  {clean(advice)}" if advice else "")
    if result.total is not None:
        from penguin_repl.render.costs import cost_sum

        count = result.total.workflows
        yield f"Total of {count} workflow{'' if count == 1 else 's'}: {cost_sum(result.total.spent)}"


def _workflow_grid(result: r.WorkflowTable) -> Grid:
    heads: tuple[str, ...] = ()
    costs: Sequence[tuple[str, ...]] = [()] * len(result.workflows)
    if result.spent:
        from penguin_repl.render.costs import cost_columns

        heads, costs = cost_columns([result.spent_by(info) for info in result.workflows], ("tokens", "usd"))
    rows = tuple(
        (info.workflow_id, info.status.value, info.phase.value, f"{info.progress}%", *cost, local(info.started_at))
        for info, cost in zip(result.workflows, costs, strict=True)
    )
    right = tuple(range(3, 4 + len(heads)))
    return Grid(("WORKFLOW", "STATUS", "PHASE", "DONE", *heads, "STARTED"), rows, right)


def _waited(result: r.Waited) -> Iterator[Part]:
    for info in result.workflows:
        yield brief(info)


def brief(info: WorkflowInfo) -> str:
    """A workflow in one line."""
    phase = "" if info.status.final or info.phase in ("PENDING", "DONE") else f" {info.phase}"
    return f"{clean(info.workflow_id)} {info.status}{phase}"


def _artifacts(result: r.Artifacts) -> Iterator[Part]:
    if not result.files:
        yield "No artifacts."
        return
    rows = tuple((_place(result, path) or size(count), path) for path, count in result.files)
    yield Grid(("SIZE", "PATH"), rows, right=(0,))


def _place(result: r.Artifacts, path: str) -> str:
    host = result.elsewhere.get(path)
    return f"on {host}" if host else ""


def _diff(result: r.Diff) -> Iterator[Part]:
    yield from (clean(line.decode("utf-8", "replace")) for line in b"".join(result.text()).splitlines())


def _diff_elsewhere(result: r.DiffElsewhere) -> Iterator[Part]:
    yield clean(result.note)
    if result.files:
        yield "Its evidence names:"
        yield from (clean(path) for path in result.files)


def _facts(result: r.Facts) -> Iterator[Part]:
    for name, value in result.facts.items():
        yield f"{clean(name)}: {clean(shown(value))}"


def shown(value: object) -> str:
    """A setting or a fact as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return str(value)


def _settings(result: r.Settings) -> Iterator[Part]:
    rows = tuple((key, shown(value), origin) for key, value, origin in result.settings)
    yield Grid(("KEY", "VALUE", "FROM"), rows)


def _nothing(result: r.Quit) -> Iterator[Part]:
    return iter(())


RENDERERS: dict[type, Callable[[Any], Iterator[Part]]] = {
    r.Message: _message,
    r.Started: _started,
    r.Changed: _changed,
    r.Status: _status,
    r.WorkflowTable: _workflows,
    r.Waited: _waited,
    r.Artifacts: _artifacts,
    r.Diff: _diff,
    r.DiffElsewhere: _diff_elsewhere,
    r.Help: help_lines,
    r.Facts: _facts,
    r.Settings: _settings,
    r.Quit: _nothing,
}
