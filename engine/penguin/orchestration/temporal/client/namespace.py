"""The namespace: whether it is there, how long it keeps what is finished, and the search attributes it needs."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporalio.client import Client

SEARCH_ATTRIBUTES = ("PenguinProject", "PenguinTask", "PenguinBlueprint", "PenguinPhase", "PenguinStatus")
"""All of them are Keywords."""
RETENTION = timedelta(days=30)
"""How long a namespace that we make keeps finished workflows."""
SHORT_RETENTION = timedelta(days=7)
"""Below this, `/health` warns."""


async def retention_of(client: Client) -> timedelta:
    """How long the client's namespace keeps finished workflows. Raises RPCError NOT_FOUND where there is none."""
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

    found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    kept: timedelta = found.config.workflow_execution_retention_ttl.ToTimedelta()
    return kept


async def missing_attributes(client: Client) -> list[str]:
    """The search attributes that the namespace lacks. None where the server does not let us look, as Cloud."""
    from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
    from temporalio.service import RPCError

    try:
        found = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError:
        return []
    return [name for name in SEARCH_ATTRIBUTES if name not in found.custom_attributes]


async def set_retention(client: Client, retention: timedelta) -> None:
    """Set how long the client's namespace keeps finished workflows."""
    from google.protobuf.duration_pb2 import Duration
    from temporalio.api.namespace.v1 import NamespaceConfig
    from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest

    kept = Duration()
    kept.FromTimedelta(retention)
    config = NamespaceConfig(workflow_execution_retention_ttl=kept)
    await client.workflow_service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=config))


async def prepare_namespace(client: Client, missing: list[str]) -> None:
    """Make the client's namespace, or the search attributes that it lacks. Of two who do so at once both succeed."""
    from temporalio.service import RPCError, RPCStatusCode

    make = _add_attributes(client, missing) if missing else _register(client)
    try:
        await make
    except RPCError as error:
        # The server serves what was made a moment later, and meanwhile says that the one is there, the other not.
        if error.status not in (RPCStatusCode.ALREADY_EXISTS, RPCStatusCode.NOT_FOUND):
            raise


async def _register(client: Client) -> None:
    from google.protobuf.duration_pb2 import Duration
    from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest

    kept = Duration()
    kept.FromTimedelta(RETENTION)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=client.namespace, workflow_execution_retention_period=kept)
    )


async def _add_attributes(client: Client, names: list[str]) -> None:
    from temporalio.api.enums.v1 import IndexedValueType
    from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest

    keywords = dict.fromkeys(names, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=keywords)
    )


async def inspect_namespace(client: Client) -> tuple[timedelta, list[str]]:
    """Retention, and the search attributes that are missing, asked for at once."""
    retention, missing = await asyncio.gather(retention_of(client), missing_attributes(client))
    return retention, missing


def how_to_make(namespace: str, address: str) -> str:
    """The command that makes the namespace."""
    hours = int(RETENTION.total_seconds() // 3600)
    return f"temporal operator namespace create --address {address} --namespace {namespace} --retention {hours}h"


def how_to_add(namespace: str, address: str, names: list[str]) -> str:
    """The command that adds search attributes."""
    flags = " ".join(f"--name {name} --type Keyword" for name in names)
    return f"temporal operator search-attribute create --address {address} --namespace {namespace} {flags}"
