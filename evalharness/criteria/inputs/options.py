"""Options of the command line, which the job gives: trusted there. Options in `addopts` are settings, and compared."""

from __future__ import annotations

from evalharness.criteria.inputs.row import Input


def _trusted(reason: str, options: str) -> Input:
    return Input(tuple(options.split()), "trusted", reason)


PYTEST_OPTIONS = (
    Input(("-c", "--config-file"), "compared", "the settings file that pytest has read is compared"),
    Input(("--rootdir",), "refused", "without it, a root that is not the nearest folder with suites/ is an error"),
    Input(("-p", "--confcutdir"), "compared", "a plugin whose file is in the project is compared"),
    _trusted(
        "a part of the cases never passes",
        "-k -m --deselect --ignore --ignore-glob --maxfail --lf --last-failed --lfnf --last-failed-no-failures "
        "--sw --stepwise --sw-skip --stepwise-skip --sw-reset --stepwise-reset",
    ),
    _trusted("a stopped run is an error", "-x --exitfirst --pdb --pdbcls --trace --continue-on-collection-errors"),
    _trusted(
        "a run that judges nothing leaves no verdict: evalharness verify",
        "--collect-only --collectonly --co --setup-only --setuponly --setup-plan --setupplan --setup-show --setupshow "
        "--fixtures --funcargs --fixtures-per-test --markers --cache-show -h --help -V --version",
    ),
    _trusted("a setting that the job chooses", "-o --override-ini"),
    _trusted(
        "which code runs",
        "--noconftest --disable-plugin-autoload --import-mode --assert --pyargs --collect-in-virtualenv",
    ),
    _trusted("an order: answers do not depend on it", "--ff --failed-first --nf --new-first --cache-clear"),
    _trusted(
        "tests",
        "--runxfail --strict --strict-config --strict-markers -W --pythonwarnings --max-warnings --keep-duplicates "
        "--keepduplicates --doctest-modules --doctest-report --doctest-glob --doctest-ignore-import-errors "
        "--doctest-continue-on-failure",
    ),
    _trusted(
        "how pytest prints",
        "-v --verbose -q --quiet --verbosity --no-header --no-summary --no-fold-skipped --force-short-summary -r "
        "--report-chars --disable-warnings --disable-pytest-warnings -l --showlocals --no-showlocals --tb --xfail-tb "
        "--show-capture --full-trace --fulltrace --color --code-highlight --durations --durations-min --capture -s "
        "--trace-config --traceconfig --debug --pastebin --log-level --log-format --log-date-format --log-cli-level "
        "--log-cli-format --log-cli-date-format --log-file --log-file-mode --log-file-level --log-file-format "
        "--log-file-date-format --log-auto-indent --log-disable",
    ),
    _trusted("what pytest writes", "--junitxml --junit-xml --junitprefix --junit-prefix --basetemp"),
)
"""Options of pytest itself. An option of another plugin is the job's too."""

OPTIONS = (
    _trusted("which suites are judged; a deleted suite is listed by the others", "--llm-suite"),
    _trusted("what runs; a part of the cases never passes", "--llm-model --llm-prompt --llm-repeat"),
    _trusted("a part of the cases never passes: evalharness merge decides", "--llm-shard"),
    _trusted("how pytest counts, not what is decided", "--llm-items"),
    _trusted("how long an open gate is sampled; an open gate does not pass", "--llm-settle"),
    _trusted("what the run is compared with", "--llm-baseline --llm-against --llm-base"),
    Input(("--llm-accept", "--llm-because"), "refused", "a CI job accepts no run"),
    _trusted("how requests are answered; origins are listed", "--llm-record --llm-concurrency"),
    _trusted("where requests run; an answer is of the same model", "--llm-executor"),
    _trusted("a skipped request is an error", "--llm-budget --llm-deadline"),
    _trusted("where a verdict goes, not what it is", "--llm-publish"),
    _trusted("what an inconclusive gate does", "--llm-inconclusive"),
    _trusted("what the run writes", "--llm-log --llm-report"),
)
"""Options for pytest. Those of `evalharness run` have the same names without `llm-`."""
