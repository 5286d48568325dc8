"""The child process of the GGUF provider: the only place where llama.cpp runs.

JSON lines in on standard input, JSON lines out on standard output; a heartbeat from a thread of its own. It ends when
its input ends, so it never outlives the parent. It gets no environment but what it needs, and a memory limit.

    {"op": "load", "path": ..., "context": ..., ...}      -> {"event": "ready", ...} | {"event": "failed", ...}
    {"op": "complete", "id": 7, "messages": [...], ...}   -> {"event": "done", "id": 7, ...} | {"event": "failed", ...}
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from typing import Any

from evalharness.errors import ProviderError

BEAT_S = 0.5


class Model:
    """A loaded GGUF file with one sequence. Every answer starts from the same state: the shared prefix alone."""

    def __init__(
        self, path: str, *, context: int, batch: int, threads: int, gpu_layers: int, chat_template: str | None
    ) -> None:
        import llama_cpp

        from evalharness.providers.chat_template import ChatTemplate

        self._lib = llama_cpp
        self._llama = llama_cpp.Llama(
            path,
            n_ctx=context,
            n_batch=batch,
            n_ubatch=batch,
            n_threads=threads,
            n_threads_batch=threads,
            n_gpu_layers=gpu_layers,
            verbose=False,
        )
        vocabulary = self._llama._model
        self._vocabulary = vocabulary
        source = chat_template or self._llama.metadata.get("tokenizer.chat_template")
        if not source:
            raise ProviderError(
                "the file has no chat template: set chat_template in the configuration", kind="template"
            )
        self._bos = vocabulary.token_bos() if vocabulary.add_bos_token() else None
        self._template = ChatTemplate(
            source, bos=self._token_text(vocabulary.token_bos()), eos=self._token_text(vocabulary.token_eos())
        )
        self._prefix: list[int] = []

    def complete(self, messages: list[dict[str, str]], shared: int, params: dict[str, Any]) -> dict[str, Any]:
        """One answer, with counts and times. Raises ProviderError when the prompt does not fit or is not rendered."""
        tokens = self._tokens(messages, generate=True)
        room = self._llama.n_ctx()
        if len(tokens) + params["max_tokens"] > room:
            raise ProviderError(
                f"the prompt has {len(tokens)} tokens and max_tokens is {params['max_tokens']}, "
                f"the context holds {room}: raise 'context' of the model, or shorten the prompt",
                kind="context",
            )
        start = self._restore(self._tokens(messages[:shared], generate=False) if shared else [], tokens)
        return {"prompt_tokens": len(tokens), **self._generate(tokens[start:], params)}

    def _restore(self, prefix: list[int], tokens: list[int]) -> int:
        """Put the model into the state after the shared prefix (or the empty state); its length.

        The prefix is computed once, by itself, always in the same steps, so that what follows does not depend on which
        case came before.
        """
        if tokens[: len(prefix)] != prefix or len(prefix) == len(tokens):
            prefix = []
        if prefix != self._prefix:
            self._llama.reset()
            self._prefix = []
            if prefix:
                self._llama.eval(prefix)
            self._prefix = prefix
        self._llama.n_tokens = len(prefix)  # the next eval drops all that lies behind this position
        return len(prefix)

    def _generate(self, rest: list[int], params: dict[str, Any]) -> dict[str, Any]:
        self._llama.set_seed(params["seed"] or 0)
        sampling = {name: params[name] for name in ("top_k", "top_p", "min_p", "repeat_penalty")}
        drawn = self._llama.generate(rest, temp=params["temperature"] or 0.0, reset=False, **sampling)
        stops = [stop.encode() for stop in params["stop"]]
        text, count, reason, times = b"", 0, "length", [time.perf_counter()]
        for token in drawn:
            times.append(time.perf_counter())
            if self._lib.llama_vocab_is_eog(self._vocabulary.vocab, token):
                reason = "stop"
                break
            count += 1
            text += self._vocabulary.detokenize([token], special=False)
            found = [at for at in map(text.find, stops) if at >= 0]
            if found:
                text, reason = text[: min(found)], "stop"
                break
            if count == params["max_tokens"]:
                break
        return {
            "text": text.decode("utf-8", "replace"),
            "finish_reason": reason,
            "completion_tokens": count,
            **_rates(times, len(rest)),
        }

    def _tokens(self, messages: list[dict[str, str]], *, generate: bool) -> list[int]:
        """Scaffolding with special tokens, content without."""
        tokens: list[int] = []
        for text, scaffolding in self._template.pieces(messages, generate=generate):
            tokens += self._llama.tokenize(text.encode(), add_bos=False, special=scaffolding)
        return [self._bos, *tokens] if self._bos is not None and tokens[:1] != [self._bos] else tokens

    def _token_text(self, token: int) -> str:
        return str(self._vocabulary.token_get_text(token)) if token >= 0 else ""


def _rates(times: list[float], prompt_tokens: int) -> dict[str, float | None]:
    """Seconds from the end of the shared prefix; the first token includes the case's own part of the prompt."""
    first_s, rest_s, rest_tokens = times[1] - times[0], times[-1] - times[1], len(times) - 2
    return {
        "first_token_s": first_s,
        "total_s": times[-1] - times[0],
        "prompt_tokens_per_s": prompt_tokens / first_s if first_s > 0 else None,
        "decode_tokens_per_s": rest_tokens / rest_s if rest_s > 0 and rest_tokens > 0 else None,
    }


class Worker:
    """Reads orders, answers them one after another, and beats."""

    def __init__(self, out: int) -> None:
        self._out, self._lock = out, threading.Lock()
        self._orders: queue.Queue[dict[str, Any]] = queue.Queue()
        self._model: Model | None = None

    def run(self) -> None:
        """Until the input ends."""
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()
        while True:
            order = self._orders.get()
            self._say(self._obey(order))

    def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        number = order.pop("id", None)
        try:
            if order.pop("op") == "load":
                _limit_memory(order.pop("memory_limit_mb"))
                self._model = Model(order.pop("path"), **order)
                return {"event": "ready"}
            assert self._model
            return {"event": "done", "id": number, **self._model.complete(**order)}
        except ProviderError as error:
            return {"event": "failed", "id": number, "kind": error.kind, "message": str(error)}
        except ImportError as error:
            return {"event": "failed", "id": number, "kind": "missing", "message": str(error)}
        except Exception as error:  # whatever the binding raises is the error of one request
            return {"event": "failed", "id": number, "kind": "engine", "message": f"{type(error).__name__}: {error}"}

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            self._orders.put(json.loads(line))
        os._exit(0)

    def _beat(self) -> None:
        while True:
            self._say({"event": "beat"})
            time.sleep(BEAT_S)

    def _say(self, message: dict[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._out, line) :]
            except BrokenPipeError:  # the parent is gone
                os._exit(0)


def _limit_memory(megabytes: int | None) -> None:
    """Address space, as the system counts it: the model file (mapped) is part of it."""
    if megabytes:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 1_000_000, megabytes * 1_000_000))


def main() -> None:
    """Keep standard output for the protocol: whatever native code prints goes to standard error."""
    out = os.dup(1)
    os.dup2(2, 1)
    Worker(out).run()


if __name__ == "__main__":
    main()
