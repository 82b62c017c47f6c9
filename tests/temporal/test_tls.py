"""TLS: a listener that demands a client certificate is reached with the right one, and every wrong one is named."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from tests.support.network import listening, serve_http
from tests.support.temporal_server import temporal_settings
from tests.temporal.certificates import Authority, alerting_listener, client_certificate_required, tls_proxy

from penguin.orchestration.backend import BackendUnavailable, ConfigError
from penguin.orchestration.temporal.client.connection import connect
from penguin.orchestration.temporal.client.tls import is_loopback, tls_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@pytest.fixture
def guard(authority: Authority) -> ssl.SSLContext:
    return client_certificate_required(authority, authority.issue("server"))


def options_of(authority: Authority, **paths: object) -> dict[str, object]:
    return {"enabled": True, "ca_path": str(authority.path), **{name: str(path) for name, path in paths.items()}}


async def refused(root: Path, address: str, **tls: object) -> BackendUnavailable:
    with pytest.raises(BackendUnavailable) as caught:
        await connect(temporal_settings(root, address, tls=tls), root, environ={})
    return caught.value


async def test_a_client_with_its_certificate_gets_in(
    tmp_path: Path, server: str, authority: Authority, guard: ssl.SSLContext
) -> None:
    client = authority.issue("client")
    # Relative paths are taken from the workspace.
    cert, key = client.cert.relative_to(tmp_path), client.key.relative_to(tmp_path)
    options = options_of(authority, cert_path=cert, key_path=key)
    async with tls_proxy(server, guard) as address:
        settings = temporal_settings(tmp_path, address.replace("127.0.0.1", "localhost"), tls=options)
        connection = await connect(settings, tmp_path, environ={})
        assert (await connection.call(connection.client.count_workflows())).count >= 0
        await connection.aclose()


async def test_a_missing_client_certificate_is_reported(
    tmp_path: Path, authority: Authority, guard: ssl.SSLContext
) -> None:
    with alerting_listener(guard) as address:
        error = await refused(tmp_path, address, **options_of(authority))
    assert error.message.startswith(
        f"the server at {address} requires a client certificate (name: 127.0.0.1; port: open"
    )
    assert "cert_path" in error.hint


async def test_a_certificate_of_another_authority_is_named(
    tmp_path: Path, authority: Authority, guard: ssl.SSLContext
) -> None:
    stranger = Authority(tmp_path / "other", "stranger").issue("client")
    options = options_of(authority, cert_path=stranger.cert, key_path=stranger.key)
    with alerting_listener(guard) as address:
        error = await refused(tmp_path, address, **options)
    assert error.message.startswith(f"the server at {address} rejects the client certificate {stranger.cert}")
    assert "TLS: client certificate rejected: unknown ca" in error.message


async def test_a_server_that_hangs_up_without_saying_why_is_guessed_at(
    tmp_path: Path, server: str, authority: Authority, guard: ssl.SSLContext
) -> None:
    async with tls_proxy(server, guard) as address:
        error = await refused(tmp_path, address, **options_of(authority))
    assert error.message.startswith(
        f"the server at {address} closes the connection; it may require a client certificate"
    )


async def test_a_server_of_another_authority_is_not_trusted(
    tmp_path: Path, server: str, authority: Authority, guard: ssl.SSLContext
) -> None:
    other = Authority(tmp_path / "other", "stranger")
    async with tls_proxy(server, guard) as address:
        error = await refused(tmp_path, address, **options_of(other))
    assert error.message.startswith(f"the certificate of {address} is not trusted: self-signed")
    assert "ca_path" in error.hint


async def test_a_plain_connection_to_a_tls_server_suggests_tls(
    tmp_path: Path, server: str, guard: ssl.SSLContext
) -> None:
    async with tls_proxy(server, guard) as address:
        error = await refused(tmp_path, address)
    assert error.message.startswith(f"the server at {address} speaks TLS only")
    assert "enabled: true" in error.hint


async def test_a_tls_connection_to_a_plain_server_suggests_no_tls(tmp_path: Path, authority: Authority) -> None:
    async with listening(serve_http) as address:
        error = await refused(tmp_path, address, **options_of(authority))
    assert error.message.startswith(f"the server at {address} does not speak TLS")


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        ("missing", "cert_path: .*nowhere.pem can't be read: No such file"),
        ("lone", "cert_path is set without key_path"),
        ("mixed", "is not the key of the certificate"),
        ("garbage", "are not a PEM certificate and key"),
        ("sealed", "is encrypted"),
        ("authority", "contains no PEM certificate"),
    ],
)
def test_files_of_no_use_are_refused_before_anything_connects(
    tmp_path: Path, authority: Authority, break_it: str, sentence: str
) -> None:
    client, other = authority.issue("client"), authority.issue("other")
    sealed = authority.issue("sealed", passphrase=b"secret")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("nothing")
    options = {
        "missing": {"cert_path": tmp_path / "nowhere.pem", "key_path": client.key},
        "lone": {"cert_path": client.cert},
        "mixed": {"cert_path": client.cert, "key_path": other.key},
        "garbage": {"cert_path": garbage, "key_path": garbage},
        "sealed": {"cert_path": sealed.cert, "key_path": sealed.key},
        "authority": {"ca_path": garbage},
    }[break_it]
    tls = temporal_settings(tmp_path, "localhost:1", tls=options_of(authority, **options)).tls
    with pytest.raises(ConfigError, match=sentence):
        tls_of(tls, tmp_path, "localhost:1", None)  # type: ignore[arg-type]


def test_an_api_key_asks_for_tls_but_on_this_machine(tmp_path: Path) -> None:
    tls = temporal_settings(tmp_path, "localhost:1").tls
    assert tls_of(tls, tmp_path, "cloud.example:7233", "key") is not None  # type: ignore[arg-type]
    assert tls_of(tls, tmp_path, "localhost:7233", "key") is None  # type: ignore[arg-type]
    assert tls_of(tls, tmp_path, "cloud.example:7233", None) is None  # type: ignore[arg-type]


async def test_the_api_key_of_the_environment_is_sent(tmp_path: Path, server: str) -> None:
    connection = await connect(
        temporal_settings(tmp_path, server), tmp_path, environ={"TEMPORAL_API_KEY": "penguin-key"}
    )
    await connection.aclose()
    assert connection.client.service_client.config.api_key == "penguin-key"


@pytest.mark.parametrize(
    ("address", "local"),
    [("localhost:1", True), ("127.0.0.9:1", True), ("[::1]:1", True), ("10.0.0.1:1", False), ("a.example:1", False)],
)
def test_loopback_is_recognized_by_the_address(address: str, local: bool) -> None:
    assert is_loopback(address) is local
