"""Runs, baselines, recordings and the ledger on disk. Every format has a version."""

from evalharness.store.baselines import accepted_baselines, baseline_path, read_baseline
from evalharness.store.ci import in_ci
from evalharness.store.commit import Commit
from evalharness.store.environment import environment, machine_class, work_s
from evalharness.store.files import write_below, write_whole
from evalharness.store.git import commit_at, merge_base
from evalharness.store.runs import RunWriter, canonical_run, read_run
from evalharness.store.sample_lines import sample_from_json, sample_to_json

__all__ = [
    "Commit",
    "RunWriter",
    "accepted_baselines",
    "baseline_path",
    "canonical_run",
    "commit_at",
    "environment",
    "in_ci",
    "machine_class",
    "merge_base",
    "read_baseline",
    "read_run",
    "sample_from_json",
    "sample_to_json",
    "work_s",
    "write_below",
    "write_whole",
]
