"""Preferences: precedence, invalid values, and the cost of reading them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penguin.orchestration.backend import ConfigError
from penguin.orchestration.config import load_settings
from penguin.orchestration.config.ui import KEYS
from penguin_commands.preferences import Preferences, explain_preferences, load_preferences, personal_file
from penguin_commands.session import Session


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The personal file, which is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(tmp_path / "xdg"))
    path = Path(personal_file(os.environ))
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "penguin.yaml").write_text("project: {id: shop}\nui:\n  panel: true\n  color: never\n")
    return root


def test_every_key_can_be_set_and_has_a_default() -> None:
    assert set(KEYS) == set(Preferences._fields)


def test_the_personal_file_overrides_the_workspace(own: Path, root: Path) -> None:
    own.write_text('ui:\n  color: auto\n  notify: ["say", "done"]\n  pager: false\n')
    assert load_preferences(root) == Preferences(panel=True, color="auto", notify=("say", "done"), pager="")
    assert load_preferences(None) == Preferences(color="auto", notify=("say", "done"), pager="")


def test_defaults_without_any_file(own: Path) -> None:
    assert load_preferences(None) == Preferences()
    own.write_text("# nothing yet\n")
    assert load_preferences(None) == Preferences()


def test_each_value_is_shown_with_its_origin(own: Path, root: Path) -> None:
    own.write_text("ui:\n\n  color: auto\n  pager: false\n")
    explained = {
        setting.key: (setting.value, setting.source) for setting in explain_preferences(load_settings(root).explain())
    }
    assert explained["ui.color"] == ("auto", f"{own}:3")
    assert explained["ui.pager"] == (False, f"{own}:4")
    assert explained["ui.panel"] == (True, "penguin.yaml:3")
    assert explained["ui.notify_after"] == (60.0, "default")


def test_a_file_below_home_is_shown_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    file = tmp_path / ".config" / "penguin" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("ui: {panel: maybe}\n")
    with pytest.raises(ConfigError, match=r"^~/\.config/penguin/config\.yaml:1: ui\.panel: must be true or false"):
        load_preferences(None)


def test_a_relative_config_home_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    assert Path(personal_file({"XDG_CONFIG_HOME": "here"})) == tmp_path / ".config" / "penguin" / "config.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ui: {colour: never}", r"config\.yaml:1: ui: unknown key 'colour'"),
        ("ui: {color: sometimes}", r"config\.yaml:1: ui\.color: must be one of auto, never"),
        ("ui: {notify_after: -1}", r"config\.yaml:1: ui\.notify_after: must be a number of seconds"),
        ("ui: {notify: say done}", r"config\.yaml:1: ui\.notify: must be a list"),
        ("ui: {pager: true}", r"config\.yaml:1: ui\.pager: must be a string"),
        ("\nui: [", r"config\.yaml:2: is not valid YAML"),
        ("project: {id: shop}", r"config\.yaml:1: config\.yaml: unknown key 'project'"),
        ("- ui", r"config\.yaml:1: config\.yaml: must be a mapping"),
    ],
)
def test_invalid_values_are_reported(own: Path, text: str, message: str) -> None:
    own.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_preferences(None)


def test_an_invalid_personal_file_is_only_a_warning(own: Path, root: Path) -> None:
    own.write_text("ui: {pannel: true}")
    messages: list[str] = []
    session = Session(root, narrate=messages.append)
    assert session.preferences == Preferences()
    (message,) = messages
    assert "ui: unknown key 'pannel'" in message
    assert "defaults apply" in message


@pytest.mark.parametrize("key", ["notify: [rm, -rf, /]", "pager: evil"])
def test_a_workspace_cannot_name_a_program(own: Path, root: Path, key: str) -> None:
    (root / "penguin.yaml").write_text(f"project: {{id: shop}}\nui:\n  {key}\n")
    with pytest.raises(ConfigError, match=r"penguin\.yaml:3: ui\.\w+: names a program") as error:
        load_settings(root)
    assert "config.yaml" in error.value.hint
    assert load_preferences(root) == Preferences()
