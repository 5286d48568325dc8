"""The connection to a Ray cluster: its nodes, and what runs on them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from evalharness.execution.on_ray.order import Assignment
from evalharness.execution.on_ray.worker import Worker

_EXCLUDED = [".git", ".venv", "reports", "**/__pycache__", "**/.pytest_cache", "**/node_modules"]
"""Folders of a project that no worker reads."""
_MOST_CALLS = 1000
"""Calls that an actor takes at once; more wait in Ray."""
_LOCAL_OBJECTS_BYTES = 80_000_000
"""The object store of a cluster of our own: responses are far smaller."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster."""

    id: str
    address: str
    memory_bytes: float
    """The memory that Ray hands out on this node."""
    cpus: float

    def __str__(self) -> str:
        return f"{self.address} (node {self.id[:8]})"


def connect(address: str, working_dir: str) -> None:
    """Connect this process to a cluster, or start one. `working_dir`: the project to upload; empty for none."""
    environment = {"working_dir": working_dir, "excludes": _EXCLUDED} if working_dir else {}
    of_local: dict[str, Any] = {"object_store_memory": _LOCAL_OBJECTS_BYTES} if address == "local" else {}
    ray.init(
        address=address,
        include_dashboard=False if address == "local" else None,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env=environment or None,
        **of_local,
    )


def disconnect() -> None:
    """Leave the cluster, which ends the workers."""
    ray.shutdown()


async def nodes() -> list[Node]:
    """Return the nodes that are alive."""
    return [
        Node(one["NodeID"], one["NodeManagerAddress"], resources.get("memory", 0.0), resources.get("CPU", 0.0))
        for one in await asyncio.to_thread(ray.nodes)
        if one["Alive"]
        for resources in [one["Resources"]]
    ]


def usable(found: list[Node]) -> list[Node]:
    """Return the nodes that may have workers: those without a cpu, such as a head, only where no node has one."""
    return [node for node in found if node.cpus] or found


def start_worker(node: Node, assignment: Assignment, memory_bytes: int) -> Any:
    """Return a new worker on a node. Ray restarts neither the worker nor a call."""
    return (
        ray.remote(Worker)
        .options(
            num_cpus=0,
            memory=memory_bytes or None,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=_MOST_CALLS,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
        )
        .remote(assignment)
    )


def end_worker(actor: Any) -> None:
    """End a worker at once."""
    ray.kill(actor)


async def on_node(node: Node, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns on a node. Raises RayError."""
    where = NodeAffinitySchedulingStrategy(node.id, soft=False)
    task = ray.remote(function).options(num_cpus=0, max_retries=0, scheduling_strategy=where)
    return await task.remote(*arguments)


def cancel(call: Any) -> None:
    """Cancel a call of a worker."""
    ray.cancel(call)
