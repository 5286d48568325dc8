"""The job for pydantic-evals: a dataset, an async task, EqualsExpected."""

import csv
from pathlib import Path

from openai import AsyncOpenAI
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import EqualsExpected

client = AsyncOpenAI()
rows = csv.DictReader(Path("cases.csv").read_text().splitlines())
dataset = Dataset[str, str, None](
    name="bench",
    cases=[Case(inputs=row["input"], expected_output=row["target"]) for row in rows],
    evaluators=[EqualsExpected()],
)


async def ask(question: str) -> str:
    """The answer of the model."""
    answer = await client.chat.completions.create(
        model="m",
        messages=[
            {"role": "system", "content": "You answer in one sentence."},
            {"role": "user", "content": question},
        ],
        max_tokens=64,
    )
    return answer.choices[0].message.content or ""


report = dataset.evaluate_sync(ask, max_concurrency=50)
report.print()
