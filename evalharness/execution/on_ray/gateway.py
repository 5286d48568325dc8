"""The process that is connected to the cluster. It reads messages of the run and answers each with its number.

Ray ends this process when the cluster is gone, which the run sees as the end of its output.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import IO, Any

from ray.exceptions import RayError

from evalharness.execution.on_ray import cluster
from evalharness.execution.on_ray.failure import Failure, failure_of
from evalharness.execution.on_ray.frames import read_frame, write_frame
from evalharness.execution.on_ray.open_door import check_listens, refused_without_token
from evalharness.execution.on_ray.order import Assignment, Call, Order
from evalharness.execution.on_ray.pool import FIND_S, Pool, Refused
from evalharness.execution.on_ray.worker import delete_left, find_left

_FINISH_S = 120.0
"""Seconds that the requests of a killed run have to get their responses."""


class Gateway:
    """Used on its event loop."""

    def __init__(self, out: IO[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._out, self._loop = out, loop
        self._pools: dict[str, Pool] = {}
        self._orders: dict[str, Order] = {}
        self._refused: dict[str, Failure] = {}
        """Models that no node has a worker of, and why."""
        self._opening = asyncio.Lock()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.over = loop.create_future()

    def read(self, stream: IO[bytes]) -> None:
        """Pass on messages until the run ends. Runs in a thread."""
        with suppress(EOFError, OSError, RuntimeError):
            while True:
                (number, what, recorded, arguments), payload = read_frame(stream)
                given = (*arguments, payload) if payload else tuple(arguments)
                self._loop.call_soon_threadsafe(self._handle, number, what, recorded, given)
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)

    def _handle(self, number: int, what: str, recorded: Sequence[str], arguments: tuple[Any, ...]) -> None:
        for attempt in recorded:
            for pool in self._pools.values():
                pool.recorded(attempt)
        if what == "cancel":
            if (task := self._tasks.get(number)) is not None:
                task.cancel()
            return
        self._tasks[number] = self._loop.create_task(self._answered(number, what, arguments))

    async def _answered(self, number: int, what: str, arguments: tuple[Any, ...]) -> None:
        """Do what a message demands, and write the answer: a value, bytes, or a failure."""
        try:
            answer = await getattr(self, what)(*arguments)
        except Refused as refused:
            answer = refused.failure
        except RayError as error:
            answer = Failure("UnknownOutcomeError", f"{type(error).__name__}: {error}")
        except Exception as error:
            answer = failure_of(error)
        finally:
            del self._tasks[number]
        if isinstance(answer, bytes):
            self._write([number, "done", None], answer)
        elif isinstance(answer, Failure):
            self._write([number, "failed", asdict(answer)])
        else:
            self._write([number, "done", answer])

    def _write(self, header: list[Any], payload: bytes = b"") -> None:
        with suppress(OSError):  # the run is over
            write_frame(self._out, header, payload)

    async def prepare(self, order: dict[str, Any]) -> None:
        """Start the workers of a model. Raises Refused."""
        given = Order(**{**order, "assignment": Assignment(**order["assignment"])})
        model = given.assignment.model
        self._orders[model] = given
        self._refused.pop(model, None)
        await self._pool(model)

    async def _pool(self, model: str) -> Pool:
        """The workers of a model, started again if another model needed their memory. Raises Refused."""
        async with self._opening:
            if model in self._refused:
                raise Refused(self._refused[model])
            if model not in self._pools:
                await self._make_room(self._orders[model])
                self._pools[model] = await self._opened(model)
        return self._pools[model]

    async def _opened(self, model: str) -> Pool:
        pool = Pool(self._orders[model], lambda text: self._write([None, "lost", text]))
        try:
            await pool.open()
        except Refused as refused:
            self._refused[model] = refused.failure
            await pool.close()
            raise
        return pool

    async def _make_room(self, order: Order) -> None:
        """End the workers of other local models where a node has not the memory for all: they take turns anyway."""
        others = [model for model in self._pools if self._orders[model].memory_bytes]
        needed = order.memory_bytes + sum(self._orders[model].memory_bytes for model in others)
        if order.memory_bytes and others:
            short = [node for node in cluster.usable(await cluster.nodes()) if node.memory_bytes < needed]
            for model in others if short else ():
                await self.unload(model)

    async def call(self, model: str, attempt: str, conversation: str, continues: bool, request: bytes) -> Any:
        """Return the answer to a request."""
        pool = self._pools.get(model) or await self._pool(model)
        answer = await pool.call(Call(model, attempt, conversation, continues, request))
        if isinstance(answer, Failure):
            return answer
        if answer.note:
            self._write([None, "note", answer.note])
        return answer.response

    async def unload(self, model: str) -> None:
        """End the workers of a model."""
        if (pool := self._pools.pop(model, None)) is not None:
            await pool.close()

    async def left_behind(self, store: str) -> list[Any]:
        """Return what killed runs have left on the nodes: id of the node, names of the files, lines."""
        nodes = await cluster.nodes()
        finding = [asyncio.wait_for(cluster.on_node(node, find_left, store), FIND_S) for node in nodes]
        found = await asyncio.gather(*finding, return_exceptions=True)
        return [
            (node.id, [name for name, _ in files], [line for _, lines in files for line in lines])
            for node, files in zip(nodes, found, strict=True)
            if isinstance(files, list) and files
        ]

    async def delete_left(self, node: str, store: str, names: Sequence[str]) -> None:
        """Delete what the ledger has now, on the node of this id."""
        for one in await cluster.nodes():
            if one.id == node:
                with suppress(RayError, TimeoutError):
                    await asyncio.wait_for(cluster.on_node(one, delete_left, store, names), FIND_S)

    async def finish(self) -> None:
        """Wait for requests in flight, where the run ended without a word: their responses stay on the nodes."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=_FINISH_S)

    async def close(self) -> None:
        """End all workers, and what they do."""
        for task in self._tasks.values():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.gather(*(self.unload(model) for model in list(self._pools)))


async def _serve(out: IO[bytes], stream: IO[bytes]) -> None:
    gateway = Gateway(out, asyncio.get_running_loop())
    threading.Thread(target=gateway.read, args=(stream,), daemon=True).start()
    await gateway.over
    await gateway.finish()
    await gateway.close()


def main() -> None:
    """Connect to the cluster and serve the run until its end."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what Ray prints is not a message
    request = json.loads(sys.stdin.buffer.readline())
    try:
        check_listens(request["address"])
        with refused_without_token(request["address"]):  # both take seconds
            cluster.connect(request["address"], request["working_dir"])
        reply: dict[str, Any] = {
            "nodes": {str(node): node.memory_bytes for node in cluster.usable(asyncio.run(cluster.nodes()))}
        }
    except (PermissionError, ConnectionError) as error:
        reply = {"failed": str(error)}
    except (Exception, SystemExit) as error:
        reply = {"failed": f"{type(error).__name__}: {error}"}
    out.write(json.dumps(reply).encode() + b"\n")
    out.flush()
    if "failed" not in reply:
        asyncio.run(_serve(out, sys.stdin.buffer))
        cluster.disconnect()


if __name__ == "__main__":
    main()
