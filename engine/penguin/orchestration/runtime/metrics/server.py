"""The HTTP server of the metrics: few connections, each for a short time, so that clients can't exhaust files.

Imported only if metrics are served.
"""

from __future__ import annotations

import socket
import threading
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

MOST_CONNECTIONS = 16
"""Connections at a time. Each needs a thread and a file; further ones are closed."""
LONGEST_CONNECTION = 10.0
"""Seconds from the start of a connection to its end, however slow the client is."""


class MetricsServer(ThreadingMixIn, WSGIServer):
    """A server with a thread for each connection, at most MOST_CONNECTIONS."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__(*arguments, **named)

    def server_bind(self) -> None:
        """Bind without the look-up of the host's name, which may wait for a name server."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread, or close it if there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, and end it after LONGEST_CONNECTION."""
        deadline = threading.Timer(LONGEST_CONNECTION, _end, (request,))
        deadline.daemon = True
        try:
            deadline.start()
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that went away or sends nonsense: a traceback would appear on the user's screen."""


class MetricsServerV6(MetricsServer):
    """The same for an IPv6 address."""

    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = LONGEST_CONNECTION

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def start_server(host: str, port: int, application: Any) -> tuple[WSGIServer, threading.Thread]:
    """Serve a WSGI application on a thread. Raises OSError if the address can't be used."""
    kind = MetricsServerV6 if ":" in host else MetricsServer
    server = make_server(host, port, application, kind, _Handler)
    thread = threading.Thread(target=server.serve_forever, name="penguin-metrics", daemon=True)
    thread.start()
    return server, thread


def _end(connection: Any) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It has ended already.
        return
