"""The executor `ray`: requests run on the nodes of a cluster, everything else stays in this process.

    [tool.evalharness]
    executor = "ray"

The address of the cluster is the environment variable RAY_ADDRESS.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict

from evalharness import __version__
from evalharness.config import Config
from evalharness.errors import ModelUnavailableError, ProviderError
from evalharness.execution.executor import Executor
from evalharness.execution.on_ray.client import GatewayClient
from evalharness.execution.on_ray.environment import ADDRESS, check_installed, ray_environment
from evalharness.execution.on_ray.order import Assignment, Order, call_of
from evalharness.logs import get_logger
from evalharness.providers import Provider, refusal_of
from evalharness.records import Request, Response
from evalharness.store.outbox import kept_in
from evalharness.store.recorded import Recorded

_log = get_logger(__name__)


class RayExecutor(Executor):
    """Sends each attempt to a worker of its model on a node of a Ray cluster."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        config: Config,
        *,
        workers: int = 0,
        working_dir: bool = False,
        store: str = "",
        patience_s: float = 60.0,
    ) -> None:
        """Connect to the cluster, unless the configuration is offline.

        Args:
            providers: The models by name. Each is opened again on the nodes, by its configuration.
            config: The configuration, which the workers get.
            workers: Workers of an endpoint. Default: one on each node. A local model has one on each node that it fits.
            working_dir: Upload the project to the nodes. Default: it is at the same path on each node.
            store: Folder on the nodes for responses on their way. Default: `ray` in the user's cache.
            patience_s: Seconds to wait for a node when none is left.

        Raises ConfigError: an option, no cluster, or one without a token; MissingExtraError.

        """
        _check(workers, patience_s)
        self._providers, self._config = providers, config
        self._workers, self._store, self._patience_s, self._uploads = workers, store, patience_s, working_dir
        self._lost: list[str] = []
        self._notes: list[str] = []
        self._client: GatewayClient | None = None
        if config.offline:
            return
        check_installed()
        environment = ray_environment(os.environ)
        self._client = GatewayClient(
            environment[ADDRESS], environment, config.root, upload=working_dir, on_event=self._note
        )

    def submit(self, request: Request) -> Future[Response]:
        """Send one attempt to a worker."""
        if request.key.purpose == "reference" and self._providers[request.key.model].capabilities.own_code:
            refused: Future[Response] = Future()
            refused.set_exception(ProviderError("the executor ray does not run the code of another commit", kind="ray"))
            return refused
        call = call_of(request)
        where = call.model, call.attempt, call.conversation, call.continues
        return self._connection.send("call", *where, payload=call.request)

    def prepare(self, model: str) -> None:
        """Start the workers of a model. Raises ProviderError: no node has room, or the model is another one there."""
        if model not in self._config.models:
            raise ModelUnavailableError(
                f"model '{model}': the executor ray opens models by their configuration, and this one was passed as an "
                f"object: write it into [tool.evalharness.models.{model}]",
                kind="load",
            )
        self._connection.send("prepare", asdict(self._order(model))).result()

    def _order(self, model: str) -> Order:
        provider, held = self._providers[model], self.memory_bytes(model)
        table = self._config.models[model].model_dump(mode="json")
        return Order(
            Assignment(model, table, str(self._config.root), __version__, store=self._store, uploaded=self._uploads),
            dict(provider.identity()),
            memory_bytes=held or 0,
            most=0 if held else self._workers,
            patience_s=self._patience_s,
        )

    def memory_bytes(self, model: str) -> int | None:
        """Return the bytes that the model holds on each node that has it."""
        return self._providers[model].capabilities.memory_bytes

    def places(self, model: str) -> int:
        """Return the number of nodes with room for a local model; 1 for an endpoint, which has one limit."""
        held = self.memory_bytes(model)
        if not held or self._client is None:
            return 1
        return max(1, sum(memory >= held for memory in self._client.nodes.values()))

    def left_behind(self) -> Iterator[Sequence[Recorded]]:
        """Return what killed runs have left on the nodes, and delete it there."""
        if self._client is None:
            return
        for node, names, lines in self._client.send("left_behind", self._store).result():
            _log.info("node %s: %d responses of a killed run", node[:8], len(lines))
            yield [kept.row for kept in kept_in(lines)]
            self._client.send("delete_left", node, self._store, names).result()

    def recorded(self, attempt: str) -> None:
        """Note that the ledger has a response; its worker deletes it later."""
        if self._client is not None:
            self._client.recorded(attempt)

    def refusal(self, model: str) -> ProviderError | None:
        """Return the refusal that the provider declares here."""
        return refusal_of(self._providers[model])

    @property
    def lost(self) -> Sequence[str]:
        """The workers and nodes that were lost."""
        return tuple(self._lost)

    def unload(self, model: str) -> None:
        """End the workers of a model."""
        with suppress(ProviderError):  # the cluster is gone, and the workers with it
            self._connection.send("unload", model).result()

    def close(self) -> None:
        """End all workers and leave the cluster. Raises ProviderError: a worker could not keep its responses."""
        if self._client is not None:
            self._client.close()
        if self._notes:
            raise ProviderError(f"responses were not safe from the loss of a worker: {'; '.join(self._notes)}")

    @property
    def _connection(self) -> GatewayClient:
        if self._client is None:
            raise ModelUnavailableError("offline: there is no connection to a cluster", kind="connect")
        return self._client

    def _note(self, what: str, text: str) -> None:
        _log.info("%s: %s", what, text)
        notes = self._lost if what == "lost" else self._notes
        if text not in notes:
            notes.append(text)


def _check(workers: object, patience_s: object) -> None:
    if not isinstance(workers, int) or workers < 0:
        raise ValueError(f"'workers' must be an integer from 0, got {workers!r}")
    if isinstance(patience_s, bool) or not isinstance(patience_s, int | float) or not 0 <= patience_s < math.inf:
        raise ValueError(f"'patience_s' must be a number of seconds from 0, got {patience_s!r}")
