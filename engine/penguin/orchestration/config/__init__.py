"""Configuration: `penguin.yaml` read and checked whole, what overrides it, and where each value came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.config.settings import Setting, Settings, load_settings
from penguin.orchestration.config.validator import Problem

if TYPE_CHECKING:
    from penguin.orchestration.config.options import OrchestrationConfig, TemporalConfig, TlsConfig

__all__ = [
    "OrchestrationConfig",
    "Problem",
    "Setting",
    "Settings",
    "TemporalConfig",
    "TlsConfig",
    "load_settings",
]

# Data classes and msgspec cost more than all the rest of a reading command: they are imported when they are asked for.
_LATER = {
    "OrchestrationConfig": "options",
    "TemporalConfig": "options",
    "TlsConfig": "options",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
