"""Write what follows from the suite of docs/examples/judge: baseline, labels, verdicts on them, recorded decisions.

    .venv/bin/python benchmarks/judge_example.py          needs `make models-big` for decisions that are not recorded

Run it after a change of the suite, or of what a judge is sent. The opinions in the labels stay, and get the digests of
today's question and case. They were drawn for the answers of model/answers.json: new answers need new labels.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from evalharness.gate.judged import question_of
from evalharness.records import Run
from evalharness.records.answer_label import AnswerLabel
from evalharness.store.acceptances import person
from evalharness.store.answer_labels import read_answer_labels, write_answer_labels
from evalharness.store.job_ledger import open_ledger
from evalharness.store.recordings import write_recording
from evalharness.testing import Project

EXAMPLE = Path(__file__).parents[1] / "docs/examples/judge"
SUITE, METRIC = "support", "polite"
KIND, CURT = "Be kind, and thank them.", "Be brief, and waste no words."
WHO = "Ada <ada@example.com>"
RECORDING = f"golden/recordings/{SUITE}.jsonl"
WRITTEN = ("golden/baselines", "golden/HISTORY.jsonl", "golden/labels", RECORDING)


@contextmanager
def copied() -> Iterator[Project]:
    """A copy of the example, with a ledger of its own that has the recorded decisions."""
    with TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        shutil.copytree(EXAMPLE, f"{folder}/judge")
        project = Project(Path(folder) / "judge", suite=SUITE)
        if (project.root / RECORDING).exists():
            done(project, "record", "import", project.root / RECORDING)
        yield project


def done(project: Project, *words: str | Path) -> None:
    """Run a command and print its output. Raises RuntimeError if it fails; a run may be red."""
    result = project.command(*words)
    print(f"$ evalharness {' '.join(map(str, words))}\n{result.output}")
    if result.exit_code not in ((0, 1) if words[0] == "run" else (0,)):
        raise RuntimeError(f"expected status 0, got {result.exit_code}")


def accepted(project: Project) -> Run:
    """Accept the answers to the kind prompt, and return their run."""
    shutil.rmtree(project.root / "golden/baselines", ignore_errors=True)
    (project.root / "golden/HISTORY.jsonl").unlink(missing_ok=True)
    done(project, "run", SUITE)
    done(project, "accept", SUITE, "--because", "first answers, read by us")
    history = project.read("golden/HISTORY.jsonl")
    project.write("golden/HISTORY.jsonl", history.replace(json.dumps(person(project.root)), json.dumps(WHO)))
    return project.record()


def renewed(labels: list[AnswerLabel], run: Run) -> Iterator[AnswerLabel]:
    """The labels with the digests of today's question and cases."""
    question = question_of(run.header.signatures[METRIC])
    digests: Mapping[str, str] = {sample.key.case: sample.digest for sample in run.samples}
    for label in labels:
        if digest := digests.get(label.of.case):
            yield replace(label, of=label.of._replace(question=question, digest=digest))


def record(project: Project) -> int:
    """Export all decisions in the ledger. Returns their number."""
    with closing(open_ledger(project.config.cache_dir, project.root)) as ledger:
        return write_recording(project.root / RECORDING, SUITE, list(ledger.all()), project.root)


def keep(project: Project) -> None:
    """Copy what was written into the example."""
    for name in WRITTEN:
        source, target = project.root / name, EXAMPLE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)


def main() -> None:
    """Run both prompts, calibrate the judge, and write the files."""
    with copied() as project:
        run = accepted(project)
        write_answer_labels(project.root, SUITE, renewed(read_answer_labels(project.root, SUITE), run))
        project.edit("suites/reply.yaml", KIND, CURT)
        done(project, "run", SUITE)
        done(project, "judge", "calibrate", SUITE, "--no-ask")
        done(project, "run", SUITE)
        print(f"{record(project)} decisions recorded")
        keep(project)


if __name__ == "__main__":
    main()
