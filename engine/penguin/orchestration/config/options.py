"""OrchestrationConfig: the settings of a Python program, which override the environment and penguin.yaml."""

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
    """TLS settings of the Temporal server. None: unset."""

    enabled: bool | None = None
    cert_path: str | None = None
    """Path of the client certificate, PEM."""
    key_path: str | None = None
    """Path of its private key, PEM."""
    ca_path: str | None = None
    """Path of the certificates that verify the server, PEM."""


@dataclass(slots=True)
class TemporalConfig:
    """Address and namespace of the Temporal server. None: unset."""

    address: str | None = None
    """HOST:PORT."""
    namespace: str | None = None
    task_queue: str | None = None
    auto_start: bool | None = None
    """Start a development server if none answers at a local address."""
    tls: TlsConfig | Mapping[str, Any] | None = None


@dataclass(slots=True)
class OrchestrationConfig:
    """Settings of the engine. A field that is None is unset: the environment, penguin.yaml or the default applies.

    Raises:
        ConfigError: A value has a wrong type or is not valid.
    """

    backend: str | None = None
    """native or temporal."""
    phase_timeouts: Mapping[str, float] | None = None
    """Seconds that one attempt of a phase may take, by phase: implement, test, use, verify."""
    retry: RetryPolicy | Mapping[str, Any] | None = None
    """max_attempts, initial_delay_sec, backoff_multiplier, max_delay_sec."""
    temporal: TemporalConfig | Mapping[str, Any] | None = None
    max_parallel: int | None = None
    """Maximum number of attempts that run at the same time."""
    max_output: int | None = None
    """Bytes of a step's output that are kept."""

    def __post_init__(self) -> None:
        self.flat()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Create a config from nested plain data, as under `orchestration:` in penguin.yaml.

        Args:
            data: The settings. A missing key is unset.

        Returns:
            The config.

        Raises:
            ConfigError: A key is unknown, or a value is not valid.
        """
        return cls(**nest(_checked(data)))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are set as nested plain data, the inverse of `from_dict`.

        Raises:
            ConfigError: A field was set to a value that is not valid.
        """
        return nest(self.flat())

    def flat(self) -> dict[str, Any]:
        """Return the fields that are set, by dotted key. They are checked again, since they may have been changed.

        Raises:
            ConfigError: A field was set to a value that is not valid.
        """
        return _checked({name: _plain(getattr(self, name)) for name in self.__slots__})


def _checked(data: Mapping[str, Any]) -> dict[str, Any]:
    checker = Checker("OrchestrationConfig")
    flat = read_fields(Node.of(data), checker, "config")
    checker.raise_first(ConfigError)
    return flat


def _plain(value: Any) -> Any:
    """Return data classes and structs as dicts; anything else as it is."""
    names = getattr(value, "__struct_fields__", None) or getattr(value, "__dataclass_fields__", None)
    return {name: _plain(getattr(value, name)) for name in names} if names else value
