"""Convert providers of promptfoo to model tables and sampling parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from evalharness.importers.names import loses_letters, unique_names
from evalharness.importers.promptfoo.endpoints import ENDPOINTS, NO_ADDRESS, Address, address
from evalharness.importers.promptfoo.source import FILE, Node, Source, is_data_file, is_program
from evalharness.importers.promptfoo.tools import Tools, read_tools
from evalharness.suites.schema import ParamsSchema

_PARAMS = {
    "temperature": "temperature",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "maxOutputTokens": "max_tokens",
    "num_predict": "max_tokens",
    "top_p": "top_p",
    "topP": "top_p",
    "seed": "seed",
    "random_seed": "seed",
    "stop": "stop",
    "stop_sequences": "stop",
    "stopSequences": "stop",
}
"""Names of parameters, and what they are called in `params`."""
_KEYS = ("id", "label", "config", "env")
_CONNECTION = ("apiHost", "apiBaseUrl", "baseUrl", "apiKeyEnvar")
_KINDS = ("chat", "completion", "messages", "responses")
_HTTP = ("http", "https", "ws", "wss", "websocket", "webhook")
_NO_CHAT = """
    agents assistant chatkit claude-agent-sdk claude-code codex codex-app-server codex-desktop codex-sdk completion
    embedding embeddings image live moderation realtime transcription video
""".split()  # noqa: SIM905
_PROGRAMS = ("exec:", "python:", "golang:", "ruby:", "package:")
_SHOWN_CHARS = 80


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A converted provider: a table for pyproject.toml, and sampling parameters."""

    settings: Mapping[str, str]
    params: Mapping[str, Any]
    known: bool = True
    """Whether `settings` are complete."""
    node: Node | None = None
    """The provider in the source, None for a placeholder."""
    needs_key: bool = False
    """Whether `api_key_env` is left to fill in: the source sends another key to this host."""
    tools: Tools = field(default_factory=list)
    """What the model may call."""


def read_providers(source: Source, providers: Node, env: Node) -> dict[str, ImportedModel]:
    """The models by name, or a placeholder if no provider can be imported."""
    found = dict(_named(source, providers, env))
    if not found:
        source.note(providers, "no provider can be imported: complete the table of the model")
        return {"model": _unknown("model")}
    return found


def common_params(source: Source, providers: Node, models: Mapping[str, ImportedModel]) -> dict[str, Any]:
    """The parameters of the first model, with the defaults of promptfoo."""
    shared = {"max_tokens": 1024, "temperature": 0, **next(iter(models.values())).params}
    for name, model in models.items():
        own = {"max_tokens": 1024, "temperature": 0, **model.params}
        if differing := {key: own.get(key) for key in sorted(own.keys() | shared) if own.get(key) != shared.get(key)}:
            values = ", ".join(f"{key} {json.dumps(value)}" for key, value in differing.items())
            where = model.node or providers
            source.note(where, f"the model '{name}' has {values}: the suite uses the parameters of the first model")
    return shared


def _named(source: Source, providers: Node, env: Node) -> Iterator[tuple[str, ImportedModel]]:
    read = [found for item in providers.each() for found in _models(source, item, env)]
    names = unique_names((label for label, _ in read), "model")
    for name, (label, model) in zip(names, read, strict=True):
        if loses_letters(label):
            source.note(
                model.node or providers,
                f"the provider '{label[:_SHOWN_CHARS]}' is named '{name}': names of models are ASCII",
            )
        yield name, model


def _models(source: Source, item: Node, env: Node) -> Iterator[tuple[str, ImportedModel]]:
    """The label and the model of a provider, or of each provider in a file."""
    node, options = _id_and_options(item)
    if node.text.startswith(FILE) and is_data_file(node.text):
        if options:
            source.note(item, f"the options beside {node.text[:_SHOWN_CHARS]!r} are left out: the file has its own")
        for inner in _in_files(source, node):
            yield from _models(source, inner, env)
        return
    source.note_unknown_keys(options, (*_KEYS, "prompts"), "of a provider: ")
    if options["prompts"]:
        source.note(options["prompts"], "of a provider: 'prompts' has no equivalent: each model gets each prompt")
    if not node.text or node.text.startswith((FILE, *_PROGRAMS)) or is_program(node.text):
        message = f"the provider {node.text[:_SHOWN_CHARS]!r} is a program, which is not run: test its "
        source.note(item, message + "function with `provider = 'python'`")
        return
    model = _model(source, node, options["config"], [options["env"], env])
    id_ = options["id"].text if options["id"].text != node.text else ""
    yield (
        options["label"].text or id_ or model.settings["model"].rpartition("/")[2],
        replace(model, node=item, tools=read_tools(source, options["config"]["tools"])),
    )


def _in_files(source: Source, node: Node) -> Iterator[Node]:
    """The providers in the files that a reference names; a reference from file to file is left out."""
    for name in source.expand(node, node.text):
        opened = source.open_reference(node, name)
        for inner in opened.each() if opened else ():
            if _id_and_options(inner)[0].text.startswith(FILE):
                source.note(inner, "a provider file that names another file is not read")
            else:
                yield inner


def _id_and_options(item: Node) -> tuple[Node, Node]:
    """The id of a provider, and the mapping with its other settings."""
    if not isinstance(item.value, dict):
        return item, Node(None, item.document, item.loc)
    if "id" not in item.value and len(item.value) == 1:  # {openai:gpt-4o: {id: name, config: ...}}
        ((id_, options),) = item.items()
        return Node(id_, options.document, options.loc), options
    return item["id"], item


def _model(source: Source, node: Node, config: Node, env: Sequence[Node]) -> ImportedModel:
    prefix, *rest = node.text.split(":")
    if prefix in _HTTP:
        return _application(source, node, config)
    is_named_by_model = prefix == "openai" and len(rest) == 1 and rest[0] in _KINDS
    name = config["model"].text if is_named_by_model else _name(rest)
    params = _params(source, config, ("model",) if is_named_by_model else ())
    if prefix not in ENDPOINTS or (rest and rest[0] in _NO_CHAT) or not name or "{" in name:
        source.note(node, f"unknown provider {node.text[:_SHOWN_CHARS]!r}: complete the table of its model")
        return replace(_unknown(node.text if not name or rest[0] in _NO_CHAT else name), params=params)
    found = address(source, prefix, config, env)
    return ImportedModel(
        _settings(prefix, name, found), params, known=found.url != NO_ADDRESS, needs_key=found.needs_key
    )


def _name(parts: Sequence[str]) -> str:
    """The model in the parts of an id after the first: `chat:gpt-4o` is `gpt-4o`."""
    return ":".join(parts[1:] if len(parts) > 1 and parts[0] in _KINDS else parts)


def _settings(prefix: str, name: str, found: Address) -> dict[str, str]:
    is_default = prefix == "anthropic" and found.url == ENDPOINTS[prefix].url
    settings = {
        "provider": "anthropic" if prefix == "anthropic" else "openai",
        "base_url": "" if is_default else found.url,
        "model": name,
        "api_key_env": found.key,
    }
    return {option: value for option, value in settings.items() if value}


def _application(source: Source, node: Node, config: Node) -> ImportedModel:
    """A placeholder for an address, which may contain a key and is not copied."""
    source.note(node, "the provider is an application behind an address: describe it with `provider = 'http'`")
    for key, value in config.items():
        source.note(value, f"of a provider: '{key}' is not copied: the application has another table")
    return _unknown("application")


def _unknown(name: str) -> ImportedModel:
    return ImportedModel({"provider": "openai", "base_url": NO_ADDRESS, "model": name}, {}, known=False, needs_key=True)


def _params(source: Source, config: Node, used: Sequence[str]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for key, value in (*config.items(), *config["generationConfig"].items()):
        if ("key" in key.lower() and key not in _CONNECTION) or key == "headers":
            source.note(value, f"of a provider: '{key}' is not copied because it may contain a key: use 'api_key_env'")
        elif key in _PARAMS:
            params |= _param(source, key, value)
        elif key not in (*_CONNECTION, *used, "generationConfig", "tools"):
            source.note(value, f"of a provider: '{key}' has no equivalent in 'params'")
    return params


def _param(source: Source, key: str, value: Node) -> dict[str, Any]:
    """The parameter, or a note if it is invalid in a suite, such as a template."""
    found = {_PARAMS[key]: value.plain}
    try:
        ParamsSchema.model_validate({_PARAMS[key]: value.value})
    except ValidationError as error:
        if value.value is not None:
            source.note(value, f"of a provider: '{key}' is left out: {error.errors()[0]['msg']}")
        return {}
    return found
