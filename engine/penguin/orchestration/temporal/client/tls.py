"""The TLS settings of the Temporal server: files checked before connecting."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.backend import ConfigError
from penguin.orchestration.files.workspace import expand_home

if TYPE_CHECKING:
    from temporalio.client import TLSConfig as SdkTls

    from penguin.orchestration.config.program_config import TlsConfig

SECTION = "orchestration.temporal.tls"


class Tls(NamedTuple):
    """The files of a TLS connection. Paths are absolute; None is unset."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def for_sdk(self) -> SdkTls:
        """Return the configuration for the SDK. Raises ConfigError for an unreadable file."""
        from temporalio.client import TLSConfig as SdkTls

        return SdkTls(
            server_root_ca_cert=_content(self.ca, "ca_path"),
            client_cert=_content(self.cert, "cert_path"),
            client_private_key=_content(self.key, "key_path"),
        )

    def context(self) -> ssl.SSLContext:
        """Return a context for Penguin's own connections.

        Raises ConfigError for an invalid certificate or key, or a mismatch.
        """
        context = ssl.create_default_context()
        context.set_alpn_protocols(["h2"])
        if self.ca is not None:
            context = _trusting(self.ca)
        if self.cert is not None and self.key is not None:
            _load_pair(context, self.cert, self.key)
        return context


def tls_of(settings: TlsConfig, root: Path, address: str, api_key: str | None) -> Tls | None:
    """Return how to speak TLS with `address`; None: without TLS. Relative paths are relative to `root`.

    An API key implies TLS, except on a loopback address: it is never sent unencrypted over a network. Raises
    ConfigError for a missing or invalid file.
    """
    if not settings.enabled and not (api_key and not is_loopback(address)):
        return None
    if bool(settings.cert_path) != bool(settings.key_path):
        one, other = ("cert_path", "key_path") if settings.cert_path else ("key_path", "cert_path")
        raise ConfigError(f"{SECTION}.{one} is set without {other}", "a client certificate needs its private key")
    paths = (settings.ca_path, settings.cert_path, settings.key_path)
    tls = Tls(*(root / expand_home(path) if path else None for path in paths))
    for path, key in zip(tls, ("ca_path", "cert_path", "key_path"), strict=True):
        _content(path, key)
    tls.context()
    return tls


def split(address: str) -> tuple[str, int]:
    """Split an address into host, without the brackets of IPv6, and port."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(address: str) -> bool:
    """Return whether HOST:PORT is on this machine only."""
    host, _ = split(address)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _content(path: Path | None, key: str) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{SECTION}.{key}: {path} can't be read: {error.strerror}") from error


def _trusting(ca: Path) -> ssl.SSLContext:
    # A new context, as in the SDK: with a CA of its own, the system's are not trusted.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    try:
        context.load_verify_locations(ca)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"{SECTION}.ca_path: {ca} contains no PEM certificate") from error
    return context


def _load_pair(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    asked = []

    def passphrase() -> str:
        # Without this, OpenSSL prompts at the terminal.
        asked.append(True)
        return ""

    try:
        context.load_cert_chain(cert, key, passphrase)
    except (ssl.SSLError, OSError, ValueError) as error:
        if asked:
            hint = "use a key without passphrase, readable by its owner only"
            raise ConfigError(f"{SECTION}.key_path: {key} is encrypted", hint) from error
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            raise ConfigError(f"{SECTION}: {key} is not the key of the certificate {cert}") from error
        raise ConfigError(f"{SECTION}: {cert} and {key} are not a PEM certificate and key") from error
