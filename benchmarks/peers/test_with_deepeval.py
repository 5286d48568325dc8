"""The job for deepeval: a dataset of goldens, one test each, its ExactMatchMetric."""

import csv
from pathlib import Path

import pytest
from deepeval import assert_test
from deepeval.dataset import EvaluationDataset, Golden
from deepeval.metrics import ExactMatchMetric
from deepeval.test_case import LLMTestCase
from openai import OpenAI

client = OpenAI()
rows = csv.DictReader(Path("cases.csv").read_text().splitlines())
dataset = EvaluationDataset(goldens=[Golden(input=row["input"], expected_output=row["target"]) for row in rows])


def ask(question: str) -> str:
    """The answer of the model."""
    answer = client.chat.completions.create(
        model="m",
        messages=[
            {"role": "system", "content": "You answer in one sentence."},
            {"role": "user", "content": question},
        ],
        max_tokens=64,
    )
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize("golden", dataset.goldens)
def test_answer(golden: Golden) -> None:
    case = LLMTestCase(input=golden.input, actual_output=ask(golden.input), expected_output=golden.expected_output)
    assert_test(case, [ExactMatchMetric()])
