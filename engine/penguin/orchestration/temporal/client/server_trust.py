"""The consent to a Temporal server that penguin.yaml names: a cloned repository must not choose who gets the API key.

A server from the environment, from an option or by default needs none. The consent is in the user's record of the
workspace, so it ends when penguin.yaml names another server.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.config.settings import Settings
from penguin.orchestration.files.secret_env import API_KEY, TRUST
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.files.workspace_key import read_key, read_record, write_record
from penguin.orchestration.runtime.step_guard import refuse_inside_step
from penguin.orchestration.temporal.client.tls import is_loopback

ADDRESS = "orchestration.temporal.address"
FROM_FILE = "penguin.yaml"


class ServerNotTrusted(WorkflowError):
    """penguin.yaml names a server that this user has not accepted for the workspace: Penguin does not connect to it."""

    code = "not_trusted"

    def __init__(self, address: str, origin: str) -> None:
        super().__init__(
            f"{origin} names the Temporal server {address}, which you have not accepted for this workspace; "
            "Penguin does not connect to it",
            f"penguin trust shows it, and asks; or set TEMPORAL_ADDRESS={address}",
        )


def unaccepted_server(workspace: Workspace, settings: Settings, environ: Mapping[str, str] = os.environ) -> str:
    """Return the address of the server if penguin.yaml chose it and the user has not accepted it; else ''.

    A server on this machine needs no consent unless an API key would be sent to it.
    """
    address = settings.temporal.address or ""
    if environ.get(TRUST) == "1" or not settings.origin(ADDRESS).startswith(FROM_FILE):
        return ""
    if is_loopback(address) and not environ.get(API_KEY):
        return ""
    key = read_key(os.fspath(workspace.state))
    record = read_record(key) if key else None
    return "" if record is not None and record.server == address else address


def require_accepted_server(workspace: Workspace, settings: Settings) -> None:
    """Raise ServerNotTrusted if the user has not accepted the server."""
    if address := unaccepted_server(workspace, settings):
        raise ServerNotTrusted(address, settings.origin(ADDRESS))


def accept_server(workspace: Workspace, address: str) -> None:
    """Accept a server for a workspace that is this user's own, or new.

    Raises InsideStep inside a step of the workspace, and WorkflowError if the record can't be written.
    """
    refuse_inside_step(workspace.root, "accept a server")
    workspace.ensure()
    key = read_key(os.fspath(workspace.state))
    record = read_record(key)
    if record is not None:
        write_record(key, record._replace(server=address))
