"""Names in suites and configurations become code in one place."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from evalharness import registry
from evalharness.config import Config, ModelConfig
from evalharness.errors import ConfigError
from evalharness.providers import open_provider
from evalharness.registry import Kind


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, table in registry.BUILT_IN.items() for name in table]
)
def test_every_built_in_is_there(kind: Kind, name: str) -> None:
    """Each entry of the built-in table leads to a callable."""
    module, _, attribute = registry.BUILT_IN[kind][name].partition(":")

    assert registry.find(kind, name) is getattr(importlib.import_module(module), attribute)
    assert name in registry.names(kind)


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("metrics", "rogue_l", "unknown metric 'rogue_l'; did you mean 'rouge_l'"),
        ("providers", "ggfu", "unknown provider 'ggfu'; did you mean 'gguf'?"),
        ("metrics", "os:system", "unknown metric 'os:system'; known: answer_logprob, bleu, "),
        ("metrics", "", "unknown metric ''; known: answer_logprob, bleu, "),
    ],
)
def test_unknown_names(kind: Kind, name: str, message: str) -> None:
    """An unknown name is an error with the nearest names, never an import."""
    with pytest.raises(LookupError) as caught:
        registry.find(kind, name)

    assert caught.value.args[0].startswith(message)


def test_third_parties_join_by_entry_point(tmp_path: Path, pytester: pytest.Pytester) -> None:
    """The entry point of an installed package is found by name and listed with the built-ins, and hides none."""
    pytester.makepyfile(their="def metric(limit: int = 3): return limit\n")
    info = pytester.mkdir("their-1.0.dist-info")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[evalharness.metrics]\ntheirs = their:metric\nrouge_l = their:metric\n")
    pytester.makepyfile(
        test_it="""
        from evalharness import registry
        def test_it():
            assert registry.find("metrics", "theirs")() == 3
            assert list(registry.options(registry.find("metrics", "theirs"))) == ["limit"]
            assert registry.names("metrics").count("rouge_l") == 1 and "theirs" in registry.names("metrics")
            assert registry.find("metrics", "rouge_l").__module__ == "evalharness.scoring.metrics.rouge"
        """
    )
    pytester.syspathinsert()

    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_options_leave_config_out() -> None:
    """Parameters that the program passes itself are not options of a suite."""

    def factory(a: int, *, b: int = 1, config: Config | None = None) -> None: ...

    assert list(registry.options(factory)) == ["a", "b"]


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("modl", ["model", "vars"], "; did you mean 'model'?"),
        ("zzz", ["b", "a"], "; known: a, b"),
        ("zzz", [], ""),
    ],
)
def test_did_you_mean(word: str, known: list[str], hint: str) -> None:
    """The error proposes the nearest words, or all known ones."""
    assert registry.did_you_mean(word, known) == hint


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"provider": "scripte"}, "unknown provider 'scripte'; did you mean 'scripted'?"),
        ({"provider": "scripted", "answer": {}}, "unknown key 'answer'; did you mean 'answers'?"),
        ({"provider": "scripted", "config": {}}, "unknown key 'config'; known: answers, concurrency, delay_s, "),
        ({"provider": "scripted"}, "set either 'answers' or 'function'"),
        ({"provider": "gguf"}, "'path' is missing"),
        ({"provider": "gguf", "path": "nothing.gguf"}, "nothing.gguf: no such file"),
    ],
)
def test_models_that_do_not_open(tmp_path: Path, model: dict[str, Any], message: str) -> None:
    """The error of a model that cannot be opened names its table of the configuration."""
    config = Config(root=tmp_path, models={"m": ModelConfig(**model)})

    with pytest.raises(ConfigError) as caught:
        open_provider("m", config)

    assert str(caught.value).startswith(f"[tool.evalharness.models.m]: {message}")
