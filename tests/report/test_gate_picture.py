"""`gates.svg`: the picture of the gates is valid XML that holds text, whatever the names are."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hostile import ALL
from hostile_outcome import hostile
from outcomes import a_sample, an_outcome

from evalharness.records import Verdict
from evalharness.report import Outcome
from evalharness.report.gate_picture import gate_picture

SVG = "{http://www.w3.org/2000/svg}"
GOOD = an_outcome()
KNOWN = {f"{SVG}{name}" for name in ("svg", "title", "style", "rect", "line", "circle", "text")}


def parsed(outcome: Outcome) -> ElementTree.Element:
    """The picture as XML. Raises ParseError."""
    return ElementTree.fromstring(gate_picture(outcome))


def texts(outcome: Outcome) -> list[str]:
    """The texts of the picture."""
    return [one.text or "" for one in parsed(outcome).iter(f"{SVG}text")]


def with_verdicts(*verdicts: Verdict) -> Outcome:
    """An outcome with these gates."""
    return replace(GOOD, verdicts=verdicts)


def a_verdict(**values: object) -> Verdict:
    """A gate with a margin of 5 points."""
    known = {"status": "fail", "margin": 5.0, "change": -10.0, "low": -12.5, "high": -7.5, "unit": "points"}
    return replace(GOOD.verdicts[0], **known | values)  # type: ignore[arg-type]


def test_words_and_numbers() -> None:
    """Each gate has its word, its name, its change and its bounds as text: no one has to read colours or pixels."""
    samples = [a_sample(number, 0.2) for number in range(60)]
    outcome = an_outcome(samples, baseline=GOOD.baselines["smollm2", "concise"])
    found = texts(outcome)
    assert found[0].startswith("FAIL support: ")
    for verdict in outcome.verdicts:
        assert verdict.name[:35] in " ".join(found)
    assert "FAIL" in found
    assert any(text.startswith("−60.0 pts (") for text in found)


def test_positions() -> None:
    """A drop of two margins is left of the margin, as far as the margin is left of no change; so is 10 % dearer."""
    for change in (a_verdict(), a_verdict(unit="percent", change=10.0, low=7.5, high=12.5)):
        root = parsed(with_verdicts(change))
        margin, zero = [float(one.get("x1", "")) for one in root.iter(f"{SVG}line") if one.get("stroke-dasharray")]
        [dot] = root.iter(f"{SVG}circle")
        [bar] = [one for one in root.iter(f"{SVG}line") if one.get("class") == "fail"]
        assert margin - float(dot.get("cx", "")) == pytest.approx(zero - margin, abs=0.2)
        assert float(bar.get("x1", "")) < float(dot.get("cx", "")) < float(bar.get("x2", "")) < margin


@pytest.mark.parametrize(
    "values",
    [
        {"low": None, "high": None},
        {"change": float("inf"), "high": float("inf")},
        {"change": float("nan")},
        {"change": -1e9, "margin": 1e-308},
        {"margin": None},
        {"margin": 0.0},
        {"change": None},
    ],
)
def test_unusual_numbers(values: dict[str, object]) -> None:
    """A bound that is infinite, missing or huge ends at the border, and no coordinate is NaN."""
    text = gate_picture(with_verdicts(a_verdict(**values)))
    root = ElementTree.fromstring(text)
    assert "nan" not in text
    for one in root.iter(f"{SVG}line"):
        assert 390 <= float(one.get("x1", "")) <= float(one.get("x2", "")) <= 690


def test_many_gates() -> None:
    """Forty gates are shown, the failed ones first, and the others counted."""
    good = [a_verdict(status="pass", metric=f"good{number}") for number in range(60)]
    found = texts(with_verdicts(*good, a_verdict(metric="bad")))
    assert found.count("PASS") == 39
    assert found.index("FAIL") < found.index("PASS")
    assert found[-1] == "... and 21 more gates in the report"


def test_no_gates() -> None:
    """Without gates the picture has the verdict."""
    assert texts(with_verdicts())[0].startswith("INCONCLUSIVE support")


@pytest.mark.parametrize("group", [ALL[start::12] for start in range(12)], ids=range(12))
def test_names_stay_texts(group: tuple[str, ...]) -> None:
    """No name or headline makes an element, an attribute with a script or a link, or XML that cannot be read."""
    for text in group:
        root = parsed(hostile(text))
        assert {one.tag for one in root.iter()} <= KNOWN
        assert not [name for one in root.iter() for name in one.attrib if name.startswith("on") or "href" in name]
        assert len(list(root.iter(f"{SVG}style"))) == 1
