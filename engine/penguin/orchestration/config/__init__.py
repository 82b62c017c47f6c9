"""The configuration: `penguin.yaml`, its overrides, and the origin of each value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.config.document_checker import Problem
from penguin.orchestration.config.penguin_yaml import load_settings
from penguin.orchestration.config.settings import Setting, Settings

if TYPE_CHECKING:
    from penguin.orchestration.config.program_config import OrchestrationConfig, TemporalConfig, TlsConfig

__all__ = [
    "OrchestrationConfig",
    "Problem",
    "Setting",
    "Settings",
    "TemporalConfig",
    "TlsConfig",
    "load_settings",
]

# Data classes and msgspec cost more than the rest of a reading command, so they are imported on demand.
_LATER = {
    "OrchestrationConfig": "program_config",
    "TemporalConfig": "program_config",
    "TlsConfig": "program_config",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
