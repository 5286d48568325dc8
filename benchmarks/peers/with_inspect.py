"""The job for Inspect: a CSV dataset, a system message, generate(), exact()."""

from inspect_ai import Task, task
from inspect_ai.dataset import csv_dataset
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import exact
from inspect_ai.solver import generate, system_message


@task
def bench() -> Task:
    """All cases."""
    return Task(
        dataset=csv_dataset("cases.csv"),
        solver=[system_message("You answer in one sentence."), generate()],
        scorer=exact(),
        config=GenerateConfig(max_tokens=64),
    )
