"""OrchestrationConfig: the settings of a Python program, which override the environment and penguin.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import ConfigError
from penguin.orchestration.config.document_checker import Checker, Node
from penguin.orchestration.config.orchestration_keys import DEFAULTS, nest, read_fields

if TYPE_CHECKING:
    from typing import Self

    from penguin.orchestration.core.retry_policy import RetryPolicy

NAMES = ("backend", "phase_timeouts", "retry", "temporal", "max_parallel", "max_output")
"""The fields of an OrchestrationConfig."""
SET_FIELDS = "set_fields"
"""The key of a dict of all fields that tells which of them are set."""


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


class OrchestrationConfig:
    """Settings of the engine.

    A field that is not set shows its default, but only a field that is set overrides the environment and the file. A
    field is set by a value other than None, here or later.

    Raises:
        ConfigError: A value has a wrong type or is not valid.
    """

    backend: str
    """native or temporal."""
    phase_timeouts: dict[str, float]
    """Seconds that one attempt of a phase may take, by phase: implement, test, use, verify."""
    retry: RetryPolicy
    """max_attempts, initial_delay_sec, backoff_multiplier, max_delay_sec."""
    temporal: TemporalConfig
    max_parallel: int
    """Maximum number of attempts that run at the same time."""
    max_output: int
    """Bytes of a step's output that are kept."""

    def __init__(
        self,
        backend: str | None = None,
        phase_timeouts: Mapping[str, float] | None = None,
        retry: RetryPolicy | Mapping[str, Any] | None = None,
        temporal: TemporalConfig | Mapping[str, Any] | None = None,
        max_parallel: int | None = None,
        max_output: int | None = None,
    ) -> None:
        self._set_fields: set[str] = set()
        # __setattr__ takes what the parameters allow, and stores what the fields declare.
        self.backend = backend  # type: ignore[assignment]
        self.phase_timeouts = phase_timeouts  # type: ignore[assignment]
        self.retry = retry  # type: ignore[assignment]
        self.temporal = temporal  # type: ignore[assignment]
        self.max_parallel = max_parallel  # type: ignore[assignment]
        self.max_output = max_output  # type: ignore[assignment]
        self.flat()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field; None: unset it. Fields of a section that are not named are unset."""
        if name not in NAMES:
            object.__setattr__(self, name, value)
            return
        self._set_fields = {path for path in self._set_fields if path.partition(".")[0] != name}
        if name in DEFAULTS:
            self._set_fields |= set() if value is None else {name}
            object.__setattr__(self, name, DEFAULTS[name] if value is None else value)
            return
        found = _checked({name: _plain(value)})
        self._set_fields |= found.keys()
        object.__setattr__(self, name, _section(name, nest(DEFAULTS | found)[name]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OrchestrationConfig) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in nest(self.flat()).items())
        return f"OrchestrationConfig({fields})"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make a config from nested plain data, as under `orchestration:` in penguin.yaml.

        Args:
            data: The fields that are set, or what `to_dict` returned.

        Raises:
            ConfigError: A key is unknown, or a value is not valid.
        """
        data = dict(data)
        names = data.pop(SET_FIELDS, None)
        found = _checked(data)
        if names is not None:
            chosen = _known_paths(names)
            found = {path: value for path, value in found.items() if path in chosen or value != DEFAULTS[path]}
        return cls(**nest(found))

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as nested plain data, and under `set_fields` the dotted keys of those that are set."""
        return {**nest(DEFAULTS | self._all()), SET_FIELDS: sorted(self.flat())}

    def flat(self) -> dict[str, Any]:
        """Return the fields that are set, by dotted key, checked: some may have been set since the config was made."""
        found = self._all().items()
        return {path: value for path, value in found if path in self._set_fields or value != DEFAULTS[path]}

    def _all(self) -> dict[str, Any]:
        return _checked({name: _plain(getattr(self, name)) for name in NAMES})


def _section(name: str, values: dict[str, Any]) -> Any:
    """The value of a field that has fields of its own."""
    if name == "temporal":
        return TemporalConfig(**{**values, "tls": TlsConfig(**values["tls"])})
    if name == "retry":
        from penguin.orchestration.core.retry_policy import RetryPolicy

        return RetryPolicy(**values)
    return values


def _known_paths(names: Any) -> set[str]:
    if isinstance(names, (list, tuple)) and all(name in DEFAULTS for name in names):
        return set(names)
    raise ConfigError(f"OrchestrationConfig: config.{SET_FIELDS}: not a list of keys", "such as [retry.max_attempts]")


def _checked(data: Mapping[str, Any]) -> dict[str, Any]:
    checker = Checker("OrchestrationConfig")
    flat = read_fields(Node.of(data), checker, "config")
    checker.raise_first(ConfigError)
    return flat


def _plain(value: Any) -> Any:
    """Return data classes and structs as dicts; anything else as it is."""
    names = getattr(value, "__struct_fields__", None) or getattr(value, "__dataclass_fields__", None)
    return {name: _plain(getattr(value, name)) for name in names} if names else value
