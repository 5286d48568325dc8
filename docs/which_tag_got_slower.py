"""Which tag got slower between two runs? Seconds of the same cases, by tag, the slowest first.

    python docs/which_tag_got_slower.py BEFORE AFTER

BEFORE and AFTER are folders that hold a run.jsonl, as reports/support does. Needs pip install 'evalharness[pandas]'.
"""

import sys
from pathlib import Path

import pandas

from evalharness import EvalHarnessError, Run, read_run


def seconds(run: Run) -> pandas.Series:
    """The median seconds of each case; replayed answers are left out: they have no seconds."""
    samples = run.to_pandas().dropna(subset="latency_s")
    return samples.groupby(["case", "digest", "prompt", "model"])["latency_s"].median()


def by_tag(before: Run, after: Run) -> pandas.DataFrame:
    """For each tag the cases that both runs measured, their median seconds before and after, and the median change."""
    cases = pandas.concat({"before_s": seconds(before), "after_s": seconds(after)}, axis=1, join="inner").reset_index()
    tags = after.to_pandas().explode("tags")[["case", "tags"]].dropna().drop_duplicates()
    rows = cases.merge(tags, on="case").assign(change=lambda row: row["after_s"] / row["before_s"] - 1)
    table = rows.groupby("tags").agg(
        cases=("case", "size"),
        before_s=("before_s", "median"),
        after_s=("after_s", "median"),
        change=("change", "median"),
    )
    return table.sort_values("change", ascending=False)


def main(folders: list[str]) -> None:
    """Print the table."""
    if len(folders) != 2:
        sys.exit(__doc__)
    try:
        before, after = (read_run(Path(folder) / "run.jsonl") for folder in folders)
        table = by_tag(before, after)
    except EvalHarnessError as error:
        sys.exit(f"{error}")
    if table.empty:
        sys.exit("No case with a tag was measured in both runs: run both with --llm-record=all.")
    if before.header.machine_class != after.header.machine_class:
        print("The runs come from two kinds of machine: their seconds do not compare.\n")
    formats = {"before_s": "{:.3f}".format, "after_s": "{:.3f}".format, "change": "{:+.0%}".format}
    print(table.rename(index=ascii).to_string(formatters=formats, index_names=False))  # tags are untrusted text
    tag, change = table.index[0], table["change"].iloc[0]
    print(f"\n{tag!a} got {'slower' if change > 0 else 'no slower'}: {change:+.0%}.")


if __name__ == "__main__":
    main(sys.argv[1:])
