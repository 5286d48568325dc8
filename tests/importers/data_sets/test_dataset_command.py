"""The command `evalharness import dataset`: its preview, its options, and the files that it writes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from dataset_projects import DatasetProject, csv_text, table

from evalharness.testing.ci import leave_ci

SUPPORT = "id,Question,Reply,Area,Internal note\nr1,Where?,Here,shop,x\nr2,When?,Now,shop,y\nr3,Why?,So,web,z\n"
HEAD = ("question", "answer")
ROWS = [(f"Who is {n}?", f"Answer {n}") for n in range(40)]


def test_the_preview(project: DatasetProject) -> None:
    """The preview shows the file, each column with a reason, the prompt, two cases, and the next command."""
    project.configure()

    output = project.preview(
        "a.csv", "id,First Name,question,answer,category\n1,Ada,Who?,Me,x\n2,Bob,When?,Now,x\n3,,Why?,,x\n"
    )

    assert output.splitlines()[0] == "a.csv: CSV, separated by commas, UTF-8, 3 rows"
    assert table(output) == {
        "id": "id an id in every row",
        "First Name": "variable first_name 1 row without a value",
        "question": "variable question",
        "answer": "golden named like the right answer",
        "category": "tag category 1 value",
    }
    assert "prompt:\n  user      │ {{ question }}\n" in output
    assert "case 1: 1  [category=x]\n  user      │ Who?\n  golden    │ Me\n\ncase 2: 2" in output
    assert "3 cases for scripted, scored by token_f1, contains." in output
    assert "1 row without a golden answer: metrics that compare with one skip these cases" in output
    assert output.splitlines()[-1].strip() == f"evalharness import dataset {project.root / 'a.csv'} -o suites/a.yaml"


def test_the_shown_command_writes_what_was_shown(project: DatasetProject) -> None:
    """The last line of the preview has all options, and repeats the import when it is run."""
    project.configure()
    options = ["--golden", "Reply", "--var", "text=Question", "--tag", "Area", "--ignore", "Internal note"]
    options += ["--prompt", "Say: {{ text }}", "--model", "scripted", "--limit", "2", "--delimiter", ","]

    command = shlex.split(project.preview("my data.csv", SUPPORT, *options).splitlines()[-1])
    written = project.command(*command[1:])

    assert written.exit_code == 0, written.output
    cases = [json.loads(line) for line in project.read("suites/cases/my-data.jsonl").splitlines()]
    assert cases == [
        {"id": "r1", "vars": {"text": "Where?"}, "tags": ["Area=shop"]},
        {"id": "r2", "vars": {"text": "When?"}, "tags": ["Area=shop"]},
    ]
    assert "#   evalharness import dataset 'my data.csv' --golden Reply" in project.read("suites/my-data.yaml")


def test_from_a_table_to_a_verdict(project: DatasetProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The imported suite runs as written: validate, a run that is accepted, and a red run after worse answers."""
    leave_ci(monkeypatch)
    project.configure()
    project.answer({"*": "Here"})
    rows = [(f"Where is {n}?", "Here") for n in range(30)]
    imported = project.command(
        "import", "dataset", project.put("demo.csv", csv_text(HEAD, *rows)), "-o", "suites/demo.yaml"
    )

    assert imported.exit_code == 0, imported.output
    assert imported.output.splitlines()[-1] == "30 cases, 30 with golden answers. Next: evalharness run demo"
    assert project.command("validate", "demo").exit_code == 0
    assert project.command("run", "demo").exit_code == 0
    assert project.accept().means["scripted", "default"]["token_f1"] == 1.0
    project.answer({"*": "There"})
    assert [verdict.status for verdict in project.evaluate(record="all").verdicts] == ["fail"]


def test_the_page(project: DatasetProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preview on the page about data sets is that of its table."""
    page = (Path(__file__).parents[3] / "docs/datasets.md").read_text(encoding="utf-8")
    content, shown = page.split("```text\n")[1].split("```")[0], page.split("```console\n")[1].split("```")[0]
    project.write("pyproject.toml", '[tool.evalharness.models.smollm2]\nprovider = "scripted"\nanswers = {a = "x"}\n')
    project.put("questions.csv", content)
    monkeypatch.chdir(project.root)

    output = project.command("import", "dataset", "questions.csv").output

    assert f"$ evalharness import dataset questions.csv\n{output}" == shown


def test_existing_files(project: DatasetProject) -> None:
    """No file is replaced without --force, and nothing is written if one of three exists."""
    project.configure()
    path = project.put("a.csv", csv_text(HEAD, *ROWS))
    project.write("golden/a.jsonl", '{"id": "mine", "golden": ["x"]}\n')

    refused = project.command("import", "dataset", path, "-o", "suites/a.yaml")

    assert refused.exit_code == 1
    assert "golden/a.jsonl: the file exists" in refused.output
    assert not (project.root / "suites").exists()
    forced = project.command("import", "dataset", path, "-o", "suites/a.yaml", "--force")
    assert forced.exit_code == 0, forced.output
    assert "mine" not in project.read("golden/a.jsonl")


def test_goldens_of_another_suite(project: DatasetProject) -> None:
    """Goldens in the other format would clash with the imported ones, so the import stops, also with --force."""
    project.write("golden/a.yaml", "mine: x\n")

    result = project.command(
        "import", "dataset", project.put("a.csv", csv_text(HEAD, *ROWS)), "-o", "suites/a.yaml", "--force"
    )

    assert result.exit_code == 1
    assert "golden/a.yaml: the file holds goldens of another suite" in result.output


@pytest.mark.parametrize("output", ["a.yaml", "suites/a.json", "suites/../a.yaml", "suites/x/a.yaml"])
def test_output_is_a_suite(project: DatasetProject, output: str) -> None:
    """Suites are in suites/, so other names are a usage error."""
    result = project.dataset("a.csv", csv_text(HEAD, *ROWS), "-o", output)

    assert result.exit_code == 2
    assert "expected suites/NAME.yaml" in result.output


def test_the_first_rows(project: DatasetProject) -> None:
    """--limit takes the first rows."""
    assert len(project.convert("a.csv", csv_text(HEAD, *ROWS), "--limit", "3").cases) == 3


def test_a_sample(project: DatasetProject) -> None:
    """A sample is the same in any order of the rows, keeps their order, and changes with the seed."""
    first = project.convert("a.csv", csv_text(HEAD, *ROWS), "--sample", "10")
    moved = project.convert("a.csv", csv_text(HEAD, *reversed(ROWS)), "--sample", "10")
    other = project.convert("a.csv", csv_text(HEAD, *ROWS), "--sample", "10", "--seed", "1")

    assert len(first.ids) == 10
    assert first.ids == [*reversed(moved.ids)]
    assert {*first.ids} != {*other.ids}
    questions = [row["question"] for row in first.vars]
    assert questions == sorted(questions, key=[question for question, _ in ROWS].index)


def test_a_sample_of_everything(project: DatasetProject) -> None:
    """A sample that is larger than the file is the file, also where rows are equal."""
    assert len(project.convert("a.csv", csv_text(HEAD, *ROWS, *ROWS), "--sample", "500").cases) == 80


def test_own_prompt(project: DatasetProject, tmp_path: Path) -> None:
    """A prompt is a text or a file, and may use columns that would be tags, ids or left out."""
    project.write("prompt.md", "Area {{ Area }}, case {{ id }}:\n{{ Question }}\n")

    imported = project.convert("a.csv", SUPPORT, "--prompt", str(project.root / "prompt.md"), "--golden", "Reply")

    assert imported.prompt == [{"user": "Area {{ Area }}, case {{ id }}:\n{{ Question }}"}]
    assert imported.vars[0] == {"id": "r1", "Question": "Where?", "Area": "shop", "internal_note": "x"}
    assert imported.cases[0]["tags"] == ["Area=shop"]
    assert imported.ids == ["r1", "r2", "r3"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--id", "ID"], "no column 'ID' in the data set"),
        (["--golden", "Replyy"], "did you mean 'Reply'?"),
        (["--prompt", "Hello"], "--prompt uses no variable: write {{ question }}"),
        (["--prompt", "{{ Qestion }}"], "--prompt uses 'Qestion', which is no variable; did you mean 'Question'?"),
        (["--prompt", "{{ Question"], "--prompt: line 1 of the template"),
        (["--model", "gpt"], "unknown model 'gpt'"),
        (["--golden", "Reply", "--prompt", "{{ Reply }}"], "--prompt uses 'Reply', which is no variable"),
    ],
)
def test_options_that_do_not_fit(project: DatasetProject, options: list[str], message: str) -> None:
    """The message names the option, and a similar name."""
    assert message in " ".join(project.refusal("a.csv", SUPPORT, *options).split())


@pytest.mark.parametrize(
    "options", [["--var", "a b=Question"], ["--var", "x=Question", "--var", "x=Reply"], ["--delimiter", "ab"]]
)
def test_usage(project: DatasetProject, options: list[str]) -> None:
    """Options of a wrong form are usage errors."""
    assert project.dataset("a.csv", SUPPORT, *options).exit_code == 2


def test_several_golden_columns(project: DatasetProject) -> None:
    """Several golden columns give several golden answers, each once."""
    text = "question,answer,variant\nWho?,Ada,Ada L.\nWhen?,1843,1843\n"

    imported = project.convert("a.csv", text, "--golden", "answer", "--golden", "variant")

    assert imported.answers == [["Ada", "Ada L."], ["1843"]]


def test_most_rows_without_golden_answers(project: DatasetProject) -> None:
    """If most rows have no golden answer, metrics score the few that have one, and the gate is on empty answers."""
    rows = [(f"q{n}?", "Yes" if n == 0 else "") for n in range(10)]

    imported = project.convert("a.csv", csv_text(HEAD, *rows))

    assert len(imported.cases) == 10
    assert [*imported.golden.values()] == [["Yes"]]
    assert imported.suite["metrics"] == [{"length": {"min_chars": 1}}, "token_f1", {"contains": {"ignore_case": True}}]
    assert imported.suite["gates"] == [{"metric": "length", "margin": 0.2}]
    assert "9 rows without a golden answer: metrics that compare with one skip these cases" in imported.output


def test_no_golden_answers(project: DatasetProject) -> None:
    """A data set of questions alone gives a suite without a golden file."""
    imported = project.convert("a.csv", "question\nWho?\nWhen?\n")

    assert imported.golden == {}
    assert not (project.root / "golden").exists()
    assert "2 cases, without golden answers" in imported.output


def test_a_project_without_a_model(project: DatasetProject) -> None:
    """Without a configured model, the suite is still valid, and the last line says what is missing."""
    result = project.dataset("a.csv", csv_text(HEAD, *ROWS), "-o", "suites/a.yaml")

    assert result.exit_code == 0, result.output
    assert "models" not in project.read("suites/a.yaml")
    assert "add a model to pyproject.toml" in result.output.splitlines()[-1]
    assert project.command("validate", "a").exit_code == 0


def test_limits(project: DatasetProject) -> None:
    """More cases than a suite may have are refused before a file is written, with the option that helps."""
    project.write("pyproject.toml", "[tool.evalharness.limits]\ncases = 39\n")

    refused = project.refusal("a.csv", csv_text(HEAD, *ROWS), "-o", "suites/a.yaml")

    assert "40 cases exceed limits.cases = 39: take fewer rows with --sample N" in " ".join(refused.split())


@pytest.mark.parametrize(
    ("goldens", "metrics"),
    [
        (["Paris", "42", "New York City"], ["token_f1", {"contains": {"ignore_case": True}}]),
        (["You can return it within thirty days.", "We open at nine on Sundays."], ["rouge_l", "token_f1"]),
        (["+", "👍"], [{"exact": {"ignore_case": True}}, {"contains": {"ignore_case": True}}]),
        (["東京です", "大阪だと思います"], ["chrf", {"contains": {"ignore_case": True}}]),
    ],
)
def test_metrics_fit_the_golden_answers(project: DatasetProject, goldens: list[str], metrics: list[object]) -> None:
    """Short answers, sentences, and languages without spaces get different metrics; the first one has the gate."""
    imported = project.convert("a.csv", csv_text(HEAD, *((f"q{n}", golden) for n, golden in enumerate(goldens))))

    assert imported.suite["metrics"] == metrics
    first = metrics[0] if isinstance(metrics[0], str) else "exact"
    assert imported.suite["gates"] == [{"metric": first, "margin": 0.2}]


def test_large_files_are_streamed(project: DatasetProject) -> None:
    """A file is read row by row: the memory does not grow with it."""
    import tracemalloc

    sizes = []
    for count in (500, 5_000):
        path = project.put("a.csv", csv_text(HEAD, *((f"q{n} {'x' * 2_000}", "a") for n in range(count))))
        tracemalloc.start()
        assert project.command("import", "dataset", path).exit_code == 0
        sizes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert sizes[1] < sizes[0] + 4_000_000, sizes
