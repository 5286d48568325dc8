"""Providers: names, files and parameters, and the law that no table sends a key to a host that is not its own."""

from __future__ import annotations

from itertools import product
from urllib.parse import urlsplit

import pytest
import yaml
from promptfoo_project import PromptfooProject

REST = "prompts: ['{{q}}']\ntests: [{vars: {q: x}}]\n"
HOMES = {
    "openai:gpt-4o": ("api.openai.com", "OPENAI_API_KEY"),
    "openai:chat:gpt-4o": ("api.openai.com", "OPENAI_API_KEY"),
    "openai:responses:gpt-4o": ("api.openai.com", "OPENAI_API_KEY"),
    "anthropic:messages:claude": ("api.anthropic.com", "ANTHROPIC_API_KEY"),
    "openrouter:a/b": ("openrouter.ai", "OPENROUTER_API_KEY"),
    "mistral:small": ("api.mistral.ai", "MISTRAL_API_KEY"),
    "groq:llama": ("api.groq.com", "GROQ_API_KEY"),
    "deepseek:chat": ("api.deepseek.com", "DEEPSEEK_API_KEY"),
    "togetherai:chat:m": ("api.together.xyz", "TOGETHER_API_KEY"),
    "google:gemini-pro": ("generativelanguage.googleapis.com", "GOOGLE_API_KEY"),
    "ollama:chat:llama3": ("localhost", None),
    "vllm:m": ("localhost", None),
    "azure:chat:m": (None, None),
    "bedrock:m": (None, None),
    "xai:grok": (None, None),
    "huggingface:chat:m": (None, None),
    "openai:embedding:m": (None, None),
    "https://api.example.org/chat?key=sekret": (None, None),
}
"""The host of each kind and the variable with its key, from promptfoo's src/providers."""
READS_KEY_NAME = ("openai:gpt-4o", "openai:chat:gpt-4o", "openai:responses:gpt-4o", "openrouter:a/b", "mistral:small")
SENDS_KEY = (*READS_KEY_NAME, "anthropic:messages:claude")
"""Kinds that send their key to an address of the configuration."""
KEYS = [
    {},
    {"apiKey": "sekret"},
    {"apiKeyEnvar": "OTHER_KEY"},
    {"apiKey": "{{env.OTHER_KEY}}"},
    {"headers": {"Authorization": "sekret"}},
]
HOSTS = [
    {},
    {"apiBaseUrl": "https://gateway.example.org/v1"},
    {"apiHost": "gateway.example.org"},
    {"baseUrl": "https://gateway.example.org/v1"},
]
ENVS = [
    {},
    {"OPENAI_API_KEY": "sekret", "ANTHROPIC_API_KEY": "sekret", "MISTRAL_API_KEY": "sekret", "GROQ_API_KEY": "sekret"},
    {"OPENAI_BASE_URL": "https://gateway.example.org/v1", "MISTRAL_API_HOST": "gateway.example.org"},
    {"OPENAI_API_HOST": "gateway.example.org", "ANTHROPIC_BASE_URL": "https://gateway.example.org"},
]


def _allowed(id_: str, host: str, config: dict[str, object], env: dict[str, str]) -> set[str | None]:
    """The variables that a table for this host may name: promptfoo sends their value there."""
    home, key = HOMES[id_]
    found = "OTHER_KEY" if config.get("apiKey") == "{{env.OTHER_KEY}}" else key
    if config.get("apiKey") == "sekret" or "headers" in config:
        return {None}
    if "apiKeyEnvar" in config:
        found = "OTHER_KEY" if id_ in READS_KEY_NAME else None
    if host != home and (
        id_ not in SENDS_KEY or "baseUrl" in config or (id_.startswith("anth") and "apiHost" in config)
    ):
        found = None
    return {None, found} if env.get(str(found)) is None else {None}


@pytest.mark.parametrize("env", ENVS)
@pytest.mark.parametrize("place", ["top", "provider"])
def test_no_key_for_another_host(project: PromptfooProject, env: dict[str, str], place: str) -> None:
    """A table names a variable only for a host to which promptfoo sends its value; no key is ever copied."""
    configs = [{**key, **host} for key, host in product(KEYS, HOSTS)]
    providers = [
        {"id": id_, "label": f"m{number}-{index}", "config": config, **({"env": env} if place == "provider" else {})}
        for number, id_ in enumerate(HOMES)
        for index, config in enumerate(configs)
    ]
    top = {"providers": providers, **({"env": env} if place == "top" else {})}
    found = project.result_of(yaml.safe_dump(top) + REST)
    assert len(found.models) == len(HOMES) * len(configs)
    for provider, settings in zip(providers, found.models.values(), strict=True):
        url = settings.get("base_url", "https://api.anthropic.com")
        host = urlsplit(url).hostname or ""
        assert settings.get("api_key_env") in _allowed(provider["id"], host, provider["config"], env), (
            provider,
            settings,
        )
        assert url != "https://..." or "api_key_env" not in settings
    assert "sekret" not in str(found)


@pytest.mark.parametrize("id_", [id_ for id_, (host, _) in HOMES.items() if host])
def test_the_usual_key(project: PromptfooProject, id_: str) -> None:
    """Without settings, a table has the address and the variable of its kind."""
    host, key = HOMES[id_]
    (settings,) = project.result_of(f"providers: ['{id_}']\n{REST}").models.values()
    assert urlsplit(settings.get("base_url", "https://api.anthropic.com")).hostname == host
    assert settings.get("api_key_env") == key


@pytest.mark.parametrize(
    ("config", "env", "url", "key"),
    [
        ("apiBaseUrl: https://g.example.org/v1", "", "https://g.example.org/v1", "OPENAI_API_KEY"),
        ("apiHost: g.example.org", "", "https://g.example.org/v1", "OPENAI_API_KEY"),
        ("apiBaseUrl: https://g.example.org/v1, apiKeyEnvar: G_KEY", "", "https://g.example.org/v1", "G_KEY"),
        ("apiBaseUrl: https://g.example.org/v1, apiKey: '{{ env.G_KEY }}'", "", "https://g.example.org/v1", "G_KEY"),
        ("apiBaseUrl: https://g.example.org/v1, apiKey: x", "", "https://g.example.org/v1", None),
        ("", "OPENAI_BASE_URL: https://g.example.org/v1", "https://g.example.org/v1", "OPENAI_API_KEY"),
        ("", "OPENAI_API_KEY: x", "https://api.openai.com/v1", None),
        ("apiBaseUrl: '{{env.URL}}'", "", "https://...", None),
        ("apiHost: 'http://localhost:8080'", "", "https://...", None),
    ],
)
def test_addresses(project: PromptfooProject, config: str, env: str, url: str, key: str | None) -> None:
    """An address of the configuration is kept; a key that only the configuration has is left to fill in."""
    text = f"providers: [{{id: openai:gpt-4o, config: {{{config}}}}}]\nenv: {{{env}}}\n"
    (settings,) = project.result_of(text + REST).models.values()
    assert (settings["base_url"], settings.get("api_key_env")) == (url, key)
    hint = '# api_key_env = "..."  # the variable with the key of this host'
    assert (hint in project.read("suites/s.yaml")) == (key is None)


def test_names(project: PromptfooProject) -> None:
    """A model is named by its label, the id in a mapping, or its model; lost letters and parameters are listed."""
    text = """\
targets:
  - openai:gpt-4o: {id: cold, config: {temperature: 0, max_tokens: 9}}
  - openai:gpt-4o: {label: warm, config: {temperature: 0.7, max_tokens: 9}}
  - {id: openai:chat, label: Standard, config: {model: gpt-4.1, max_tokens: 9}}
  - {id: openrouter:meta/llama-3, config: {max_tokens: 9, maxOutputTokens: 9}}
  - {id: openai:gpt-4o, label: 冷たい, config: {max_completion_tokens: 9}}
"""
    found = project.result_of(text + REST)
    assert {name: settings["model"] for name, settings in found.models.items()} == {
        "cold": "gpt-4o",
        "warm": "gpt-4o",
        "Standard": "gpt-4.1",
        "llama-3": "meta/llama-3",
        "model-5": "gpt-4o",
    }
    assert found.left_out == [
        "promptfooconfig.yaml:3: the model 'warm' has temperature 0.7: "
        "the suite uses the parameters of the first model",
        "promptfooconfig.yaml:6: the provider '冷たい' is named 'model-5': names of models are ASCII",
    ]


def test_parameters(project: PromptfooProject) -> None:
    """Valid parameters are kept under their name in a suite; others are listed, and the suite is valid."""
    text = """\
providers:
  - id: google:gemini-pro
    config:
      generationConfig: {temperature: 0.5, topP: 0.9, responseMimeType: text/plain}
      stopSequences: [END]
      maxOutputTokens: 0
      passthrough: {x: 1}
"""
    found = project.result_of(text + REST)
    assert found.suite["params"] == {"max_tokens": 1024, "temperature": 0.5, "top_p": 0.9, "stop": ["END"]}
    for line, key in ((4, "responseMimeType"), (6, "maxOutputTokens"), (7, "passthrough")):
        assert found.says(f"promptfooconfig.yaml:{line}: ", f"'{key}'")


def test_files(project: PromptfooProject) -> None:
    """A provider in a YAML or JSON file is data: one or a list, with its parameters; a program is listed."""
    project.write("p/one.yaml", "id: openai:chat:gpt-4o\nlabel: one\nconfig: {temperature: 0.3}\n")
    project.write("p/many.json", '[{"id": "groq:llama", "label": "two"}, {"id": "file://p/one.yaml"}]')
    text = "providers: ['file://p/*.yaml', {id: file://p/many.json}, file://p/own.py, 'python:p/own.py']\n"
    found = project.result_of(text + REST)
    assert list(found.models) == ["one", "two"]
    assert found.suite["params"]["temperature"] == 0.3
    assert found.says("p/many.json:1: ", "names another file")
    assert found.says("promptfooconfig.yaml:1: ", "'file://p/own.py' is a program")
    assert found.says("promptfooconfig.yaml:1: ", "'python:p/own.py' is a program")


def test_only_programs(project: PromptfooProject) -> None:
    """Where every provider is a program, the suite has a model to fill in, and all tests."""
    found = project.result_of("providers: file://own.js\n" + REST)
    assert list(found.models) == ["model"]
    assert found.vars == [{"q": "x"}]


def test_a_filter_of_prompts(project: PromptfooProject) -> None:
    """A provider that gets only some prompts is listed: in a suite, each model gets each prompt."""
    found = project.result_of("providers:\n  - id: openai:x\n    prompts: [a]\n" + REST)
    assert found.says("promptfooconfig.yaml:3: ", "each model gets each prompt")
