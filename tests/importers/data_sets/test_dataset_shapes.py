"""Data sets of hubs and of other evaluation tools become the cases that their columns mean.

The field names follow the documentation of each tool: datasets-server (github.com/huggingface/dataset-viewer),
OpenAI evals (github.com/openai/evals), deepeval goldens (deepeval.com/docs/evaluation-datasets), LangSmith examples
(docs.langchain.com/langsmith/example-data-format), ragas (docs.ragas.io), and the dataset cards of SQuAD, TriviaQA,
GSM8K, MMLU, ARC, CommonsenseQA, WinoGrande, HellaSwag, BoolQ, TruthfulQA, Alpaca and Dolly.
The texts are made up.
"""

from __future__ import annotations

from typing import Any

import pytest
from dataset_projects import DatasetProject, served, table

QUESTION = [{"user": "{{ question }}"}]
IN_CONTEXT = [{"user": "{{ context }}\n\n{{ question }}"}]
OPTIONS = "A. red\nB. blue\nC. green"
CHOICE = [{"user": "{{ question }}\n\n{{ choices }}\n\nAnswer with the letter of the right option only."}]
PART = {"type": "text", "text": "Hi"}
ACCURATE = [{"exact": {"ignore_case": True}}]


def test_datasets_server(project: DatasetProject) -> None:
    """Rows of the datasets-server lose their wrapper, and classes get their names."""
    features = [{"feature_idx": 1, "name": "label", "type": {"_type": "ClassLabel", "names": ["bad", "good"]}}]
    content = served([{"text": "Fine", "label": 1}, {"text": "Awful", "label": 0}], features=features)

    imported = project.convert("a.json", content | {"num_rows_total": 900})

    assert imported.vars == [{"text": "Fine"}, {"text": "Awful"}]
    assert imported.answers == [["good"], ["bad"]]
    assert imported.prompt == [{"user": "{{ text }}\n\nAnswer with one of these labels only: bad, good."}]
    assert "the file has 2 of 900 rows of the data set" in imported.output


def test_cells_that_the_server_cut(project: DatasetProject) -> None:
    """Cells that the datasets-server cut are named, because half a text is another text."""
    content = served([{"text": "Fine", "label": "a"}])
    content["rows"][0]["truncated_cells"] = ["text"]

    assert "the server cut cells of 1 row (text): use the Parquet file instead" in project.preview("a.json", content)


@pytest.mark.parametrize(
    ("answers", "golden"),
    [
        ({"text": ["Ada", "Ada L."], "answer_start": [3, 3]}, ["Ada", "Ada L."]),
        ({"text": ["Ada", "Ada"], "answer_start": [3, 9]}, ["Ada"]),
        ([{"text": "Ada", "answer_start": 3}, {"text": "Ada L.", "answer_start": 3}], ["Ada", "Ada L."]),
    ],
)
def test_squad(project: DatasetProject, answers: Any, golden: list[str]) -> None:
    """Answers of SQuAD are the texts without their positions, each once."""
    row = {"id": "q-1", "title": "T", "context": "By Ada L.", "question": "Who?", "answers": answers}

    imported = project.convert("a.jsonl", [row])

    assert (imported.ids, imported.answers, imported.prompt) == (["q-1"], [golden], IN_CONTEXT)


def test_squad_file(project: DatasetProject) -> None:
    """The nested file of SQuAD gives a row for each question."""
    questions = [
        {"id": f"q{n}", "question": f"Who {n}?", "answers": [{"text": "Ada", "answer_start": 0}]} for n in (1, 2)
    ]
    content = {"version": "1.1", "data": [{"title": "T", "paragraphs": [{"context": "Ada.", "qas": questions}]}]}

    imported = project.convert("a.json", content)

    assert imported.ids == ["q1", "q2"]
    assert imported.vars[1] == {"title": "T", "context": "Ada.", "question": "Who 2?"}


def test_trivia(project: DatasetProject) -> None:
    """The value and the aliases of TriviaQA are golden answers; normalized copies are not."""
    answer = {"value": "Ada", "aliases": ["Ada", "Ada L."], "normalized_aliases": ["ada"], "type": "X"}

    imported = project.convert("a.jsonl", [{"question": "Who?", "question_id": "tc_1", "answer": answer}])

    assert (imported.ids, imported.answers) == (["tc_1"], [["Ada", "Ada L."]])


def test_final_numbers(project: DatasetProject) -> None:
    """A solution that ends in `#### 1,042` has the golden answer 1042, which the answer must contain."""
    rows = [{"question": f"{n}?", "answer": f"First 1.\nThen 2.\n#### {n}"} for n in ("1,042", "-5", "3.50")]

    imported = project.convert("a.jsonl", rows)

    assert imported.answers == [["1042"], ["-5"], ["3.50"]]
    assert imported.suite["metrics"] == ["contains"]


@pytest.mark.parametrize(
    ("columns", "letters"),
    [
        ([{"choices": ["red", "blue", "green"], "answer": n} for n in (1, 0, 2)], "BAC"),
        ([{"choices": ["red", "blue", "green"], "answer": n} for n in ("B", "a", "C")], "BAC"),
        ([{"choices": ["red", "blue", "green"], "answer": n} for n in ("blue", "red", "green")], "BAC"),
        ([{"options": ["red", "blue", "green"], "answer_idx": n} for n in (1, 0, 2)], "BAC"),
        ([{"endings": ["red", "blue", "green"], "label": n} for n in ("1", "0", "2")], "BAC"),
        ([{"choices": {"text": ["red", "blue", "green"], "label": [*"ABC"]}, "answerKey": n} for n in "BAC"], "BAC"),
        ([{"options": {"A": "red", "B": "blue", "C": "green"}, "answer": n} for n in "BAC"], "BAC"),
        ([{"A": "red", "B": "blue", "C": "green", "answer": n} for n in "BAC"], "BAC"),
        ([{"option1": "red", "option2": "blue", "option3": "green", "answer": n} for n in "213"], "BAC"),
        ([{"choice_a": "red", "choice_b": "blue", "choice_c": "green", "label": n} for n in (1, 0, 2)], "BAC"),
    ],
)  # fmt: skip
def test_multiple_choice(project: DatasetProject, columns: list[dict[str, Any]], letters: str) -> None:
    """Options become lettered lines; the right one, by index, letter or text, becomes its letter."""
    imported = project.convert("a.jsonl", [{"question": f"{n}?"} | row for n, row in enumerate(columns)])

    assert imported.answers == [[letter] for letter in letters]
    assert [row["choices"] for row in imported.vars] == [OPTIONS] * 3
    assert (imported.prompt, imported.suite["metrics"]) == (CHOICE, ACCURATE)


def test_labels_of_options_are_kept(project: DatasetProject) -> None:
    """Questions of ARC whose options are numbered keep their numbers."""
    choices = {"text": ["red", "blue"], "label": ["1", "2"]}

    imported = project.convert("a.jsonl", [{"id": "x", "question": "?", "choices": choices, "answerKey": "2"}])

    assert (imported.vars[0]["choices"], imported.answers) == ("1. red\n2. blue", [["2"]])


def test_nested_questions(project: DatasetProject) -> None:
    """The question of CommonsenseQA and OpenBookQA is an object with a stem and choices."""
    choices = [{"label": "A", "text": "red"}, {"label": "B", "text": "blue"}]
    rows = [{"id": "x", "answerKey": "B", "question": {"stem": "Sky?", "choices": choices}}]

    imported = project.convert("a.jsonl", rows)

    assert imported.vars == [{"question_stem": "Sky?", "choices": "A. red\nB. blue"}]
    assert imported.answers == [["B"]]


def test_an_answer_that_is_no_option(project: DatasetProject) -> None:
    """A question whose answer is none of its options has no golden answer, which is counted."""
    rows = [{"question": f"{n}?", "choices": ["red", "blue"], "answer": n % 2} for n in range(30)]

    imported = project.convert("a.jsonl", [*rows, {"question": "Last?", "choices": ["red"], "answer": 7}])

    assert (len(imported.cases), len(imported.golden)) == (31, 30)
    assert "1 row without a golden answer: metrics that compare with one skip these cases" in imported.output


def test_booleans(project: DatasetProject) -> None:
    """The answers of BoolQ are yes and no; other booleans are true and false."""
    rows = [{"question": "is it so", "passage": "P", "answer": value} for value in (True, False)]

    imported = project.convert("a.jsonl", rows)

    assert imported.answers == [["yes"], ["no"]]
    assert imported.prompt == [{"user": "{{ passage }}\n\n{{ question }}\n\nAnswer yes or no."}]
    other = [{"text": "P", "golden": value} for value in (True, False)]
    assert project.convert("b.jsonl", other).answers == [["true"], ["false"]]


def test_instructions(project: DatasetProject) -> None:
    """The input of Alpaca follows the instruction, and leaves no gap where it is empty."""
    rows = [
        {"instruction": "Sum up.", "input": "", "output": "a"},
        {"instruction": "Translate.", "input": "Ja", "output": "b"},
    ]

    output = project.preview("a.json", rows)

    assert "user      │ Sum up.\n  golden" in output
    assert "user      │ Translate.\n            │ \n            │ Ja\n  golden" in output


def test_contexts_before_instructions(project: DatasetProject) -> None:
    """The context of Dolly precedes the instruction, the category is a tag, and the response is golden."""
    rows = [
        {"instruction": f"Do {n}.", "context": n % 2 * "Text.", "response": "a", "category": "qa"} for n in range(2)
    ]

    imported = project.convert("a.jsonl", rows)

    assert imported.vars == [{"instruction": "Do 0.", "context": ""}, {"instruction": "Do 1.", "context": "Text."}]
    assert [case["tags"] for case in imported.cases] == [["category=qa"], ["category=qa"]]
    assert imported.answers == [["a"], ["a"]]


def test_summaries(project: DatasetProject) -> None:
    """A text with a summary gets a prompt that asks for one."""
    imported = project.convert("a.jsonl", [{"article": "Long.", "highlights": "Short and to the point.", "id": "x"}])

    assert imported.prompt == [{"user": "{{ article }}\n\nSummarize this text in a few sentences."}]
    assert imported.suite["metrics"][0] == "rouge_l"


def test_truthful(project: DatasetProject) -> None:
    """Each of the correct answers of TruthfulQA is golden; wrong answers and links are left out by name."""
    text = (
        "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
        'Adv,Law,Is it?,No,No; It is not,Yes; Sure,https://example.org/a\nAdv,Law,Was it?,No,No; "Not, then",Yes,https://example.org/b\n'
    ).replace('"Not, then"', "Not then")

    imported = project.convert("a.csv", text)

    assert imported.answers == [["No", "It is not"], ["No", "Not then"]]
    assert imported.vars == [{"Question": "Is it?"}, {"Question": "Was it?"}]
    shown = table(project.command("import", "dataset", project.put("a.csv", text)).output)
    assert shown["Best Answer"].startswith("left out another column is golden; --golden 'Best Answer' adds it")
    assert shown["Source"].startswith("left out")


def test_numbered_answers(project: DatasetProject) -> None:
    """Columns answer1, answer2, ... are golden answers of one case; empty ones are none."""
    imported = project.convert("a.csv", "question,answer1,answer2,answer3\nWho?,Ada,Ada L.,\nWhen?,1843,,\n")

    assert imported.answers == [["Ada", "Ada L."], ["1843"]]


def test_openai_evals(project: DatasetProject) -> None:
    """The chat of OpenAI evals becomes messages, and each ideal answer is golden."""
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}]

    imported = project.convert("a.jsonl", [{"input": chat, "ideal": "2"}, {"input": chat, "ideal": ["2", "two"]}])

    assert imported.prompt == [{"system": "{{ system }}"}, {"user": "{{ user }}"}]
    assert imported.vars[0] == {"system": "Be brief.", "user": "1 + 1?"}
    assert imported.answers == [["2"], ["2", "two"]]


def test_examples_in_a_chat(project: DatasetProject) -> None:
    """Few-shot turns of OpenAI evals, which have the role system, are turns of user and assistant."""
    chat = [
        {"role": "system", "content": "Add."},
        {"role": "system", "name": "example_user", "content": "1 + 1"},
        {"role": "system", "name": "example_assistant", "content": "2"},
        {"role": "user", "content": "2 + 2"},
    ]

    imported = project.convert("a.jsonl", [{"input": chat, "ideal": "4"}])

    assert [*map(list, imported.prompt)] == [["system"], ["user"], ["assistant"], ["user"]]
    assert imported.vars == [{"system": "Add.", "user_1": "1 + 1", "assistant": "2", "user_2": "2 + 2"}]


@pytest.mark.parametrize(
    "turns",
    [
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
        {"messages": [{"type": "human", "content": "Hi"}, {"type": "ai", "content": "Hello"}]},
        {"messages": [{"role": "user", "content": [PART]}, {"role": "model", "content": "Hello"}]},
        {"prompt": "Hi", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]},
    ],
)  # fmt: skip
def test_conversations(project: DatasetProject, turns: dict[str, Any]) -> None:
    """The last turn of the assistant is golden, and the turns before it are sent."""
    imported = project.convert("a.jsonl", [turns])

    assert imported.prompt == [{"user": "{{ user }}"}]
    assert (imported.vars, imported.answers) == ([{"user": "Hi"}], [["Hello"]])


def test_conversations_of_different_length(project: DatasetProject) -> None:
    """Of conversations with different turns the last turn is the prompt, and the turns before it are messages."""
    long = [("human", "A"), ("gpt", "B"), ("human", "C"), ("gpt", "D")]
    rows = [{"id": n, "conversations": [{"from": a, "value": b} for a, b in long[:n]]} for n in (2, 4)]

    imported = project.convert("a.json", rows)

    assert imported.vars == [{"question": "A"}, {"question": "C"}]
    assert [case.get("messages") for case in imported.cases] == [None, [{"user": "A"}, {"assistant": "B"}]]
    assert imported.answers == [["B"], ["D"]]
    output = project.command("import", "dataset", project.put("a.json", rows)).output
    assert "the last turn of the user, in 2 orders of turns" in output


def test_conversations_with_tools(project: DatasetProject) -> None:
    """A conversation with tool calls cannot be sent, and is left out by name."""
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    call = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]

    imported = project.convert("a.jsonl", [{"messages": chat}, {"messages": chat[:1] + chat[1:]}, {"messages": call}])

    assert len(imported.cases) == 2
    assert "1 row: no text for the prompt in 'question', left out (line 3)" in imported.output


def test_preferences(project: DatasetProject) -> None:
    """The chosen answer of a preference pair is golden, and the rejected one is left out by name."""
    output = project.preview("a.jsonl", [{"prompt": "Hi", "chosen": "Hello", "rejected": "What"}])

    assert table(output)["chosen"].startswith("golden")
    assert table(output)["rejected"].startswith("left out answers of a model")


@pytest.mark.parametrize(
    ("expected", "actual"), [("expected_output", "actual_output"), ("expectedOutput", "actualOutput")]
)
def test_deepeval(project: DatasetProject, expected: str, actual: str) -> None:
    """Goldens of deepeval: contexts are joined, metadata is a tag, and recorded answers are left out by name."""
    empty = {"retrieval_context": None, "name": None, "comments": None, "source_file": None}
    rows = [
        {
            "input": f"Who {n}?",
            actual: "Bob",
            expected: "Ada",
            "context": ["One.", "Two."],
            "additional_metadata": {"topic": "people"},
        }
        for n in range(2)
    ]

    imported = project.convert("a.json", [row | empty for row in rows])

    assert imported.vars[0] == {"input": "Who 0?", "context": "One.\n\nTwo."}
    assert imported.answers == [["Ada"], ["Ada"]]
    assert imported.cases[0]["tags"] == ["topic=people"]
    output = project.command("import", "dataset", project.put("a.json", rows)).output
    assert table(output)[actual] == "left out answers of a model; docs/python.md shows how to gate them"


def test_langsmith(project: DatasetProject) -> None:
    """Examples of LangSmith: inputs are variables, outputs golden answers, few-valued metadata tags."""
    rows = [
        {
            "id": f"6d0e3c50-0000-4000-8000-00000000000{n}",
            "dataset_id": "d",
            "created_at": "2026-01-02T03:04:05",
            "source_run_id": None,
            "inputs": {"question": f"Who {n}?", "style": "short"},
            "outputs": {"answer": "Ada"},
            "metadata": {"dataset_split": ["base"], "area": "people"},
        }
        for n in range(3)
    ]

    imported = project.convert("a.jsonl", rows)

    assert imported.ids[0] == "6d0e3c50-0000-4000-8000-000000000000"
    assert imported.vars[0] == {"question": "Who 0?", "style": "short"}
    assert imported.answers == [["Ada"]] * 3
    assert imported.cases[0]["tags"] == ["dataset_split=base", "area=people"]


@pytest.mark.parametrize(("outputs", "golden"), [({"label_x": "Ada"}, "Ada"), ({"answer": "Ada", "cost": 1}, "Ada")])
def test_outputs_of_langsmith(project: DatasetProject, outputs: dict[str, Any], golden: str) -> None:
    """The only output is golden whatever its name; of several, the one with a known name."""
    rows = [{"id": "a", "inputs": {"x": "Who?"}, "outputs": outputs}]

    assert project.convert("a.json", rows).answers == [[golden]]


@pytest.mark.parametrize(
    ("row", "variables", "golden"),
    [
        (
            {"user_input": "Who?", "retrieved_contexts": ["A.", "B."], "reference_contexts": ["C."]}
            | {"response": "Bob", "reference": "Ada"},
            {"user_input": "Who?", "retrieved_contexts": "A.\n\nB.", "reference_contexts": "C."},
            ["Ada"],
        ),
        (
            {"question": "Who?", "contexts": ["A.", "B."], "answer": "Bob", "ground_truth": "Ada"},
            {"question": "Who?", "contexts": "A.\n\nB."},
            ["Ada"],
        ),
        (
            {"question": "Who?", "contexts": ["A."], "answer": "Bob", "ground_truths": ["Ada", "Ada L."]},
            {"question": "Who?", "contexts": "A."},
            ["Ada", "Ada L."],
        ),
    ],
)  # fmt: skip
def test_ragas(project: DatasetProject, row: dict[str, Any], variables: dict[str, str], golden: list[str]) -> None:
    """Ragas, old and new: the reference is golden, and the answer of the application is left out by name."""
    imported = project.convert("a.jsonl", [row])

    assert (imported.vars, imported.answers) == ([variables], [golden])
    output = project.command("import", "dataset", project.put("a.jsonl", [row])).output
    name = "response" if "response" in row else "answer"
    assert table(output)[name].startswith("left out answers of a model")


def test_ragas_without_a_reference(project: DatasetProject) -> None:
    """Answers beside retrieved contexts are those of an application, so they are no golden answers."""
    output = project.preview("a.jsonl", [{"question": "Who?", "contexts": ["A."], "answer": "Bob"}])

    assert table(output)["answer"].startswith("left out answers of a model, as in ragas")
    assert "No column has golden answers: --golden names one." in output


def test_lists_in_a_csv(project: DatasetProject) -> None:
    """Lists that pandas printed into a CSV file are lists again."""
    text = 'user_input,retrieved_contexts,reference\nWho?,"[\'It\'\'s\', \'B.\']",Ada\nWhen?,"[""C.""]",1843\n'

    imported = project.convert("a.csv", text.replace("It''s", "A"))

    assert [row["retrieved_contexts"] for row in imported.vars] == ["A\n\nB.", "C."]


@pytest.mark.parametrize("cell", ["[3, 1, 2]", '["b", "a"]', '{"a": 1', "[[0, 1], [1, 0]]"])
def test_cells_that_look_like_json(project: DatasetProject, cell: str) -> None:
    """A question that is a list in brackets stays the text that it is."""
    text = f'input,answer\n"{cell.replace(chr(34), chr(34) * 2)}",x\n'

    assert project.convert("a.csv", text).vars == [{"input": cell}]


def test_objects_in_a_csv(project: DatasetProject) -> None:
    """Inputs and outputs that an export wrote as JSON into a CSV file are columns again."""
    text = 'input,output\n"{""question"": ""Who?""}","{""answer"": ""Ada""}"\n'

    imported = project.convert("a.csv", text)

    assert (imported.vars, imported.answers) == ([{"question": "Who?"}], [["Ada"]])


def test_inputs_without_a_known_name(project: DatasetProject) -> None:
    """Without a known name, the prompt has all inputs of an export, and none of its other columns."""
    rows = [{"id": "a", "dataset": "d", "input": {"country": "Italy", "year": 1946}, "expectedOutput": "Rome"}]

    assert project.convert("a.json", rows).prompt == [{"user": "country: {{ country }}\nyear: {{ year }}"}]


def test_pairs_of_texts(project: DatasetProject) -> None:
    """A pair of texts with a class gets a prompt with both, and with the names of the classes."""
    rows = [{"premise": "P", "hypothesis": f"H{n}", "label": label} for n, label in enumerate(["yes", "no", "yes"])]

    imported = project.convert("a.jsonl", rows)

    text = "premise: {{ premise }}\nhypothesis: {{ hypothesis }}\n\nAnswer with one of these labels only: no, yes."
    assert (imported.prompt, imported.suite["metrics"]) == ([{"user": text}], ACCURATE)


def test_a_conversation_with_a_reference(project: DatasetProject) -> None:
    """If another column is golden, the last turn of the assistant is neither sent nor golden, and is named."""
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]

    output = project.preview("a.jsonl", [{"messages": chat, "reference": "Good day"}])

    assert "messages   left out       the last turn of the assistant: another column is golden" in output
    assert project.convert("a.jsonl", [{"messages": chat, "reference": "Good day"}]).answers == [["Good day"]]


def test_items_of_openai_evals(project: DatasetProject) -> None:
    """`correct_label` of an item in OpenAI's evals API is golden, and never part of the prompt."""
    items = [{"item": {"ticket_text": "My monitor", "correct_label": "Hardware"}}]

    imported = project.convert("a.jsonl", items)

    assert imported.vars == [{"ticket_text": "My monitor"}]
    assert imported.answers == [["Hardware"]]


def test_preferences_as_conversations(project: DatasetProject) -> None:
    """The answer in `chosen` is golden where `chosen` is a conversation (huggingface.co/docs/trl/dataset_formats)."""
    question = {"role": "user", "content": "Who?"}
    chosen, rejected = ([question, {"role": "assistant", "content": text}] for text in ("Ada", "Bob"))

    imported = project.convert("a.jsonl", [{"prompt": "Who?", "chosen": chosen, "rejected": rejected}])

    assert imported.vars == [{"user": "Who?"}]
    assert imported.answers == [["Ada"]]


def test_expected_labels(project: DatasetProject) -> None:
    """A few texts in a column such as `expected_category` are labels, which the prompt names."""
    rows = [{"text": f"Ticket {index}", "expected_category": "abc"[index % 3]} for index in range(6)]

    imported = project.convert("a.jsonl", rows)

    assert imported.prompt == [{"user": "{{ text }}\n\nAnswer with one of these labels only: a, b, c."}]
    assert imported.suite["metrics"] == ACCURATE
