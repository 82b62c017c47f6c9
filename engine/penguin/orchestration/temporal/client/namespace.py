"""The namespace: its existence, its retention, and its search attributes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporalio.client import Client

SEARCH_ATTRIBUTES = ("PenguinProject", "PenguinTask", "PenguinBlueprint", "PenguinPhase", "PenguinStatus")
"""All of them are Keywords."""
RETENTION = timedelta(days=30)
"""The retention of a namespace that Penguin creates."""
SHORT_RETENTION = timedelta(days=7)
"""Below this, `/health` warns."""


async def retention_of(client: Client) -> timedelta:
    """Return the retention of the client's namespace. Raises RPCError NOT_FOUND if there is none."""
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

    found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    kept: timedelta = found.config.workflow_execution_retention_ttl.ToTimedelta()
    return kept


async def missing_attributes(client: Client) -> list[str]:
    """Return the search attributes that the namespace lacks; None if the server denies the request."""
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
    """Set the retention of the client's namespace."""
    from google.protobuf.duration_pb2 import Duration
    from temporalio.api.namespace.v1 import NamespaceConfig
    from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest

    kept = Duration()
    kept.FromTimedelta(retention)
    config = NamespaceConfig(workflow_execution_retention_ttl=kept)
    await client.workflow_service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=config))


async def prepare_namespace(client: Client, missing: list[str]) -> None:
    """Create the client's namespace, or the search attributes that it lacks. Two processes may do so at once."""
    from temporalio.service import RPCError, RPCStatusCode

    make = _add_attributes(client, missing) if missing else _register(client)
    try:
        await make
    except RPCError as error:
        # The server serves new ones a moment later. Until then it reports that one exists and the other does not.
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
    """Return the retention and the missing search attributes, requested in parallel."""
    retention, missing = await asyncio.gather(retention_of(client), missing_attributes(client))
    return retention, missing


def how_to_make(namespace: str, address: str) -> str:
    """Return the command that creates the namespace."""
    hours = int(RETENTION.total_seconds() // 3600)
    return f"temporal operator namespace create --address {address} --namespace {namespace} --retention {hours}h"


def how_to_add(namespace: str, address: str, names: list[str]) -> str:
    """Return the command that adds search attributes."""
    flags = " ".join(f"--name {name} --type Keyword" for name in names)
    return f"temporal operator search-attribute create --address {address} --namespace {namespace} {flags}"
