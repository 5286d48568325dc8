"""What a case shows of a judge: question, probabilities, explanation, labels; and where people disagree with it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner
from judged_runs import finished, said

from evalharness.cli import main
from evalharness.report.score_details import score_details
from evalharness.store.answer_labels import label_path, write_answer_labels


def test_a_case_shows_question_probabilities_and_labels(tmp_path: Path) -> None:
    """A case with a question of its own shows that one."""
    run = finished(tmp_path).run
    write_answer_labels(tmp_path, "demo", said(run, {"ann": ("yes", 1.0), "bob": ("no", 0.0)}))
    found = score_details(run, tmp_path)
    texts = {one.key.case: list(map(tuple, found.of(one))) for one in run.samples}
    asked, parts = "Is it <b>polite</b>?", "yes 0.75, no 0.25"
    assert texts == {
        "ann": [("polite", asked, parts, "", "Ada: yes")],
        "bob": [("polite", asked, parts, "", "Ada: no")],
        "eve": [("polite", "Is it kind?", parts, "", "")],
    }


def test_a_label_of_another_answer_does_not_count(tmp_path: Path) -> None:
    """A label belongs to the digests of the answer, the case and the question."""
    run = finished(tmp_path).run
    (label,) = said(run, {"ann": ("no", 0.0)})
    others = [replace(label, of=label.of._replace(**{name: "0"})) for name in ("answer", "digest", "question")]
    write_answer_labels(tmp_path, "demo", others)
    found = score_details(run, tmp_path)
    assert [text for one in run.samples for *_, text in found.of(one)] == ["", "", ""]
    assert not any(map(found.is_disputed, run.samples))


def test_labels_of_models_dispute_nothing(tmp_path: Path) -> None:
    """They are shown as such."""
    run = finished(tmp_path).run
    write_answer_labels(tmp_path, "demo", said(run, {"ann": ("no", 0.0)}, made_by="model", blind=False))
    found = score_details(run, tmp_path)
    assert next(found.of(run.samples[0])).labels == "Ada (a model): no, not blind"
    assert not found.is_disputed(run.samples[0])


def test_people_who_are_split_dispute_nothing(tmp_path: Path) -> None:
    """Two people, two opinions: neither of them is that of people."""
    run = finished(tmp_path).run
    both = [*said(run, {"ann": ("no", 0.0)}), *said(run, {"ann": ("yes", 1.0)}, by="Bo")]
    write_answer_labels(tmp_path, "demo", both)
    found = score_details(run, tmp_path)
    assert next(found.of(run.samples[0])).labels == "Ada: no; Bo: yes"
    assert not found.is_disputed(run.samples[0])


def test_damaged_labels_are_left_out(tmp_path: Path) -> None:
    """A report is written, whatever is in the file."""
    run = finished(tmp_path).run
    path = label_path(tmp_path, "demo")
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert [one.labels for one in score_details(run, tmp_path).of(run.samples[0])] == [""]


def test_review_starts_where_people_disagree_with_the_judge(tmp_path: Path) -> None:
    """The judge calls each answer polite."""
    run = finished(tmp_path).run
    write_answer_labels(tmp_path, "demo", said(run, {"ann": ("yes", 1.0), "bob": ("no", 0.0)}))
    shown = CliRunner().invoke(main, ["--root", str(tmp_path), "review", "demo", "--json"])
    assert shown.exit_code == 0, shown.output
    assert [(one["case"], one["disputed"]) for one in json.loads(shown.output)] == [
        ("bob", True),
        ("ann", False),
        ("eve", False),
    ]
    listed = CliRunner().invoke(main, ["--root", str(tmp_path), "review", "demo"])
    assert "  open      disputed  bob · No." in listed.output.splitlines()
