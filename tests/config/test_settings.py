"""penguin.yaml, the environment and options: effective values, their origins, and errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.backend import ConfigError, WorkflowPhase
from penguin.orchestration.blueprint import BlueprintItem
from penguin.orchestration.blueprint.workflow_definition import build_definition, check_runnable
from penguin.orchestration.config import (
    OrchestrationConfig,
    Settings,
    load_settings,
)
from penguin.orchestration.core.definition import GateCommand, Task
from penguin.orchestration.core.retry_policy import RetryPolicy

FULL = """\
project: {id: shop, name: Shop API}
blueprints: [blueprints/*.md]
phases:
  implement: {agent: claude}
  test: {run: [pytest -q, ruff check .], on_failure: implement}
  use: {recipes: true}
  verify: {criteria: true}
agents: {claude: {model: opus, args: [--fast], env: {API_KEY: "${API_KEY}", LEVEL: 3}}}
orchestration:
  backend: native
  max_parallel: 1
  phase_timeouts: {implement: 600, test: 300, use: 180, verify: 120}
  retry: {max_attempts: 3, initial_delay_sec: 5, backoff_multiplier: 2, max_delay_sec: 300}
  temporal:
    address: localhost:7233
    namespace: penguin
    task_queue: penguin-ituv
    auto_start: true
    tls: {enabled: false, cert_path: null, key_path: null, ca_path: null}
"""


def settings_of(
    tmp_path: Path,
    text: str,
    overrides: OrchestrationConfig | None = None,
    environ: dict[str, str] | None = None,
) -> Settings:
    (tmp_path / "penguin.yaml").write_text(text, encoding="utf-8")
    return load_settings(tmp_path, overrides, environ or {})


def an_item(**fields: Any) -> BlueprintItem:
    return BlueprintItem(task=Task(id="t", title="T"), **fields)


def test_the_whole_file(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, FULL)
    assert (settings.project_id, settings.project_name, settings.backend) == ("shop", "Shop API", "native")
    assert settings.blueprints == ("blueprints/*.md",)
    assert settings.agents["claude"]["env"] == {"API_KEY": "${API_KEY}", "LEVEL": "3"}
    assert settings.phase_timeouts == {"implement": 600, "test": 300, "use": 180, "verify": 120}
    assert settings.temporal.address == "localhost:7233"
    gates = build_definition(settings, an_item()).gates
    assert gates[WorkflowPhase.TEST].run == (GateCommand("pytest -q"), GateCommand("ruff check ."))
    assert gates[WorkflowPhase.TEST].on_failure is WorkflowPhase.IMPLEMENT
    assert gates[WorkflowPhase.IMPLEMENT].agent == "claude"


def test_defaults(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "project: {id: shop}\n")
    definition = build_definition(settings, an_item())
    assert settings.project_name == "shop"
    assert "blueprints/*.md" in settings.blueprints
    assert definition.retry == RetryPolicy()
    assert definition.timeouts[WorkflowPhase.IMPLEMENT] == 600
    assert definition.gates[WorkflowPhase.USE].recipes
    assert definition.gates[WorkflowPhase.VERIFY].criteria
    assert not definition.gates[WorkflowPhase.TEST].run


def test_a_missing_file_means_defaults_if_not_required(tmp_path: Path) -> None:
    root = tmp_path / "my shop!"
    root.mkdir()
    with pytest.raises(ConfigError, match=r"penguin\.yaml: does not exist") as caught:
        load_settings(root, environ={})
    assert caught.value.hint == "penguin init"
    assert load_settings(root, environ={}, required=False).project_id == "my-shop"


def test_a_broken_link_is_not_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "penguin.yaml").symlink_to("moved.yaml")
    with pytest.raises(ConfigError, match=r"penguin\.yaml: is a broken link \(to moved\.yaml\)") as caught:
        load_settings(tmp_path, environ={}, required=False)
    assert caught.value.hint.endswith("; then penguin init")


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("projet: {id: x}\n", "penguin.yaml:1:", "unknown key 'projet' (did you mean 'project'?)"),
        (
            "project: {id: x}\norchestration:\n  backnd: native\n",
            "penguin.yaml:3: orchestration:",
            "did you mean 'backend'",
        ),
        ("orchestration: {backend: nativ}\n", "orchestration.backend", "did you mean 'native'"),
        ("orchestration: {backend: 7}\n", "orchestration.backend", "one of native, temporal, not 7"),
        ("project: shop\n", "penguin.yaml:1: project", "must be a mapping, not 'shop'"),
        ("- a\n", "penguin.yaml:1:", "must be a mapping, not a list"),
        ("project: {id: ../x}\n", "project.id", "'../x' is not a valid id"),
        ("project: {id: '; rm'}\n", "project.id", "not a valid id"),
        ("project: {name: [a]}\n", "project.name", "must be a string, not a list"),
        ("blueprints: [/etc/*.md]\n", "blueprints", "not inside the workspace"),
        ("blueprints: ['../*.md']\n", "blueprints", "not inside the workspace"),
        ("blueprints: [1]\n", "blueprints", 'must be a string, not 1 (quote it: "1")'),
        ("blueprints: [a.md, ~]\n", "blueprints", 'must be a string, not nothing (quote it: "~")'),
        ("checkpoint: {exclude: ['*.log', ]}\nphases: {test: {artifacts: [null]}}\n", "artifacts", "not nothing"),
        ("checkpoint:\n  exclude:\n  -\n", "penguin.yaml:3: checkpoint.exclude", "must be a string, not nothing"),
        ("agents: {claude: {args: [--add-dir, ~]}}\n", "agents.claude.args", 'not nothing (quote it: "~")'),
        ("phases: {test: [pytest]}\n", "phases.test", "not a list ({run: [COMMAND, …]})"),
        ("orchestration: {retry: {max_delay_sec: -1}}\n", "max_delay_sec", "of seconds from 0 to 2592000, not -1"),
        ("orchestration: {max_parallel: 0}\n", "orchestration.max_parallel", "a whole number from 1"),
        ("orchestration: {max_parallel: two}\n", "orchestration.max_parallel", "not 'two'"),
        ("orchestration: {max_parallel: true}\n", "orchestration.max_parallel", "whole number"),
        ("orchestration: {max_output: 1}\n", "orchestration.max_output", "of bytes"),
        ("orchestration: {phase_timeouts: {test: -1}}\n", "orchestration.phase_timeouts.test", "of seconds"),
        ("orchestration: {phase_timeouts: {tests: 1}}\n", "orchestration.phase_timeouts", "did you mean 'test'"),
        ("orchestration: {phase_timeouts: {test: .nan}}\n", "orchestration.phase_timeouts.test", "not nan"),
        ("orchestration: {retry: {max_attempts: 1.5}}\n", "orchestration.retry.max_attempts", "whole number"),
        ("orchestration: {retry: {backoff_multiplier: 0.5}}\n", "backoff_multiplier", "from 1 to"),
        ("orchestration: {temporal: {address: localhost}}\n", "temporal.address", "HOST:PORT"),
        ("orchestration: {temporal: {address: 'h:99999'}}\n", "temporal.address", "HOST:PORT"),
        ("orchestration: {temporal: {auto_start: maybe}}\n", "temporal.auto_start", "true or false"),
        ("orchestration: {temporal: {tls: {cert: x}}}\n", "temporal.tls", "did you mean 'cert_path'"),
        ("phases: {tset: skip}\n", "phases", "did you mean 'test'"),
        ("phases: {test: pytest}\n", "phases.test", "{run: [pytest]}"),
        ("phases: {test: {run: [true]}}\n", "phases.test.run", "quote it"),
        ("phases: {test: {run: ['']}}\n", "phases.test.run", "must not be empty"),
        ("phases: {test: {run: [{report: r.xml}]}}\n", "phases.test.run", "the command is missing"),
        ("phases: {test: {run: [{run: a, report: ../r.xml}]}}\n", "phases.test.run.report", "inside the workspace"),
        ("phases: {test: {run: [{run: a, timeout: 0}]}}\n", "phases.test.run.timeout", "of seconds"),
        ("phases: {test: {run: [a, b], report: r.xml}}\n", "phases.test.report", "exactly one command, not 2"),
        ("phases: {test: {report: r.xml}}\n", "phases.test.report", "not 0"),
        ("phases: {test: {skip: true, run: [a]}}\n", "phases.test", "skipped runs nothing"),
        ("phases: {test: {on_failure: verify}}\n", "phases.test.on_failure", "one of implement, same"),
        ("phases: {test: {artifacts: [/etc]}}\n", "phases.test.artifacts", "inside the workspace"),
        ("agents: {c: {modle: x}}\n", "agents.c", "did you mean 'model'"),
        ("agents: {'a b': {model: x}}\n", "agents", "'a b' is not a valid id"),
        ("agents: {c: {env: {'A B': x}}}\n", "agents.c.env", "is not a valid variable name"),
        ("a: 1\na: 2\n", "penguin.yaml:2:", "duplicate key"),
        ("a:\n\t- b\n", "penguin.yaml:2:", "replace the tab"),
        ("# only a comment\n", "penguin.yaml:", "has no settings"),
    ],
)
def test_invalid_settings(tmp_path: Path, text: str, where: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, text)
    # The hint of the first error is that of the exception; the others follow their messages.
    shown = f"{caught.value.message} ({caught.value.hint})"
    assert where in shown
    assert message in shown


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, "projet: 1\nphases: {tset: skip}\norchestration: {backend: x}\n")
    assert [line.partition(" ")[0] for line in str(caught.value).splitlines()] == [
        "penguin.yaml:1:",
        "penguin.yaml:2:",
        "penguin.yaml:3:",
    ]


@pytest.mark.parametrize(
    "name", ["ANTHROPIC_API_KEY", "GH_TOKEN", "my_secret", "DB_PASSWORD", "PASSWORD_FILE", "TOKEN"]
)
def test_a_secret_in_plain_text_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, f"agents: {{c: {{kind: codex, env: {{{name}: hunter2}}}}}}\n")
    assert f"agents.c.env.{name}" in caught.value.message
    assert f"${{{name}}}" in caught.value.hint
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"
    settings_of(tmp_path, f"agents: {{c: {{kind: codex, env: {{{name}: '${{OTHER}}', MONKEY: x}}}}}}\n")


def test_later_sources_override_earlier_ones_and_are_named(tmp_path: Path) -> None:
    environ = {
        "PENGUIN_ORCHESTRATION_BACKEND": "temporal",
        "TEMPORAL_ADDRESS": "env:1",
        "TEMPORAL_AUTO_START": "0",
        "TEMPORAL_NAMESPACE": "",
    }
    options = OrchestrationConfig(temporal={"address": "option:2"}, max_parallel=2)
    settings = settings_of(tmp_path, FULL, options, environ)
    origins = {setting.key: (setting.value, setting.source) for setting in settings.explain()}
    assert origins["orchestration.backend"] == ("temporal", "$PENGUIN_ORCHESTRATION_BACKEND")
    assert origins["orchestration.temporal.address"] == ("option:2", "option")
    assert origins["orchestration.temporal.auto_start"] == (False, "$TEMPORAL_AUTO_START")
    assert origins["orchestration.temporal.namespace"] == ("penguin", "penguin.yaml:16")
    assert origins["orchestration.max_parallel"] == (2, "option")
    assert origins["orchestration.max_output"] == (100_000_000, "default")
    assert origins["phases.test.run"][1] == "penguin.yaml:5"
    assert origins["project.id"] == ("shop", "penguin.yaml:1")
    assert settings.temporal.address == "option:2"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PENGUIN_ORCHESTRATION_BACKEND", "nativ"),
        ("TEMPORAL_ADDRESS", "nowhere"),
        ("TEMPORAL_AUTO_START", "perhaps"),
        ("TEMPORAL_NAMESPACE", "two words"),
    ],
)
def test_an_invalid_variable_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"\${name}: "):
        settings_of(tmp_path, FULL, environ={name: value})


def test_orchestration_config_from_and_to_dict() -> None:
    data = {
        "backend": "native",
        "retry": {"max_attempts": 1},
        "temporal": {"tls": {"enabled": True}},
        "max_output": 2048,
    }
    shown = OrchestrationConfig.from_dict(data).to_dict()
    assert {name: shown[name] for name in ("backend", "max_output")} == {"backend": data["backend"], "max_output": 2048}
    config = OrchestrationConfig(retry=RetryPolicy(max_attempts=7), phase_timeouts={WorkflowPhase.TEST: 5})
    assert config.to_dict()["retry"]["max_attempts"] == 7
    assert config.to_dict()["phase_timeouts"]["test"] == 5.0
    assert {"phase_timeouts.test", "retry.max_attempts"} <= set(config.to_dict()["set_fields"])
    assert OrchestrationConfig.from_dict(config.to_dict()).to_dict() == config.to_dict()


@pytest.mark.parametrize(
    "data",
    [
        {"backnd": "native"},
        {"backend": "x"},
        {"retry": {"max": 1}},
        {"phase_timeouts": [1]},
        {"max_parallel": object()},
    ],
)
def test_orchestration_config_refuses(data: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="OrchestrationConfig: config"):
        OrchestrationConfig.from_dict(data)


def test_a_config_shows_the_defaults(tmp_path: Path) -> None:
    config = OrchestrationConfig()
    assert (config.backend, config.phase_timeouts["implement"], config.retry.max_attempts) == ("native", 600, 3)
    assert (config.temporal.address, config.max_output) == ("localhost:7233", 100_000_000)
    assert config.to_dict()["phase_timeouts"] == {"implement": 600, "test": 300, "use": 180, "verify": 120}
    environ = {"PENGUIN_ORCHESTRATION_BACKEND": "temporal"}
    assert settings_of(tmp_path, FULL, config, environ).backend == "temporal", "a default overrides nothing"
    assert settings_of(tmp_path, FULL, OrchestrationConfig("native"), environ).backend == "native"


@pytest.mark.parametrize(
    "config",
    [
        OrchestrationConfig(),
        OrchestrationConfig(backend="native"),
        OrchestrationConfig(backend="temporal", temporal={"tls": {"enabled": True}}),
        OrchestrationConfig(retry={"max_attempts": 3}, phase_timeouts={"test": 5}),
    ],
)
def test_a_config_is_equal_to_that_of_its_dict(config: OrchestrationConfig) -> None:
    stored = json.loads(json.dumps(config.to_dict()))
    again = OrchestrationConfig.from_dict(stored)
    assert again == config
    assert (again.flat(), again.to_dict()) == (config.flat(), stored)


def test_fields_of_sections_can_be_set_later() -> None:
    config = OrchestrationConfig(max_parallel=2)
    assert config != OrchestrationConfig()
    config.temporal.address = "other:1"
    config.phase_timeouts["test"] = 5
    config.max_parallel = None  # type: ignore[assignment]
    assert config.flat() == {"temporal.address": "other:1", "phase_timeouts.test": 5}


def test_a_field_set_later_is_checked_when_it_is_used(tmp_path: Path) -> None:
    config = OrchestrationConfig()
    config.backend = "temporal"
    assert settings_of(tmp_path, FULL, config).backend == "temporal"
    config.backend = "nonsense"
    with pytest.raises(ConfigError):
        settings_of(tmp_path, FULL, config)


def test_the_definition_combines_all_sources(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        "phases: {test: {run: [a], on_failure: implement, artifacts: [x/*]}, use: skip}\n"
        "orchestration: {phase_timeouts: {implement: 1, test: 2, use: 3}, retry: {max_attempts: 9}}\n",
    )
    item = an_item(
        phases={"test": {"run": [{"run": "b"}]}, "use": {"recipes": True}}, timeouts={"test": 20.0, "use": 30.0}
    )
    start = {"phase_timeouts": {"use": 300}, "retry": {"max_delay_sec": 1}, "phases": {"verify": "skip"}}
    definition = build_definition(settings, item, start)
    assert [definition.timeouts[phase] for phase in definition.timeouts] == [1, 20, 300, 120]
    assert definition.retry == RetryPolicy(max_attempts=9, max_delay_sec=1)
    test, use, verify = (definition.gates[phase] for phase in list(definition.gates)[1:])
    assert (test.run, test.on_failure, test.artifacts) == ((GateCommand("b"),), WorkflowPhase.IMPLEMENT, ("x/*",))
    assert (use.skip, use.recipes) == (False, True)
    assert verify.skip
    assert not verify.criteria


def test_on_failure_same_is_the_phase_itself(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "phases: {test: {run: a, report: r.xml, on_failure: same}}\n")
    gate = build_definition(settings, an_item()).gates[WorkflowPhase.TEST]
    assert gate.on_failure is WorkflowPhase.TEST
    assert gate.run == (GateCommand("a", report="r.xml"),)


@pytest.mark.parametrize(
    "config",
    [{"phase_timeout": {}}, {"phases": {"test": {"rum": []}}}, {"retry": 3}, {"phase_timeouts": {"test": "long"}}],
)
def test_the_settings_of_a_start_are_checked(tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="start: config"):
        build_definition(settings_of(tmp_path, FULL), an_item(), config)


def test_an_unknown_agent_is_refused_before_the_start(tmp_path: Path) -> None:
    text = "phases: {implement: {agent: mine}, test: {run: a}, verify: {judge: codex}}\n"
    with pytest.raises(ConfigError, match=r"unknown agent 'mine'") as caught:
        check_runnable(build_definition(settings_of(tmp_path, text), an_item()))
    assert "command: [PROGRAM]" in caught.value.hint
    text += "agents: {mine: {command: [./agent, --fast], exit_codes: {3: budget}}, codex: {model: big}}\n"
    definition = build_definition(settings_of(tmp_path, text), an_item())
    check_runnable(definition)
    assert definition.agents["mine"].command == ("./agent", "--fast")
    assert definition.agents["mine"].exit_codes == {3: "budget"}
    assert (definition.agents["codex"].kind, definition.agents["codex"].model) == ("codex", "big")
    assert definition.gates[WorkflowPhase.VERIFY].criteria


def test_budgets_are_in_the_definition(tmp_path: Path) -> None:
    text = "budget: {attempt: {turns: 30}, workflow: {usd: 5, minutes: 1.5}}\n"
    definition = build_definition(settings_of(tmp_path, text), an_item())
    assert definition.budgets.attempt.turns == 30
    assert (definition.budgets.workflow.usd, definition.budgets.workflow.minutes) == (5, 1.5)
    assert definition.budgets.task.usd is None


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("agents: {mine: {model: x}}\n", "agents.mine", "has no agent with this name"),
        ("agents: {codex: {command: [x]}}\n", "agents.codex.command", "only agents of kind command"),
        ("agents: {m: {command: [x], exit_codes: {300: passed}}}\n", "agents.m.exit_codes", "is not an exit code"),
        ("agents: {m: {command: [x], exit_codes: {²: passed}}}\n", "agents.m.exit_codes", "is not an exit code"),
        (
            f"agents: {{m: {{command: [x], exit_codes: {{'{'9' * 900}': passed}}}}}}\n",
            "agents.m.exit_codes",
            "is not an exit code",
        ),
        ("budget: {workflow: {usd: 0}}\n", "budget.workflow.usd", ""),
        ("budget: {step: {usd: 1}}\n", "budget", "step"),
        ("phases: {test: {agent: claude}}\n", "phases.test.agent", "only valid in implement"),
        ("phases: {use: {judge: claude}}\n", "phases.use.judge", "only valid in verify"),
    ],
)
def test_invalid_agents_and_budgets(tmp_path: Path, text: str, key: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, text)
    assert key in caught.value.message
    assert message in f"{caught.value.message} {caught.value.hint}"


@given(st.text(max_size=200))
def test_any_text_is_read_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}"
    root.mkdir(exist_ok=True)
    (root / "penguin.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_settings(root, environ={})
    except ConfigError as error:
        assert "penguin.yaml" in error.message  # noqa: PT017


@pytest.mark.integration
def test_reading_settings_imports_little(tmp_path: Path) -> None:
    (tmp_path / "penguin.yaml").write_text(FULL)
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from penguin.orchestration.config import load_settings\n"
        "load_settings(Path(sys.argv[1]))\n"
        "heavy = {'msgspec', 'networkx', 'markdown_it', 'asyncio', 'sqlite_utils', 'httpx', 'rich', 'prompt_toolkit'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_excluded_files_of_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "penguin.yaml"
    path.write_text("project: {id: p}\n")
    assert ".env*" in load_settings(tmp_path).checkpoint_exclude
    path.write_text("project: {id: p}\ncheckpoint:\n  exclude: [secret/, '*.bin']\n")
    settings = load_settings(tmp_path)
    assert settings.checkpoint_exclude == ("secret/", "*.bin")
    assert settings.origin("checkpoint.exclude") == "penguin.yaml:3"
    assert build_definition(settings, an_item()).checkpoint_exclude == ("secret/", "*.bin")
    path.write_text("project: {id: p}\ncheckpoint: {exlude: x}\n")
    with pytest.raises(ConfigError, match="exlude"):
        load_settings(tmp_path)


def test_storage_url(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "project: {id: p}\nstorage: {url: null}\n").storage_url is None
    settings = settings_of(tmp_path, "project: {id: p}\nstorage:\n  url: s3://bucket/prefix\n")
    assert settings.storage_url == "s3://bucket/prefix"
    assert settings.origin("storage.url") == "penguin.yaml:3"
    for fine in ("../shared", "~/shared", "abfs://container@account.dfs.core.windows.net/x", "sftp://ada@hut/x"):
        assert settings_of(tmp_path, f"project: {{id: p}}\nstorage: {{url: '{fine}'}}\n").storage_url == fine


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("storage: {uri: x}", "storage: unknown key 'uri'"),
        ("storage: {url: 3}", "storage.url: must be a string, not 3"),
        ("storage: {url: 'sftp://ada:secret@hut/x'}", "storage.url: must not contain a password"),
    ],
)
def test_invalid_storage_url(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        settings_of(tmp_path, f"project: {{id: p}}\n{text}\n")
    assert "secret" not in str(caught.value)


def test_workspace_remote(tmp_path: Path) -> None:
    path = tmp_path / "penguin.yaml"
    path.write_text("project: {id: p}\n")
    settings = load_settings(tmp_path)
    assert (settings.workspace_remote, settings.push_to_upstream) == (None, False)
    path.write_text("project: {id: p}\nworkspace:\n  remote: origin\n  push_to_upstream: yes\n")
    settings = load_settings(tmp_path)
    assert (settings.workspace_remote, settings.push_to_upstream) == ("origin", True)
    assert settings.origin("workspace.remote") == "penguin.yaml:3"
    assert settings.origin("workspace.push_to_upstream") == "penguin.yaml:4"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("remote: https://user:secret@example.org/x", "workspace.remote: must be the name of a git remote"),
        ("remote: --all", "must be the name of a git remote"),
        ("remote: [a]", "workspace.remote: must be a string"),
        ("push_to_upstream: maybe", "workspace.push_to_upstream: must be true or false"),
        ("remotes: origin", "did you mean 'remote'|unknown key 'remotes'"),
    ],
)
def test_invalid_workspace_remote(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "penguin.yaml").write_text(f"project: {{id: p}}\nworkspace:\n  {text}\n")
    with pytest.raises(ConfigError, match=f"penguin.yaml:3: .*({complaint})"):
        load_settings(tmp_path)
