"""The job for plain pytest: one test a case, which pytest-xdist may spread over processes."""

import csv
from pathlib import Path

import pytest
from openai import OpenAI

client = OpenAI()
rows = csv.DictReader(Path("cases.csv").read_text().splitlines())


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


@pytest.mark.parametrize(("question", "expected"), [(row["input"], row["target"]) for row in rows])
def test_answer(question: str, expected: str) -> None:
    assert ask(question) == expected
