"""OrchestrationConfig: what a Python program sets, over environment and file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import ConfigError
from penguin.orchestration.config.fields import nest, read_fields
from penguin.orchestration.config.validator import Checker, Node

if TYPE_CHECKING:
    from typing import Self

    from penguin.orchestration.core.definition import RetryPolicy


@dataclass(slots=True)
class TlsConfig:
    """How the Temporal server is reached over TLS. Unset fields are None."""

    enabled: bool | None = None
    cert_path: str | None = None
    """Client certificate, PEM."""
    key_path: str | None = None
    """Its private key, PEM."""
    ca_path: str | None = None
    """Certificates that the server's is checked against, PEM."""


@dataclass(slots=True)
class TemporalConfig:
    """Where the Temporal server is. Unset fields are None."""

    address: str | None = None
    """HOST:PORT."""
    namespace: str | None = None
    task_queue: str | None = None
    auto_start: bool | None = None
    """Start a development server where none answers at a local address."""
    tls: TlsConfig | Mapping[str, Any] | None = None


@dataclass(slots=True)
class OrchestrationConfig:
    """Settings of the engine. A field that is None is unset: the environment, the file or the default decides.

    Raises ConfigError for a wrong type or a bad value.
    """

    backend: str | None = None
    """native or temporal."""
    phase_timeouts: Mapping[str, float] | None = None
    """Seconds that one attempt of a phase may take, by phase: implement, test, use, verify."""
    retry: RetryPolicy | Mapping[str, Any] | None = None
    """max_attempts, initial_delay_sec, backoff_multiplier, max_delay_sec."""
    temporal: TemporalConfig | Mapping[str, Any] | None = None
    max_parallel: int | None = None
    """Attempts at once in this working tree."""
    max_output: int | None = None
    """Bytes of a step's output that are kept."""

    def __post_init__(self) -> None:
        self.flat()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The config of nested plain data, as under `orchestration:` in penguin.yaml. An unknown key raises."""
        return cls(**nest(_checked(data)))

    def to_dict(self) -> dict[str, Any]:
        """Nested plain data of the fields that are set."""
        return nest(self.flat())

    def flat(self) -> dict[str, Any]:
        """The fields that are set, by dotted key, checked: fields may have been set since the config was made."""
        return _checked({name: _plain(getattr(self, name)) for name in self.__slots__})


def _checked(data: Mapping[str, Any]) -> dict[str, Any]:
    checker = Checker("OrchestrationConfig")
    flat = read_fields(Node.of(data), checker, "config")
    checker.raise_first(ConfigError)
    return flat


def _plain(value: Any) -> Any:
    """Data classes and structs as dicts; anything else as it is."""
    names = getattr(value, "__struct_fields__", None) or getattr(value, "__dataclass_fields__", None)
    return {name: _plain(getattr(value, name)) for name in names} if names else value
