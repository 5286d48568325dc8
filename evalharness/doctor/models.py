"""Check the file or URL, the key and, on request, a response of each model."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Iterator, Sequence

from evalharness.config import Config, EmbedderConfig, resolve_path
from evalharness.doctor.memory import check_memory, check_sharing
from evalharness.doctor.result import CheckResult, Status
from evalharness.doctor.suites import SuiteCheck
from evalharness.errors import EvalHarnessError, MissingFileError, ProviderError
from evalharness.local.memory import available_bytes, gigabytes
from evalharness.modules import import_modules
from evalharness.providers import Provider, open_provider, refusal_of
from evalharness.records import Message, Params, Request, SampleKey
from evalharness.redaction import is_variable
from evalharness.registry import make
from evalharness.report.causes import remedy

_DEADLINE_S = 60.0
_INVALID_VARIABLE = "api_key_env must be the name of an environment variable, such as OPENAI_API_KEY (value not shown)"


def check_models(config: Config, suites: Sequence[SuiteCheck], *, load: bool, ping: bool) -> Iterator[CheckResult]:
    """A result for each configured model, and for the memory that local models need."""
    free, needs = available_bytes(), dict[str, int]()
    available = "" if free is None else f"; {gigabytes(free)} GB free"
    needed = frozenset(model for check in suites for model in check.models)
    for name in config.models:
        try:
            provider = open_provider(name, config)
        except EvalHarnessError as error:
            yield CheckResult("models", "broken", f"{name}: {error}", needed=name in needed)
            continue
        if (refusal := refusal_of(provider)) and config.executor == "local":
            yield _refused(name, refusal, needed=name in needed)
            continue
        key = config.models[name].options.get("api_key_env")
        is_set = f", {key} is set" if key and os.environ.get(key) else ""
        text = f"{name}: {_description(provider, config, name)}{is_set}"
        capabilities = provider.capabilities
        if capabilities.memory_bytes is not None:
            needs[name] = capabilities.memory_bytes
            text += f"; needs at most {capabilities.memory_detail or f'{gigabytes(needs[name])} GB'}{available}"
        if config.models[name].provider == "python":
            yield _imported(name, provider, text, needed=name in needed)
        elif load if capabilities.local else ping:
            yield _probe(name, provider, text, needed=name in needed)
        else:
            yield CheckResult("models", "ok", text)
    yield from check_memory(needs, free)
    yield from check_sharing(needs, free, suites)


def _imported(name: str, provider: Provider, text: str, *, needed: bool) -> CheckResult:
    """Whether the module of an application can be imported: in a child process, which calls nothing."""
    try:
        provider.prepare()
    except ProviderError as error:
        return _refused(name, error, needed=needed)
    finally:
        provider.close()
    return CheckResult("models", "ok", f"{text}; imported")


def _refused(name: str, refusal: ProviderError, *, needed: bool) -> CheckResult:
    """The error of every request to a model, and what to do."""
    status: Status = "missing" if refusal.kind == "auth" else "broken"
    todo = remedy(refusal.kind, str(refusal), [name], "the same command")
    return CheckResult("models", status, f"{name}: {refusal}\n{todo}", needed=needed)


def check_embedders(config: Config, suites: Sequence[SuiteCheck]) -> Iterator[CheckResult]:
    """A result for each configured embedding model."""
    needed = frozenset(name for check in suites for name in check.embedders)
    for name, settings in config.embedders.items():
        usable, text = _embedder(settings, config)
        yield CheckResult("embedders", "ok" if usable else "missing", f"{name}: {text}", needed=name in needed)


def check_cross_encoders(config: Config, suites: Sequence[SuiteCheck]) -> Iterator[CheckResult]:
    """A result for each configured cross-encoder: its folder, and its label for entailment. Loads no model."""
    needed = frozenset(name for check in suites for name in check.cross_encoders)
    for name, settings in config.cross_encoders.items():
        try:
            make("metrics", "grounded", {"model": name}, config=config)
        except EvalHarnessError as error:
            yield CheckResult("cross-encoders", "missing", f"{name}: {error}", needed=name in needed)
        else:
            yield CheckResult("cross-encoders", "ok", f"{name}: {settings.path}", needed=name in needed)


def _embedder(settings: EmbedderConfig, config: Config) -> tuple[bool, str]:
    key = settings.api_key_env
    if key and not is_variable(key):
        return False, _INVALID_VARIABLE
    if key and not os.environ.get(key):
        return False, f"the environment variable {key} is not set (api_key_env)"
    if settings.path is None:
        return True, f"{settings.model} at {settings.base_url}"
    try:
        resolve_path(settings.path, config.root)
    except EvalHarnessError as error:
        return False, str(error)
    return True, settings.path


def _size(path: str, config: Config) -> str:
    """The size of a model file. A pinned file may be missing on the machine that starts workers on others."""
    try:
        return f"{resolve_path(path, config.root).stat().st_size / 1e6:,.0f} MB"
    except MissingFileError:
        return "missing on this machine"


def _description(provider: Provider, config: Config, name: str) -> str:
    identity, options = provider.identity(), config.models[name].options
    if config.models[name].provider in ("gguf", "gguf-server"):
        pinned = "as pinned" if options.get("sha256") else "not pinned"
        size = _size(str(options["path"]), config)
        text = f"{identity['file']}, {size}, sha256 {identity['sha256'][:12]}… ({pinned})"
        return f"{text}, by {identity['engine']}"
    if config.models[name].provider == "python":
        return f"the function {identity['call']}"
    if config.models[name].provider == "http":
        return f"{identity['method']} {options['url']}"
    addresses = identity.get("base_urls")
    return f"{identity['model']} at {', '.join(addresses)}" if addresses else str(identity["provider"])


def _probe(name: str, provider: Provider, text: str, *, needed: bool) -> CheckResult:
    """Request one token."""
    started = time.perf_counter()
    try:
        import_modules(provider.modules)
        asyncio.run(_one_token(name, provider))
    except (EvalHarnessError, TimeoutError) as error:
        if isinstance(error, ProviderError) and error.kind == "variable":
            return CheckResult(
                "models", "ok", f"{text}; no test request: it needs the variables of a case", needed=needed
            )
        message = str(error) or f"no response within {_DEADLINE_S:g} s"
        return CheckResult("models", "broken", f"{text}; the test request failed: {message}", needed=needed)
    return CheckResult("models", "ok", f"{text}; answered in {time.perf_counter() - started:.1f} s", needed=needed)


async def _one_token(name: str, provider: Provider) -> None:
    params = Params(max_tokens=1, temperature=0.0 if provider.capabilities.local else None)
    request = Request(SampleKey("doctor", "doctor", name, 0), (Message("user", "Say yes."),), 0, params)
    try:
        async with asyncio.timeout(_DEADLINE_S):
            response = provider.complete(request)
            if isinstance(response, Awaitable):
                await response
    finally:
        closed = provider.close()
        if inspect.isawaitable(closed):
            await closed
