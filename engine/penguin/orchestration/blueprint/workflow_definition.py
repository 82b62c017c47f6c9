"""The definition of a workflow, built from all its sources: gates, time-outs and retry of one task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penguin.orchestration.agents.registry import AGENTS
from penguin.orchestration.backend import ConfigError, WorkflowPhase
from penguin.orchestration.blueprint.idle_gates import Idle, idle_reason
from penguin.orchestration.config.agents import agent_specs
from penguin.orchestration.config.budgets import budgets_of
from penguin.orchestration.config.document_checker import Checker, Node, nearest
from penguin.orchestration.config.orchestration_keys import read_fields
from penguin.orchestration.config.phases import Fields, Phases, check_phases, overlay
from penguin.orchestration.core.definition import Definition, Gate, GateCommand, LandSettings, TreeSettings
from penguin.orchestration.core.retry_policy import RetryPolicy
from penguin.orchestration.core.tree_isolation import TREE
from penguin.orchestration.workflow_status import GATES

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.model import BlueprintItem
    from penguin.orchestration.config.settings import Settings

_IDLE = {
    Idle.EMPTY: "has nothing to run",
    Idle.UNCHECKED: "has no criterion with a check",
    Idle.NO_OPS: "runs nothing that checks the result",
}
_START_KEYS = ("phase_timeouts", "retry", "phases")


def build_definition(
    settings: Settings, item: BlueprintItem, start_config: Mapping[str, Any] | None = None
) -> Definition:
    """Return the definition of a task's workflow.

    Later sources override earlier ones: settings, the blueprint, the task, the settings of this start
    (`phase_timeouts`, `retry`, `phases`; anything else raises ConfigError).
    """
    timeouts, retry, phases = _check_start(start_config) if start_config else ({}, {}, {})
    found = build_gates(overlay(item_phases(settings, item), phases))
    named = [name for gate in found.values() for name in (gate.agent, gate.judge) if name and not gate.skip]
    isolation = item.isolation or settings.isolation
    return Definition(
        task=item.task,
        gates=found,
        agents=agent_specs(settings.agents, named),
        budgets=budgets_of(settings.budgets),
        isolation=isolation,
        tree=TreeSettings(**settings.tree) if isolation == TREE else None,
        land=_land(settings, item) if isolation == TREE else None,
        timeouts=_by_phase(settings.phase_timeouts | item.timeouts | timeouts),
        retry=RetryPolicy(**{**settings.retry, **retry}),
        max_output=settings.max_output,
        redact=settings.redact,
        env_deny=settings.env_deny,
        checkpoint_exclude=settings.checkpoint_exclude,
    )


def _land(settings: Settings, item: BlueprintItem) -> LandSettings:
    fields = settings.land
    if fields is None:
        return LandSettings()
    # Not str.format: the rest of the name may have braces.
    return LandSettings(**{**fields, "branch": fields["branch"].replace("{blueprint}", item.task.blueprint_id)})


def item_phases(settings: Settings, item: BlueprintItem) -> Phases:
    """Return the phases of a task, without the settings of one start."""
    return overlay(settings.phases, item.phases)


def build_gates(phases: Phases) -> dict[WorkflowPhase, Gate]:
    """Return the gates of checked phases."""
    return {gate: _gate(gate, phases.get(gate.lower(), {})) for gate in GATES}


def check_runnable(definition: Definition) -> None:
    """Raise ConfigError if it is known in advance that nothing can run a phase."""
    for phase, gate in definition.gates.items():
        for name in (gate.agent, gate.judge):
            if name and not gate.skip and name not in definition.agents:
                match = nearest(name, AGENTS)
                hint = f"one of {', '.join(AGENTS)}, or  agents: {{{name}: {{command: [PROGRAM]}}}}"
                raise ConfigError(
                    f"{phase} uses the unknown agent {name!r}", f"did you mean {match!r}?" if match else hint
                )
    _refuse_useless_pay(definition)


def _refuse_useless_pay(definition: Definition) -> None:
    """Raise ConfigError if an agent would be paid although no gate after it checks anything."""
    task = definition.task
    after = {phase: gate for phase, gate in definition.gates.items() if phase is not WorkflowPhase.IMPLEMENT}
    checks = {phase: idle_reason(gate, task) for phase, gate in after.items() if not gate.skip}
    pays = definition.gates[WorkflowPhase.IMPLEMENT].agent is not None
    if not pays or None in checks.values():
        return
    # Who skips a gate decided about the gates: the others may wait for a person.
    if len(checks) < len(after) and Idle.NO_OPS not in checks.values():
        return
    hint = "set phases: {test: {run: [COMMAND]}}, or give the task a recipe or acceptance criteria"
    if set(checks.values()) == {Idle.EMPTY} and len(checks) > 1:
        *others, last = checks
        message = f"{', '.join(others)} and {last} have nothing to run"
    else:
        message = ", ".join(f"{phase} {_IDLE[reason]}" for phase, reason in checks.items() if reason)
        hint = f"{hint} with a `check:`"
    raise ConfigError(f"task {task.id}: {message}, so no gate can pass", hint)


def _gate(phase: WorkflowPhase, fields: Fields) -> Gate:
    values = dict(fields)
    values["run"] = tuple(GateCommand(**command) for command in values.get("run", ()))
    values["artifacts"] = tuple(values.get("artifacts", ()))
    if on_failure := values.get("on_failure"):
        values["on_failure"] = WorkflowPhase.IMPLEMENT if on_failure == "implement" else phase
    return Gate(**values)


def _by_phase(timeouts: Mapping[str, float]) -> dict[WorkflowPhase, float]:
    return {gate: timeouts[gate.lower()] for gate in GATES}


def _check_start(config: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any], Phases]:
    checker = Checker("start")
    entries = checker.mapping(Node.of(config), "config", _START_KEYS)
    timeouts = read_timeouts(entries.get("phase_timeouts"), checker, "config.phase_timeouts")
    retry = read_fields(entries.get("retry"), checker, "config.retry", "retry.")
    phases = check_phases(entries.get("phases"), checker, "config.phases")
    checker.raise_first(ConfigError)
    return timeouts, {key.partition(".")[2]: value for key, value in retry.items()}, phases


def read_timeouts(node: Node | None, checker: Checker, where: str) -> dict[str, float]:
    """Return seconds by lower-case phase."""
    found = read_fields(node, checker, where, "phase_timeouts.")
    return {key.partition(".")[2]: value for key, value in found.items()}
