"""`evalharness load`: send a suite's requests at a stated rate, and compare with a service level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from evalharness.cli._output import echo, explained, print_json
from evalharness.cli.complete import complete_model, complete_suite
from evalharness.cli.load_lines import COLOURS, capacity_lines, result_lines
from evalharness.cli.load_progress import LoadProgress
from evalharness.config import load_config
from evalharness.load.arrivals import Pattern
from evalharness.load.capacity import MOST_PROBES, find_capacity
from evalharness.load.load_test import LoadTest, describe_load, result_json
from evalharness.load.options import LoadOptions
from evalharness.load.quantities import per_second, seconds, share
from evalharness.load.service_level import bounds_of, service_level, terms_of
from evalharness.records.load_result import LoadResult, Probe
from evalharness.report.encode import json_text
from evalharness.report.load_page import load_html
from evalharness.store import write_below
from evalharness.store.load_records import LOAD_FILES, LOAD_RECORD, read_load

_INTERRUPTED = 130
VERDICT, PAGE = LOAD_FILES


class Quantity(click.ParamType[Any]):
    """An option with a unit, read by a function that raises ValueError."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name, self._read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value of the text; a usage error for another one."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _checked_level(text: str) -> str:
    terms_of(text)
    return text


RATE, DURATION, SHARE = Quantity("rate", per_second), Quantity("duration", seconds), Quantity("share", share)
LEVEL = Quantity("slo", _checked_level)


@click.command(
    epilog='Example: evalharness load support --rate 5/s --slo="ttft<300ms, e2el<2s, attainment>=95%"',
    short_help="Load-test a model with the requests of a suite.",
)
@click.argument("suite", shell_complete=complete_suite)
@click.option("--slo", required=True, type=LEVEL, metavar="TERMS", help="Set the bounds of a request and the target.")
@click.option("--rate", type=RATE, metavar="N/s", help="Start so many requests a second, whatever the answers do.")
@click.option("--duration", type=DURATION, default="60s", show_default=True, help="Set how long requests start.")
@click.option(
    "--arrivals",
    type=click.Choice(["constant", "poisson"]),
    default="poisson",
    show_default=True,
    help="Choose equal or random (exponential) distances between the starts.",
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Replay the starts of a file: seconds, or JSON with at_s and case, a line for each.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Set the seed of the starts and of the order.")
@click.option("--model", shell_complete=complete_model, help="Load this model instead of the suite's.")
@click.option("--prompt", "prompts", multiple=True, help="Send this prompt; repeatable.")
@click.option(
    "--host", "hosts", multiple=True, metavar="HOST", help="Allow a host that is not this machine; repeatable."
)
@click.option("--max-requests", type=click.IntRange(min=1), help="Limit the requests of each version.")
@click.option(
    "--max-in-flight",
    type=click.IntRange(min=1, max=20_000),
    default=1000,
    show_default=True,
    help="Limit the open requests; one that is due beyond it is a miss.",
)
@click.option("--warmup", type=DURATION, help="Leave out the first requests of each block. Default: a tenth.")
@click.option("--timeout", type=DURATION, help="Count a request as failed after this time. Default: the model's.")
@click.option("--deadline", type=DURATION, help="End the load after this time, answers included.")
@click.option("--budget", type=click.FloatRange(min=0), metavar="USD", help="Limit the cost.")
@click.option("--against", metavar="REF|URL", help="Take turns with this commit, or with this address of the model.")
@click.option("--margin", type=SHARE, default="5%", show_default=True, help="Set the drop that PASS rules out.")
@click.option("--find-capacity", is_flag=True, help="Search the highest rate that holds the service level.")
@click.option("--from", "first", type=RATE, default="1/s", show_default=True, help="Set the lowest rate of the search.")
@click.option("--to", "last", type=RATE, default="50/s", show_default=True, help="Set the highest rate of the search.")
@click.option(
    "--probes",
    type=click.IntRange(min=2, max=MOST_PROBES),
    default=MOST_PROBES,
    show_default=True,
    help="Limit the loads of the search.",
)
@click.option("--report", metavar="DIR", help="Write the record here. Default: reports/load/SUITE.")
@click.option(
    "--inconclusive",
    type=click.Choice(["warn", "fail"]),
    default="warn",
    show_default=True,
    help="Choose what an inconclusive result does.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def load(
    root: Path,
    /,
    find_capacity: bool,
    probes: int,
    inconclusive: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Send the requests of SUITE at a stated rate, and compare with a service level.

    Requests start when they are due, whatever became of the earlier ones, and latencies count from then on. Terms of
    --slo: bounds of a request (ttft, tpot, itl, e2el), and attainment>=95%, goodput>=4/s or p95(ttft)<300ms. An error
    is a miss. Nothing is replayed and nothing is recorded as an answer. Only this machine is loaded, unless the host is
    named in the model's configuration and with --host.

    Exit status: 0 PASS or INCONCLUSIVE, 1 FAIL or INVALID (this machine could not apply the load), 2 usage, 130 Ctrl-C.
    """
    with explained():
        options = _options(given, find_capacity=find_capacity)
        with LoadTest(options, load_config(root)) as test:
            for line in describe_load(test) if not find_capacity else ():
                echo(line, err=True)
            if find_capacity:
                result = _searched(test, given["first"], given["last"], probes, quiet=as_json)
            else:
                result = _sent(test, test.options.pattern.rate_per_s, quiet=as_json)
            _write(test, result)
            folder = test.folder.relative_to(root) if test.folder.is_relative_to(root) else test.folder
    _show(result, f"{folder}/{PAGE}", as_json=as_json)
    if result.stopped == "interrupt":
        raise SystemExit(_INTERRUPTED)
    raise SystemExit(_status(result, fail_inconclusive=inconclusive == "fail"))


def _options(given: dict[str, Any], *, find_capacity: bool) -> LoadOptions:
    sources = [name for name in ("rate", "trace") if given[name] is not None] + ["find-capacity"] * find_capacity
    if len(sources) != 1:
        got = " and ".join(f"--{name}" for name in sources) or "none"
        raise click.UsageError(f"expected one of --rate, --trace and --find-capacity, got {got}")
    if find_capacity and (given["against"] or given["first"] >= given["last"]):
        raise click.UsageError("--find-capacity: expected --from below --to, and no --against")
    rate = given["rate"] or given["first"]
    if not given["trace"]:
        try:
            service_level(given["slo"], rate)
        except ValueError as error:
            raise click.UsageError(f"--slo: {error}") from None
    pattern = Pattern(given["arrivals"], rate, given["duration"], given["max_requests"], given["seed"])
    return LoadOptions(
        suite=given["suite"],
        slo=given["slo"],
        pattern=pattern,
        trace=given["trace"],
        model=given["model"] or "",
        prompts=given["prompts"],
        hosts=given["hosts"],
        warmup_s=given["warmup"],
        most_in_flight=given["max_in_flight"],
        timeout_s=given["timeout"],
        deadline_s=given["deadline"],
        budget_usd=given["budget"],
        against=given["against"] or "",
        margin=given["margin"],
        report=given["report"] or "",
    )


def _sent(test: LoadTest, rate_per_s: float, *, quiet: bool, record: str = LOAD_RECORD) -> LoadResult:
    total = len(test.versions) * sum(map(len, test.arrivals(rate_per_s)))
    with LoadProgress(test.options.suite, total, bounds_of(test.options.slo), hidden=quiet) as progress:
        return test.run(rate_per_s, record=record, on_request=progress.add)


def _searched(test: LoadTest, first: float, last: float, probes: int, *, quiet: bool) -> LoadResult:
    """The result of the last probe, with the capacity and its verdict."""
    results: list[LoadResult] = []

    def probe(rate_per_s: float) -> Probe | None:
        """Load at one rate; None if it was stopped."""
        record = f"load-{len(results) + 1:02}.jsonl"
        found = _sent(test, rate_per_s, quiet=quiet, record=record)
        results.append(found)
        if found.stopped:
            return None
        candidate = found.versions[0]
        return Probe(rate_per_s, found.status, candidate.attainment, candidate.counted, record)

    capacity = find_capacity(probe, first, last, most=probes)
    return replace(results[-1], capacity=capacity)


def _write(test: LoadTest, result: LoadResult) -> None:
    """Write the verdict, and the page of the last record."""
    root = test.config.root
    write_below(root, test.folder / VERDICT, json_text(result_json(result)) + "\n")
    write_below(root, test.folder / PAGE, load_html(read_load(test.folder / test.record), result))


def _show(result: LoadResult, page: str, *, as_json: bool) -> None:
    if as_json:
        print_json(result_json(result))
        return
    for line in capacity_lines(result.capacity) if result.capacity else result_lines(result):
        echo(line)
    if not result.capacity:
        echo(result.headline, fg=COLOURS[result.status])
    echo(f"report     {page}")


def _status(result: LoadResult, *, fail_inconclusive: bool) -> int:
    if result.capacity:
        return int(result.capacity.low_per_s is None)
    if result.status == "inconclusive":
        return int(fail_inconclusive)
    return int(result.status != "pass")
