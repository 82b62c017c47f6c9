"""The diagnosis of a failed connection: name, port, TLS and namespace, each checked, in one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from penguin.orchestration.backend import BackendUnavailable
from penguin.orchestration.temporal.client.tls import split

if TYPE_CHECKING:
    from penguin.orchestration.temporal.client.tls import Tls

T = TypeVar("T")

LIMIT = 3.2
"""Seconds for connecting and diagnosis together."""
NAME_LIMIT = 1.2
PORT_LIMIT = 1.2
PROBE_LIMIT = 0.8
"""Seconds reserved to find out why a reachable server does not answer."""
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
"""The start of an HTTP/2 connection: the preface and an empty SETTINGS frame."""
LISTEN_FIRST = 0.2
"""Seconds to wait for data of the server, such as an alert, before sending any."""
FRAME_HEAD = 9
SETTINGS = 4
UNCHECKED = "not checked"
SAY_ADDRESS = "orchestration.temporal.address in penguin.yaml, or TEMPORAL_ADDRESS, says where it is"
SAY_TLS = "orchestration: {temporal: {tls: {enabled: true}}}"
SAY_NO_TLS = "orchestration: {temporal: {tls: {enabled: false}}}"
SAY_CERT = "tls.cert_path and tls.key_path of orchestration.temporal name the client certificate and its key"
SAY_CA = "tls.ca_path of orchestration.temporal names the CA that signed the server's certificate"
SAY_KEY = "TEMPORAL_API_KEY holds the API key of the namespace"


class ConnectionClosed(ConnectionError):
    """The server closed the connection after the TLS handshake, without an alert."""


class ConnectionDiagnosis:
    """One attempt to reach a server. It has LIMIT seconds."""

    def __init__(self, address: str, tls: Tls | None) -> None:
        self.address = address
        self.host, self.port = split(address)
        self._tls = tls
        self._end = time.monotonic() + LIMIT
        self.checks = dict.fromkeys(("name", "port", "TLS", "namespace"), UNCHECKED)
        self.checks["TLS"] = "off" if tls is None else UNCHECKED

    def left(self, keep: float = 0.0) -> float:
        """Return the remaining seconds, less those to reserve."""
        return max(0.05, self._end - time.monotonic() - keep)

    def refusal(self, sentence: str, hint: str) -> BackendUnavailable:
        """Return the error with this message and the results of the checks."""
        told = "; ".join(f"{name}: {found}" for name, found in self.checks.items())
        return BackendUnavailable(f"{sentence} ({told})", hint)

    # --- before connecting ---

    async def check_port(self) -> None:
        """Resolve the name and open the port. Raises BackendUnavailable."""
        await self._look_up()
        try:
            async with asyncio.timeout(min(PORT_LIMIT, self.left())):
                _, writer = await asyncio.open_connection(self.host, self.port)
        except TimeoutError:
            self.checks["port"] = f"no answer within {PORT_LIMIT:g} s"
            raise self.refusal(f"no Temporal server at {self.address}: no answer", SAY_ADDRESS) from None
        except OSError as error:
            self.checks["port"] = _reason(error)
            raise self.refusal(f"no Temporal server at {self.address}: {_reason(error)}", SAY_ADDRESS) from error
        self.checks["port"] = "open"
        writer.close()

    async def _look_up(self) -> None:
        try:
            found = await asyncio.wait_for(_aside(lambda: _addresses(self.host, self.port)), NAME_LIMIT)
        except TimeoutError:
            self.checks["name"] = f"not resolved within {NAME_LIMIT:g} s"
            raise self.refusal(f"resolving the name {self.host} took too long", SAY_ADDRESS) from None
        except OSError as error:
            self.checks["name"] = "unknown"
            raise self.refusal(f"unknown host {self.host}: {_reason(error)}", SAY_ADDRESS) from error
        self.checks["name"] = ", ".join(dict.fromkeys(found))

    # --- after connecting failed ---

    async def explain(self, error: BaseException) -> BackendUnavailable:
        """Return why the SDK could not connect although the port is open."""
        said = str(error)
        if "Unauthenticated" in said or "PermissionDenied" in said:
            self.checks["TLS"] = "off" if self._tls is None else "fine"
            return self.refusal(f"the Temporal server at {self.address} rejects the API key, or requires one", SAY_KEY)
        if self._tls is not None:
            return await self._explain_tls(self._tls)
        speaks_tls, answer = await asyncio.gather(self._speaks_tls(), self._greeting(None))
        if speaks_tls:
            self.checks["TLS"] = "required by the server, off in the configuration"
            return self.refusal(f"the server at {self.address} speaks TLS only", SAY_TLS)
        return self._no_reply(answer)

    async def _explain_tls(self, tls: Tls) -> BackendUnavailable:
        try:
            answer = await self._greet(tls.context())
        except ConnectionClosed:
            return self._hung_up(tls)
        except ssl.SSLError as error:
            return self._handshake(error, tls)
        except OSError as error:
            if await self._greeting(None):
                return self._no_tls()
            self.checks["TLS"] = f"the connection is closed: {_reason(error)}"
            return self.refusal(f"the server at {self.address} closes the connection as TLS begins", SAY_CERT)
        self.checks["TLS"] = "fine" if answer else UNCHECKED
        return self._no_reply(answer)

    def _no_tls(self) -> BackendUnavailable:
        self.checks["TLS"] = "on in the configuration, not supported by the server"
        return self.refusal(f"the server at {self.address} does not speak TLS", SAY_NO_TLS)

    def _handshake(self, error: ssl.SSLError, tls: Tls) -> BackendUnavailable:
        reason = error.reason or ""
        if isinstance(error, ssl.SSLCertVerificationError):
            why = error.verify_message
            self.checks["TLS"] = "certificate not trusted"
            return self.refusal(f"the certificate of {self.address} is not trusted: {why}", SAY_CA)
        if "ALERT" not in reason or "ALERT_PROTOCOL_VERSION" in reason:
            return self._no_tls()
        if tls.cert is None:
            self.checks["TLS"] = "the server requires a client certificate, none is configured"
            return self.refusal(f"the server at {self.address} requires a client certificate", SAY_CERT)
        self.checks["TLS"] = f"client certificate rejected: {_words(reason)}"
        return self.refusal(f"the server at {self.address} rejects the client certificate {tls.cert}", SAY_CERT)

    def _hung_up(self, tls: Tls) -> BackendUnavailable:
        self.checks["TLS"] = "the server closes the connection after the handshake"
        guess = "require a client certificate" if tls.cert is None else f"reject the client certificate {tls.cert}"
        return self.refusal(f"the server at {self.address} closes the connection; it may {guess}", SAY_CERT)

    def _no_reply(self, answer: bytes) -> BackendUnavailable:
        if not answer:
            self.checks["port"] = "open, but silent"
            return self.refusal(f"something listens at {self.address} and does not answer", SAY_ADDRESS)
        if len(answer) < FRAME_HEAD or answer[3] != SETTINGS:
            self.checks["port"] = "open, but not a Temporal server"
            return self.refusal(f"the server at {self.address} is not a Temporal server", SAY_ADDRESS)
        return self.refusal(f"the server at {self.address} does not answer as a Temporal server does", SAY_ADDRESS)

    async def _greet(self, context: ssl.SSLContext | None) -> bytes:
        """Return the first data of the server, b"" if it sends none. Raises OSError, of which SSLError is one."""
        limit = self.left() * 0.6
        try:
            return await _aside(lambda: _first_words(self.host, self.port, context, limit))
        except TimeoutError:
            return b""

    async def _greeting(self, context: ssl.SSLContext | None) -> bytes:
        """Return the first data of the server; b"" also if the connection breaks."""
        try:
            return await self._greet(context)
        except OSError:
            return b""

    async def _speaks_tls(self) -> bool:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # This only checks whether the server speaks TLS. Nothing is sent, so no certificate is verified.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        limit = self.left() * 0.6
        try:
            await _aside(lambda: _open(self.host, self.port, context, limit).close())
        except OSError:
            return False
        return True


async def _aside(work: Callable[[], T]) -> T:
    """Run a blocking function in a thread without waiting for its end: a resolver may take a minute.

    Raises its OSError.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(found: T | OSError) -> None:
        if result.done():
            return
        if isinstance(found, OSError):
            result.set_exception(found)
        else:
            result.set_result(found)

    def run() -> None:
        found: T | OSError
        try:
            found = work()
        except OSError as error:
            found = error
        # The event loop may be closed by then.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=run, daemon=True, name="penguin-diagnosis").start()
    return await result


def _addresses(host: str, port: int) -> list[str]:
    try:
        return [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError as error:
        # A label that is empty or too long.
        raise OSError(str(error)) from error


def _first_words(host: str, port: int, context: ssl.SSLContext | None, limit: float) -> bytes:
    # Use plain sockets: those of asyncio hide TLS alerts.
    with _open(host, port, context, limit) as line:
        try:
            line.settimeout(min(limit, LISTEN_FIRST))
            try:
                words = line.recv(FRAME_HEAD)
            except TimeoutError:
                line.settimeout(limit)
                line.sendall(HELLO)
                words = line.recv(FRAME_HEAD)
        except ConnectionError as error:
            raise ConnectionClosed from error
        if not words:
            raise ConnectionClosed
        return words


def _open(host: str, port: int, context: ssl.SSLContext | None, limit: float) -> socket.socket:
    line = socket.create_connection((host, port), limit)
    try:
        return context.wrap_socket(line, server_hostname=host) if context else line
    except BaseException:
        line.close()
        raise


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error):
        return "connection refused"
    return (error.strerror or str(error)).lower()


def _words(reason: str) -> str:
    """Return OpenSSL's name of an alert as words."""
    return reason.rpartition("ALERT_")[2].replace("_", " ").lower()
