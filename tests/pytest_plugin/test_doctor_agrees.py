"""`evalharness doctor` is red exactly where pytest is, with the same sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from gguf_files import little

UNSET = "the environment variable UNSET_KEY is not set"
REMOTE = 'provider = "openai"\nmodel = "m"\nretries = 0\nbase_url = "http://127.0.0.1:9/v1"\n'
EMBEDDER = '[tool.evalharness.embedders.far]\nbase_url = "http://127.0.0.1:9"\nmodel = "m"\napi_key_env = "UNSET_KEY"\n'
SCRIPTED = 'provider = "scripted"\nanswers = "answers.json"\n'
CHAT = "tokenizer.chat_template"


@dataclass(frozen=True)
class Fault:
    """A project that cannot run, and the sentence that says so."""

    break_it: Callable[[Any], None]
    sentence: str


def model(options: str) -> Callable[[Any], None]:
    """Replace the options of the model."""
    return lambda project: project.edit("pyproject.toml", SCRIPTED, options)


def suite(old: str, new: str) -> Callable[[Any], None]:
    """Edit the suite."""
    return lambda project: project.edit("suites/demo.yaml", old, new)


def offline(project: Any) -> None:
    """Forbid model calls where nothing is recorded."""
    model(REMOTE)(project)
    project.edit(
        "pyproject.toml", "[tool.evalharness.models", "[tool.evalharness]\noffline = true\n[tool.evalharness.models"
    )


def gguf(project: Any, without: str = "", head: bytes = b"") -> None:
    """Make the model a GGUF file without this key, or with other first bytes."""
    path = little(project.root / "model.gguf", without=without)
    path.write_bytes(head + path.read_bytes()[len(head) :])
    model('provider = "gguf"\npath = "model.gguf"\n')(project)


def cut(project: Any) -> None:
    """Cut the model file in the middle."""
    gguf(project)
    path = project.root / "model.gguf"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


FAULTS = {
    "a key that is not set": Fault(model(REMOTE + 'api_key_env = "UNSET_KEY"\n'), UNSET),
    "a key in place of its variable": Fault(
        model(REMOTE + 'api_key_env = "sk-not-a-name"\n'), "expected the name of an environment variable"
    ),
    "a proxy that is not set": Fault(model(REMOTE + 'proxy_env = "UNSET_KEY"\n'), UNSET),
    "an invalid address": Fault(
        model(REMOTE.replace("http:", "ftp:")), "base_url: expected an http or https address, got 'ftp:"
    ),
    "a certificate file that has none": Fault(
        lambda project: (project.write("ca.pem", "none"), model(REMOTE + 'ca_file = "ca.pem"\n')(project))[-1],
        "expected certificates in PEM format",
    ),
    "a model file that is missing": Fault(model('provider = "gguf"\npath = "no.gguf"\n'), "no.gguf: no such file"),
    "a model file without a chat template": Fault(
        lambda project: gguf(project, without=CHAT), "model.gguf has no chat template"
    ),
    "a file that is no model": Fault(lambda project: gguf(project, head=b"nope"), "model.gguf is not a GGUF file"),
    "a truncated model file": Fault(cut, "model.gguf is truncated"),
    "an unknown provider": Fault(model('provider = "opnai"\n'), "unknown provider 'opnai'; did you mean 'openai'?"),
    "an unknown option": Fault(model(REMOTE + "modle = 1\n"), "unknown key 'modle'; did you mean 'model'?"),
    "an unknown model": Fault(suite("models: [fake]", "models: [faek]"), "'faek'"),
    "an unknown metric": Fault(suite("rouge_l, token_f1", "rogue_l, token_f1"), "unknown metric 'rogue_l'"),
    "a parameter that the model does not take": Fault(
        lambda project: (
            model(REMOTE.replace("openai", "anthropic"))(project),
            suite("metrics:", "params: {seed: 1}\nmetrics:")(project),
        )[-1],
        "does not support seed",
    ),
    "an unreadable suite": Fault(suite("schema: 1", "schema: [1"), "suites/demo.yaml:"),
    "an empty suite": Fault(
        lambda project: project.write("suites/demo.yaml", ""), "suites/demo.yaml: the file is empty"
    ),
    "no golden answers": Fault(
        lambda project: (project.root / "golden/demo.yaml").unlink(), "golden/demo.yaml: file not found"
    ),
    "an unknown executor": Fault(
        lambda project: project.edit(
            "pyproject.toml",
            "[tool.evalharness.models",
            '[tool.evalharness]\nexecutor = "lokal"\n[tool.evalharness.models',
        ),
        "unknown executor 'lokal'; did you mean 'local'?",
    ),
    "nothing recorded and no model calls": Fault(
        offline, "no recorded response, and --llm-record=none forbids model calls"
    ),
    "a key of an embedding model that is not set": Fault(
        lambda project: (
            suite("rouge_l, token_f1", "rouge_l, {embedding: {model: far}}")(project),
            project.edit("pyproject.toml", "[tool.pytest", f"{EMBEDDER}[tool.pytest"),
        )[-1],
        UNSET,
    ),
    "a damaged baseline": Fault(
        lambda project: project.write("golden/baselines/demo/fake.plain.jsonl", "nonsense\n"),
        "golden/baselines/demo/fake.plain.jsonl:1:1: not JSON",
    ),
    "an invalid configuration": Fault(model("provider = 5\n"), "valid string"),
}


@pytest.fixture(autouse=True)
def _environment(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, and no key."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.root / ".cache"))
    monkeypatch.delenv("UNSET_KEY", raising=False)


def words(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_pytest_finds_the_doctor_finds(project: Any, fault: Fault) -> None:
    """Both fail, both say the same sentence, pytest on one screen and without a traceback."""
    fault.break_it(project)
    result = project.run()
    doctor = project.command("doctor")
    output = words(result.stdout.str() + result.stderr.str())
    assert (result.ret != 0, doctor.exit_code) == (True, 1)
    assert fault.sentence in output
    assert fault.sentence in words(doctor.stdout)
    assert "Traceback" not in output
    assert len([line for line in [*result.outlines, *result.errlines] if line.strip()]) <= 22


def test_a_missing_package(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider whose package is not installed names the command that installs it."""
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    gguf(project)
    result, doctor = project.run(), project.command("doctor")
    assert (result.ret != 0, doctor.exit_code) == (True, 1)
    for output in (result.stdout.str(), doctor.stdout):
        assert "needs the package llama-cpp-python: pip install 'evalharness[local]'" in words(output)


def test_what_pytest_can_run_the_doctor_calls_ready(project: Any) -> None:
    """Without a baseline both are green; so they are where an unset key belongs to a model that no suite runs."""
    table = f'[tool.evalharness.models.spare]\n{REMOTE}api_key_env = "UNSET_KEY"\n'
    project.edit("pyproject.toml", "[tool.pytest", f"{table}[tool.pytest")
    assert (project.run().ret, project.command("doctor").exit_code) == (0, 0)
