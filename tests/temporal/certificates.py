"""Certificates, and listeners that speak TLS."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.network import copy_stream, listening

DAY = datetime.timedelta(days=1)


class Paths(NamedTuple):
    """A certificate and its key, as PEM files."""

    cert: Path
    key: Path


class Authority:
    """A certificate authority."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self._cert = self._builder(self._name, self._key).add_extension(basic, True).sign(self._key, hashes.SHA256())
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self._cert.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, passphrase: bytes | None = None) -> Paths:
        """Issue a certificate for this machine, for servers and clients."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        cert = self._builder(subject, key).add_extension(names, False).sign(self._key, hashes.SHA256())
        paths = Paths(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        paths.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        sealed: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            sealed = serialization.BestAvailableEncryption(passphrase)
        pkcs8 = serialization.PrivateFormat.PKCS8
        paths.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, sealed))
        return paths

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
        )


def client_certificate_required(authority: Authority, server: Paths) -> ssl.SSLContext:
    """Return the TLS settings of a server that requires a certificate of its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.cert, server.key)
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    return context


@contextlib.asynccontextmanager
async def tls_proxy(address: str, context: ssl.SSLContext) -> AsyncIterator[str]:
    """Listen with TLS, pass everything on to the server at `address`, and give the listener's HOST:PORT."""
    host, _, port = address.rpartition(":")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back_reader, back_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        async with asyncio.TaskGroup() as both:
            both.create_task(copy_stream(reader, back_writer))
            both.create_task(copy_stream(back_reader, writer))

    async with listening(serve, context) as own:
        yield own


@contextlib.contextmanager
def alerting_listener(context: ssl.SSLContext) -> Iterator[str]:
    """Listen with TLS and send alerts to clients that are refused; asyncio's listeners only hang up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), line:
                context.wrap_socket(line, server_side=True).recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        # Closing alone does not end a blocked `accept`.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
