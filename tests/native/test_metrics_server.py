"""Clients of the metrics port that are slow, many, or send nonsense: the port still answers, and the engine works."""

from __future__ import annotations

import contextlib
import http.client
import random
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.network import free_port
from tests.support.waiting import wait_until

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.runtime.metrics import server as metrics_server
from penguin.orchestration.runtime.metrics.exporter import Exporter, metrics_address


@pytest.fixture
def address() -> Iterator[str]:
    """The address of an exporter that counts nothing."""
    address = f"127.0.0.1:{free_port()}"
    exporter = Exporter(address, lambda workflow_id: (), lambda: ())
    yield address
    exporter.close()


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), 10)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def answers(address: str) -> bool:
    """Tell whether the port answers as Prometheus wants it."""
    connection = http.client.HTTPConnection(address, timeout=10)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/metrics")
        return b"temporal_workflow_started_total" in connection.getresponse().read()
    return False


NONSENSE = (
    b"",
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 2_000 + b"\r\n",
    b"POST /metrics HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\nabc",
    b"GET /metrics?name[]=%00%ff HTTP/1.1\r\nAccept: \xff\x00\r\nAccept-Encoding: gzip;q=x\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\x1b[2J\x9b" * 100,
)


@pytest.mark.parametrize("request_bytes", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_answered_or_closed_without_a_word(
    address: str, request_bytes: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with connect(address) as client, contextlib.suppress(OSError):
        client.sendall(request_bytes)
        client.shutdown(socket.SHUT_WR)
        client.recv(65_536)
    assert answers(address)
    assert capfd.readouterr() == ("", "")


def test_random_bytes_are_no_problem(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(1)
    for _ in range(50):
        with connect(address) as client, contextlib.suppress(OSError):
            client.sendall(dice.choice(NONSENSE)[: dice.randint(0, 100)] + dice.randbytes(dice.randint(0, 300)))
    wait_until(lambda: answers(address), "an answer")
    assert capfd.readouterr() == ("", "")


def test_slow_clients_are_ended(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "LONGEST_CONNECTION", 0.5)
    slow = [connect(address) for _ in range(2 * metrics_server.MOST_CONNECTIONS)]
    for client in slow:
        with contextlib.suppress(OSError):
            client.sendall(b"GET /metrics HTTP/1.1\r\n")
    wait_until(lambda: answers(address), "an answer although slow clients are connected")
    for client in slow:
        client.close()


def test_a_thousand_connections_take_few_files(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, hard), hard))
    before = open_files()
    clients: list[socket.socket] = []
    try:
        for _ in range(1_000):
            clients.append(connect(address))
            # This process holds one end of each connection; the server must not hold the other.
            assert open_files() - before - len(clients) <= metrics_server.MOST_CONNECTIONS + 70
        wait_until(
            lambda: open_files() - before - len(clients) <= metrics_server.MOST_CONNECTIONS,
            "few open files",
        )
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: answers(address), "an answer")
    assert capfd.readouterr() == ("", "")


def test_a_taken_port_and_a_foreign_address_are_errors(address: str) -> None:
    for wrong in (address, "192.0.2.1:9464", "[2001:db8::1]:9464"):
        with pytest.raises(WorkflowError, match="metrics can't be served at"):
            Exporter(wrong, lambda workflow_id: (), lambda: ())


def test_a_port_alone_is_served_on_this_machine_only() -> None:
    port = free_port()
    exporter = Exporter(metrics_address(str(port)), lambda workflow_id: (), lambda: ())
    try:
        listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        assert f"0100007F:{port:04X}" in listening
        assert f"00000000:{port:04X}" not in listening
    finally:
        exporter.close()
