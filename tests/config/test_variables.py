"""`env:` and `redact:` of penguin.yaml: names of variables, never values."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.config.test_settings import an_item, settings_of

from penguin.orchestration.backend import ConfigError
from penguin.orchestration.blueprint.workflow_definition import build_definition
from penguin.orchestration.core.definition import Definition

PROJECT = "project: {id: shop}\n"


def test_names_are_in_the_definition(tmp_path: Path) -> None:
    text = PROJECT + "env:\n  deny: [AWS_*, GITHUB_TOKEN]\nredact: DATABASE_URL\n"
    settings = settings_of(tmp_path, text, environ={"DATABASE_URL": "postgres://user:word@host"})
    definition = build_definition(settings, an_item())
    assert (definition.env_deny, definition.redact) == (("AWS_*", "GITHUB_TOKEN"), ("DATABASE_URL",))
    stored = msgspec.json.encode(definition)
    assert b"postgres" not in stored
    assert msgspec.json.decode(stored, type=Definition) == definition
    shown = {setting.key: (setting.value, setting.source) for setting in settings.explain()}
    assert shown["env.deny"] == (["AWS_*", "GITHUB_TOKEN"], "penguin.yaml:3")
    assert shown["redact"] == (["DATABASE_URL"], "penguin.yaml:4")


@pytest.mark.parametrize("text", ["", "env:\nredact:\n", "env: {deny: []}\nredact: []\n"])
def test_no_names_by_default(tmp_path: Path, text: str) -> None:
    settings = settings_of(tmp_path, PROJECT + text)
    assert (settings.env_deny, settings.redact) == ((), ())


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("env: {deny: [A B]}\n", "penguin.yaml:2: env.deny: 'A B' is not a valid variable name", "letters, digits"),
        ("redact:\n- OK\n- A[BC]\n", "penguin.yaml:4: redact: 'A[BC]' is not a valid variable name", "* for any"),
        ("redact: ['${DATABASE_URL}']\n", "penguin.yaml:2: redact: takes only names of variables", "DATABASE_URL"),
        ("redact: [$PIN]\n", "redact: takes only names of variables", "write PIN"),
        ("redact: ['']\n", "redact: must not be empty", ""),
        ("redact: [null]\n", "redact: must be the name of a variable, not nothing", ""),
        ("redact: {A: b}\n", "redact: must be a string, not a mapping", ""),
        ("env: {denny: [A]}\n", "env: unknown key 'denny'", "did you mean 'deny'?"),
        ("env: [A]\n", "env: must be a mapping, not a list", "keys: deny"),
    ],
)
def test_invalid_names(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, PROJECT + text)
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_errors_do_not_repeat_values(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(
            tmp_path, PROJECT + "redact: ['PIN=12345678', '-----BEGIN PRIVATE KEY----- MIIEvQIBADANBgkqhkiG']\n"
        )
    assert "12345678" not in f"{caught.value} {caught.value.hint}"
    assert "MII" not in str(caught.value)
