"""The engine of Penguin: durable workflows that take software tasks through four gates.

from penguin.orchestration import get_backend

async with get_backend() as backend:
    workflow_id = await backend.start_workflow("auth-user-model")
    info = await backend.wait_workflow(workflow_id)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import OrchestrationBackend, WorkflowError

if TYPE_CHECKING:
    from pathlib import Path

    from penguin.orchestration.config import OrchestrationConfig, Settings

__all__ = ["OrchestrationBackend", "OrchestrationConfig", "WorkflowError", "get_backend"]


def get_backend(
    config: OrchestrationConfig | None = None, workspace_path: str | Path | None = None
) -> OrchestrationBackend:
    """Return the backend that the workspace's configuration names.

    The backend opens with its first call, so this function needs neither a running event loop nor a penguin.yaml.

    Args:
        config: Settings that override the environment and penguin.yaml.
        workspace_path: The folder of penguin.yaml. Default: the nearest folder with one, from the current folder up,
            or else the current folder.

    Returns:
        The backend. Close it with `aclose()`, or use it as an asynchronous context manager.

    Raises:
        ConfigError: The configuration is not valid, or the backend needs a library that is not installed.
    """
    from penguin.orchestration.config import load_settings
    from penguin.orchestration.native.backend import NativeBackend

    root = _root(workspace_path)
    settings = load_settings(root, config, required=False)
    if settings.backend == "temporal":
        require_temporal(settings)
        from penguin.orchestration.temporal.backend import TemporalBackend

        return TemporalBackend(config, root)
    return NativeBackend(config, root)


def require_temporal(settings: Settings) -> None:
    """Raise ConfigError if the libraries of the backend that the settings name are not installed."""
    from importlib.util import find_spec

    if find_spec("temporalio") is None:
        from penguin.orchestration.backend import ConfigError

        raise ConfigError(
            f"{settings.origin('orchestration.backend')}: backend temporal needs the Temporal SDK, "
            "which is not installed",
            "in a clone of Penguin: pip install '.[temporal]'",
        )


def _root(workspace_path: str | Path | None) -> Path:
    from pathlib import Path

    from penguin.orchestration.files.workspace import current_folder, find_workspace

    if workspace_path is not None:
        return Path(workspace_path)
    here = current_folder()
    try:
        return find_workspace(here).root
    except WorkflowError:
        return Path(here)


def __getattr__(name: str) -> object:
    # Imported on demand: most commands of the terminal need no configuration object.
    if name == "OrchestrationConfig":
        from penguin.orchestration.config import OrchestrationConfig

        return OrchestrationConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
