"""The metric `grounded`, with a local cross-encoder."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from answering import answers_of
from tiny_nli import LABELS, oracle, write_model

from evalharness.config import Config
from evalharness.cross_encoder_config import CrossEncoderConfig
from evalharness.errors import ConfigError, MetricError
from evalharness.records import Context, NotApplicable, Score
from evalharness.scoring.metrics import SampleView
from evalharness.scoring.metrics.grounded import grounded
from evalharness.scoring.metrics.local_cross_encoder import CrossEncoderModel, label_index
from evalharness.testing import response

needs_model = pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="needs evalharness[embeddings]")
CONTEXTS = ("returns takes one days .", "the warranty lasts five years .")
CLAIMS = tuple(f"{subject} takes {number} days." for subject in ("Returns", "Shipping") for number in ("two", "four"))
TABLE = '[tool.evalharness.cross_encoders.nli]\npath = "models/nli"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the model."""
    made = tmp_path_factory.mktemp("root") / "models/nli"
    write_model(made)
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> CrossEncoderModel:
    """The model, opened once."""
    return CrossEncoderModel(folder, 4)


@needs_model
@pytest.mark.slow
def test_probabilities(folder: Path, model: CrossEncoderModel) -> None:
    """Each claim has the largest probability of entailment over the contexts; context and claim are in this order."""
    found = model.entailed(CONTEXTS, CLAIMS)
    assert found.is_whole
    expected = [max(oracle(folder, [(context, claim) for context in CONTEXTS])) for claim in CLAIMS]
    assert found.probabilities == pytest.approx(expected, abs=2e-4)
    assert len(set(found.probabilities)) == len(CLAIMS)
    assert model.entailed((), CLAIMS).probabilities == [0.0] * len(CLAIMS)


@needs_model
@pytest.mark.slow
def test_windows(folder: Path, model: CrossEncoderModel) -> None:
    """A context that is longer than the model reads is compared window by window, to its end."""
    words, claim = ["the", "a", "one"] * 20, CLAIMS[0]
    size = 32 - 3 - 8 - len(claim.replace(".", " .").split())
    windows = [" ".join(words[start : start + size]) for start in range(0, len(words) - size // 4, size - size // 4)]
    expected = max(oracle(folder, [(window, claim) for window in windows]))
    assert model.entailed([" ".join(words)], [claim]).probabilities == pytest.approx([expected], abs=2e-4)
    ending = model.entailed([" ".join(words[:-3] + ["warranty"] * 3)], [claim])
    assert ending != model.entailed([" ".join(words)], [claim]) or expected > ending.probabilities[0]


@needs_model
@pytest.mark.slow
def test_bounds(model: CrossEncoderModel) -> None:
    """Many pairs are an error, a sentence that is too long is read from its start, and odd texts are read."""
    with pytest.raises(MetricError, match="at most 2,000 pairs to compare, got 1 sentences and"):
        model.entailed([f"w{number}" for number in range(2_001)], CLAIMS[:1])
    assert not model.entailed(CONTEXTS, ["one " * 500]).is_whole
    assert len(model.entailed(["", "\ud800", "🙂"], ["\ud800", "🙂"]).probabilities) == 2


@needs_model
@pytest.mark.slow
def test_the_metric(folder: Path, model: CrossEncoderModel, capfd: pytest.CaptureFixture[str]) -> None:
    """The value is the share of claims at the threshold; questions are no claims, and nothing is printed."""
    config = Config(root=folder.parents[1], cross_encoders={"nli": CrossEncoderConfig(path="models/nli")})
    probabilities = model.entailed(CONTEXTS, CLAIMS).probabilities
    threshold = sorted(probabilities)[2]
    metric = grounded("nli", threshold=threshold, config=config)
    assert metric.warm_up is not None
    metric.warm_up()
    answer = response(" ".join(["The?", *CLAIMS]), contexts=tuple(Context(text) for text in CONTEXTS))
    (score,) = metric.score([SampleView(answer)], [()])
    assert isinstance(score, Score)
    assert (score.value, score.parts) == (0.5, {"entailed": 2, "claims": 4})
    worst = next(claim for claim, one in zip(CLAIMS, probabilities, strict=True) if one < threshold)
    assert score.explanation.startswith(f"2 of 4 claims follow from a context; not: '{worst}' (probability 0.")
    assert capfd.readouterr() == ("", "")


@needs_model
@pytest.mark.slow
def test_outcomes(folder: Path) -> None:
    """Nothing to check is neither 0 nor 1; nothing retrieved is 0; unknown contexts are an error."""
    config = Config(root=folder.parents[1], cross_encoders={"nli": CrossEncoderConfig(path="models/nli")})

    def result(text: str, **fields: Any) -> Any:
        (found,) = grounded("nli", config=config).score([SampleView(response(text, **fields))], [()])
        return found

    context = (Context(CONTEXTS[0]),)
    for text, fields in (("", {}), ("the?", {}), ("No.", {"refusal": "No."})):
        assert result(text, contexts=context, **fields) == NotApplicable("no claims", "grounded")
    assert result(CLAIMS[0], empty=("contexts",)).value == 0
    assert isinstance(result(CLAIMS[0]), MetricError)


@needs_model
@pytest.mark.slow
def test_a_suite(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: CrossEncoderModel) -> None:
    """A gate on the metric fails for answers that say something else; the configuration names the model."""
    probabilities = model.entailed(CONTEXTS, CLAIMS).probabilities
    best, worst = (CLAIMS[probabilities.index(pick(probabilities))] for pick in (max, min))
    threshold = max(probabilities)
    metric = {"grounded": {"model": "nli", "threshold": threshold}}
    project = answers_of(tmp_path, metric, monkeypatch, {f"c{n}": {} for n in range(20)})
    table = TABLE.replace("models/nli", str(folder))
    project.write("pyproject.toml", project.read("pyproject.toml") + table)
    contexts = [{"id": "a", "text": text} for text in CONTEXTS]
    accepted = project.answers({"*": {"text": best, "contexts": contexts}})
    assert accepted.means["scripted", "plain"]["grounded"] == 1.0
    accepted.accept(because="good")
    assert project.answers({"*": {"text": worst, "contexts": contexts}}).status == "fail"


@needs_model
@pytest.mark.slow
def test_no_code_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that the folder names is an error, and its module is not imported."""
    folder, trace = tmp_path / "model", tmp_path / "ran"
    folder.mkdir()
    code = f"open({str(trace)!r}, 'w').close()\nfrom sentence_transformers.models import Pooling as Own\n"
    (folder / "own_layer.py").write_text(code)
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "own_layer.Own"}]))
    auto = {"AutoModelForSequenceClassification": "own_layer.Own"}
    table = {"model_type": "bert", "auto_map": auto, "id2label": LABELS}
    (folder / "config.json").write_text(json.dumps(table))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(folder)
    with pytest.raises((ValueError, OSError, ImportError)):
        CrossEncoderModel(folder, 1).load()
    assert not trace.exists()


@pytest.mark.parametrize(
    ("labels", "label", "expected"),
    [
        (LABELS, None, 1),
        ({0: "entailment", 1: "not_entailment"}, None, 0),
        ({0: "entailed", 1: "other"}, None, 0),
        ({0: "LABEL_0", 1: "LABEL_1"}, "LABEL_1", 1),
        ({0: "LABEL_0", 1: "LABEL_1"}, None, "one label for entailment, got the labels LABEL_0, LABEL_1: set 'label'"),
        ({0: "entailment", 1: "other"}, "third", "got the labels entailment, other"),
        ({0: "entailment"}, None, "got the labels entailment"),
        ({}, None, "got the labels none"),
        (None, None, "expected a model's configuration with 'id2label'"),
        ("x", None, "expected a model's configuration with 'id2label'"),
    ],
)
def test_labels(tmp_path: Path, labels: Any, label: str | None, expected: int | str) -> None:
    """The label for entailment is read from the model's configuration, or configured."""
    (tmp_path / "config.json").write_text(json.dumps({} if labels is None else {"id2label": labels}))
    if isinstance(expected, int):
        assert label_index(tmp_path, label) == expected
        return
    with pytest.raises(ConfigError, match=expected):
        label_index(tmp_path, label)


@needs_model
@pytest.mark.parametrize(
    ("metric", "table", "message"),
    [
        ({"grounded": "nil"}, TABLE, "unknown cross_encoder 'nil': no [tool.evalharness.cross_encoders.nil] in"),
        ({"grounded": "nli"}, TABLE, "[tool.evalharness.cross_encoders.nli]: models/nli: no such file"),
        ({"grounded": {"model": "nli", "threshold": 1.5}}, TABLE, "threshold: expected a probability above 0"),
        ({"grounded": {}}, TABLE, "the metric 'grounded' needs the option 'model'"),
        ({"grounded": "nli"}, TABLE.replace("path", "paht"), "unknown key 'paht'; did you mean 'path'?"),
    ],
)
def test_validate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: Any, table: str, message: str) -> None:
    """`validate` refuses unknown models, folders and options."""
    project = answers_of(tmp_path, metric, monkeypatch, {"c0": {}})
    project.write("pyproject.toml", project.read("pyproject.toml") + table)
    result = project.command("validate", "demo")
    assert result.exit_code == 1
    assert message in result.output
