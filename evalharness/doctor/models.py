"""Each model and embedder: the file or the address, whether its key is set, and, when told to, whether it answers."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Iterator, Sequence

from evalharness.config import Config, EmbedderConfig, resolve_path
from evalharness.doctor.finding import Finding
from evalharness.doctor.memory import fits, need_of, together
from evalharness.doctor.suites import SuiteCheck
from evalharness.errors import EvalHarnessError
from evalharness.local.memory import Need, available_bytes, gigabytes
from evalharness.providers import Provider, open_provider
from evalharness.records import Message, Params, Request, SampleKey
from evalharness.redaction import is_variable

_DEADLINE_S = 60.0
_NO_VARIABLE = "api_key_env takes the name of an environment variable, such as OPENAI_API_KEY, and this is none"


def check_models(config: Config, suites: Sequence[SuiteCheck], *, load: bool, ping: bool) -> Iterator[Finding]:
    """A finding for each model of the configuration, for a key that is not set, and for memory that is short."""
    free, needs = available_bytes(), dict[str, Need]()
    there = "" if free is None else f"; {gigabytes(free)} GB are free"
    needed = frozenset(model for check in suites for model in check.models)
    for name in config.models:
        try:
            provider = open_provider(name, config)
            if need := need_of(provider):
                needs[name] = need
        except EvalHarnessError as error:
            yield Finding("models", "broken", f"{name}: {error}", needed=name in needed)
            continue
        key = str(config.models[name].options.get("api_key_env") or "")
        if key and not is_variable(key):
            yield Finding("models", "broken", f"{name}: {_NO_VARIABLE}", needed=name in needed)
            continue
        if key and not os.environ.get(key):
            text = f"{name}: the variable {key} is not set, so {name} can only be replayed"
            yield Finding("models", "missing", text, needed=name in needed)
            continue
        what = f"{name}: {_what(provider, config, name)}{f', {key} is set' if key else ''}"
        what += f"; needs at most {needs[name]}{there}" if name in needs else ""
        wanted = load if provider.local else ping
        yield _asked(name, provider, what, needed=name in needed) if wanted else Finding("models", "ok", what)
    yield from fits(needs, free)
    yield from together(needs, free, suites)


def check_embedders(config: Config, suites: Sequence[SuiteCheck]) -> Iterator[Finding]:
    """A finding for each embedding model of the configuration."""
    needed = frozenset(name for check in suites for name in check.embedders)
    for name, settings in config.embedders.items():
        status, text = _embedder(settings, config)
        yield Finding("embedders", "ok" if status else "missing", f"{name}: {text}", needed=name in needed)


def _embedder(settings: EmbedderConfig, config: Config) -> tuple[bool, str]:
    key = settings.api_key_env
    if key and not is_variable(key):
        return False, _NO_VARIABLE
    if key and not os.environ.get(key):
        return False, f"the variable {key} is not set"
    if settings.path is None:
        return True, f"{settings.model} at {settings.base_url}"
    try:
        resolve_path(settings.path, config.root)
    except EvalHarnessError as error:
        return False, str(error)
    return True, settings.path


def _what(provider: Provider, config: Config, name: str) -> str:
    identity, options = provider.identity(), config.models[name].options
    if config.models[name].provider in ("gguf", "gguf-server"):
        size_mb = resolve_path(str(options["path"]), config.root).stat().st_size / 1e6
        pinned = "as pinned" if options.get("sha256") else "not pinned"
        what = f"{identity['file']}, {size_mb:,.0f} MB, sha256 {identity['sha256'][:12]}… ({pinned})"
        return f"{what}, by {identity['engine']}"
    addresses = identity.get("base_urls")
    return f"{identity['model']} at {', '.join(addresses)}" if addresses else str(identity["provider"])


def _asked(name: str, provider: Provider, what: str, *, needed: bool) -> Finding:
    """Have it answer one token."""
    started = time.perf_counter()
    try:
        asyncio.run(_one_token(name, provider))
    except (EvalHarnessError, TimeoutError) as error:
        said = str(error) or f"no answer within {_DEADLINE_S:g} s"
        return Finding("models", "broken", f"{what}; it does not answer: {said}", needed=needed)
    return Finding("models", "ok", f"{what}; answered in {time.perf_counter() - started:.1f} s", needed=needed)


async def _one_token(name: str, provider: Provider) -> None:
    params = Params(max_tokens=1, temperature=0.0 if provider.local else None)
    request = Request(SampleKey("doctor", "doctor", name, 0), (Message("user", "Say yes."),), 0, params)
    try:
        async with asyncio.timeout(_DEADLINE_S):
            answer = provider.complete(request)
            if isinstance(answer, Awaitable):
                await answer
    finally:
        closed = provider.close()
        if inspect.isawaitable(closed):
            await closed
