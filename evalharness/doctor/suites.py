"""Check each suite: problems, recorded responses, estimated cost of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from evalharness.config import Config
from evalharness.doctor.project import ledger_path
from evalharness.doctor.result import CheckResult
from evalharness.errors import EvalHarnessError, GitError, StoreError, SuiteError
from evalharness.evaluation.compared_answers import with_accepted
from evalharness.evaluation.merge_base import MergeBase
from evalharness.evaluation.metric_requests import metric_requests
from evalharness.evaluation.plan import Plan, make_plan
from evalharness.evaluation.recorded import RecordedPlan
from evalharness.providers import Provider
from evalharness.records import Request, Suite
from evalharness.report.causes import remedy
from evalharness.report.usage import dollars
from evalharness.store import merge_base
from evalharness.store.baselines import accepted_suites
from evalharness.store.job_ledger import open_ledger
from evalharness.store.recorded import NOT_RECORDED, Recorded
from evalharness.suites import load_suite, suite_names

_NO_MODEL = "no model: tests give the answers, with the fixture llm"


@dataclass(frozen=True, slots=True)
class SuiteCheck:
    """The result for one suite, and what other checks need to know about it."""

    result: CheckResult
    models: frozenset[str] = frozenset()
    """Models with unrecorded requests."""
    embedders: frozenset[str] = frozenset()
    """Embedding models of its metrics and assertions."""
    cross_encoders: frozenset[str] = frozenset()
    name: str = ""


def check_suites(config: Config) -> Iterator[SuiteCheck]:
    """A check of each suite of the project."""
    opened: dict[str, Provider] = {}
    accepted, base = accepted_suites(config.root), _merge_base(config)
    for name in suite_names(config.root):
        yield _check(name, config, opened, base, "a baseline" if name in accepted else "no baseline yet")


def _check(name: str, config: Config, opened: dict[str, Provider], base: MergeBase | None, baseline: str) -> SuiteCheck:
    models: frozenset[str] = frozenset()
    try:
        suite = load_suite(name, config)
        models, used = frozenset(suite.models), _used(suite)
        if not suite.models:
            text = f"{name}: {len(suite.cases)} cases, {_NO_MODEL}; {baseline}"
            return replace(used, result=CheckResult("suites", "ok", text))
        plan = make_plan(suite, config, opened=opened)
        plan = with_accepted(plan, base, None) if base else plan
        recorded = RecordedPlan(plan, lambda keys: _recorded(keys, config))
        missing = recorded.missing
        if problem := _damaged(name, plan, base) or _offline(name, plan, missing):
            return replace(used, result=problem)
    except SuiteError as error:
        first, more = error.problems[0], len(error.problems) - 1
        rest = f" (and {more} more: evalharness validate {name})" if more else ""
        return SuiteCheck(CheckResult("suites", "broken", f"{first}{rest}", needed=True))
    except EvalHarnessError as error:
        return SuiteCheck(CheckResult("suites", "broken", f"{name}: {error}", needed=True), models)
    total = len(plan.requests)
    parts = [
        f"{len(suite.cases)} cases, {total} requests to {', '.join(plan.providers)}",
        f"{total - len(missing)} recorded",
        *_costs(plan, missing),
        *map(str, metric_requests(plan, missing)),
        baseline,
    ]
    result = CheckResult("suites", "ok", f"{name}: {'; '.join(parts)}", needed=True)
    return replace(used, result=result, models=_models(plan, recorded, config))


def _models(plan: Plan, recorded: RecordedPlan, config: Config) -> frozenset[str]:
    """The models that a run sends requests to: its own, and those of its metrics."""
    own = {request.key.model for request in recorded.missing}
    wanted = recorded.metric_keys()
    judged = bool(own) or not wanted.keys() <= _recorded(wanted, config).keys()
    return frozenset(own | (plan.metric_models.keys() if judged else set()))


def _merge_base(config: Config) -> MergeBase | None:
    """The merge base; None where it is unknown, which the check of the repository reports."""
    try:
        return MergeBase(config, merge_base(config.root))
    except GitError:
        return None


def _damaged(name: str, plan: Plan, base: MergeBase | None) -> CheckResult | None:
    """The first baseline that cannot be read."""
    if base is None:
        return None
    found = base.baselines(name, list(plan.request_digests)).values()
    damage = next((baseline for baseline in found if isinstance(baseline, StoreError)), None)
    return CheckResult("suites", "broken", f"{name}: {damage}", needed=True) if damage else None


def _offline(name: str, plan: Plan, missing: list[Request]) -> CheckResult | None:
    """The problem of a suite whose responses are not all recorded, where the configuration forbids model calls."""
    lost = [request for request in missing if plan.providers[request.key.model].capabilities.recorded]
    if not lost or not plan.config.offline:
        return None
    todo = remedy("not recorded", NOT_RECORDED, plan.suite.models, f"pytest --llm-suite={name}")
    text = f"{name}: {len(lost)} of {len(plan.requests)} requests: {NOT_RECORDED}\n{todo}"
    return CheckResult("suites", "broken", text, needed=True)


def _recorded(keys: Iterable[str], config: Config) -> Mapping[str, Recorded]:
    """The recorded responses by key. Raises StoreError."""
    if not ledger_path(config).exists():
        return {}
    with closing(open_ledger(config.cache_dir, config.root)) as ledger:
        return ledger.find(keys)


def _costs(plan: Plan, missing: list[Request]) -> Iterator[str]:
    """The estimated cost of the missing responses, one text for each model."""
    for model, provider in plan.providers.items():
        mine = [request for request in missing if request.key.model == model]
        pricing = plan.pricing.get(model)
        if mine and pricing:
            about = dollars(sum(map(pricing.about_usd, mine)))
            most = dollars(sum(pricing.most_usd(request, provider.capabilities.deadline_s) for request in mine))
            yield f"a run costs about {about} at {model}, at most {most}"
        elif mine and provider.capabilities.price_reference:
            yield f"no price configured for {model}"


def _used(suite: Suite) -> SuiteCheck:
    """A suite with the models that score its answers. The result follows."""
    similar = (spec.options["value"]["model"] for case in suite.cases for spec in case.checks if spec.name == "similar")
    return SuiteCheck(
        CheckResult("suites", "ok", suite.name),
        embedders=_models_of(suite, "embedding") | frozenset(similar),
        cross_encoders=_models_of(suite, "grounded"),
        name=suite.name,
    )


def _models_of(suite: Suite, metric: str) -> frozenset[str]:
    return frozenset(str(spec.options.get("model")) for spec in suite.metrics if spec.name == metric)
