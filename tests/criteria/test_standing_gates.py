"""The gates of the merge base keep their alpha, whatever the change configures."""

from __future__ import annotations

from repository import Repository
from trust_project import DEMO, swap

from evalharness.config import load_config
from evalharness.evaluation.merge_base import MergeBase
from evalharness.store import merge_base


def test_a_lower_limit(pull_request: Repository) -> None:
    """A limit that the prompt of then exceeds does not hide its gates, which would then share alpha with all added."""
    swap(DEMO, "{{ question }} {{ shop }}", "{{ shop }}")(pull_request)
    swap(DEMO, '    - user: "{{ question }}"', '    - user: "{{ shop }}"')(pull_request)
    swap("pyproject.toml", "cases = 1000", "cases = 1000\nprompt_chars = 10")(pull_request)
    pull_request.commit()
    base = MergeBase(load_config(pull_request.root), merge_base(pull_request.root, "main"))
    assert not [str(change) for change in base.changes("demo") if change.relaxes]
    assert [rule.metric for rule in base.rules("demo", ())] == ["rouge_l", "rouge_l", "assertions", "cost"]
