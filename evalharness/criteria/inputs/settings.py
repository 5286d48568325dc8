"""Settings of pytest and evalharness, in each file that they can be in."""

from __future__ import annotations

from evalharness.criteria.inputs.row import Input

TABLES = (
    Input(("tool.evalharness",), "compared", "models, prices, limits"),
    Input(("tool.pytest*",), "compared", "settings of pytest and of its plugins"),
    Input(
        ("project.entry-points", "tool.poetry.plugins", "tool.flit.entrypoints"),
        "compared",
        "plugins that the installed project brings, in the groups below",
    ),
    Input(("project", "build-system", "dependency-groups", "tool.*"), "trusted", "other tools read it"),
)
"""Tables of pyproject.toml; the first row that fits counts."""

SETTINGS = (
    Input(("models",), "compared", "which models answer; a new model and a higher price do not relax"),
    Input(("embedders", "cross_encoders"), "compared", "how a metric measures; a new one does not relax"),
    Input(("judges",), "compared", "how a metric measures; a new one does not relax"),
    Input(("checks", "metrics"), "compared", "functions that check or score; a new one does not relax"),
    Input(("executors", "executor"), "compared", "where requests run"),
    Input(("prompts",), "trusted", "prompts in the project's code are tested, like those in a suite"),
    Input(("limits",), "compared", "a lower limit does not relax"),
    Input(("offline",), "compared", "whether recorded responses alone answer"),
    Input(("cache_dir",), "compared", "where responses come from; a folder of the repository is refused"),
    Input(("reports", "processes"), "trusted", "which other files a run writes, and its speed"),
    Input(("publish",), "trusted", "where results are sent after the verdict"),
    Input(("root",), "refused", "it is the folder of pyproject.toml"),
)
"""Keys of `[tool.evalharness]`."""

PYTEST_SETTINGS = (
    Input(("addopts",), "compared", "it can hold every option"),
    Input(("pythonpath", "consider_namespace_packages"), "compared", "where Python imports from"),
    Input(("testpaths", "norecursedirs", "python_files", "python_classes", "python_functions"), "compared", "tests"),
    Input(("usefixtures", "collect_imported_tests"), "compared", "code that runs with each test"),
    Input(("filterwarnings",), "compared", "it imports the classes it names"),
    Input(("cache_dir", "log_file", "log_file_mode"), "compared", "pytest writes there"),
    Input(
        ("disable_test_id_escaping_and_forfeit_all_rights_to_community_support", "parametrize_long_str_id_strategy"),
        "compared",
        "the names of tests",
    ),
    Input(("enable_assertion_pass_hook",), "compared", "it calls a hook of conftest.py"),
    Input(
        ("console_output_style", "assertion_text_diff_style", "truncation_limit_chars", "truncation_limit_lines"),
        "trusted",
        "how pytest prints",
    ),
    Input(("verbosity_assertions", "verbosity_subtests", "verbosity_test_cases"), "trusted", "how pytest prints"),
    Input(
        (
            *("log_auto_indent", "log_cli", "log_cli_date_format", "log_cli_format", "log_cli_level"),
            *(
                "log_date_format",
                "log_file_date_format",
                "log_file_format",
                "log_file_level",
                "log_format",
                "log_level",
            ),
        ),
        "trusted",
        "how pytest prints",
    ),
    Input(
        (
            *("junit_duration_report", "junit_family", "junit_log_passing_tests", "junit_logging"),
            "junit_suite_name",
        ),
        "trusted",
        "the form of the JUnit file",
    ),
    Input(("markers", "minversion", "required_plugins"), "trusted", "without it pytest can only refuse more"),
    Input(
        ("strict", "strict_config", "strict_markers", "strict_parametrization_ids", "strict_xfail", "xfail_strict"),
        "trusted",
        "how strict pytest is with tests; cases are no parametrized tests",
    ),
    Input(
        ("max_warnings", "empty_parameter_set_mark", "doctest_encoding", "doctest_optionflags"),
        "trusted",
        "tests alone",
    ),
    Input(("faulthandler_timeout", "faulthandler_exit_on_timeout"), "trusted", "tracebacks of a run that hangs"),
    Input(
        ("tmp_path_retention_count", "tmp_path_retention_policy", "pytester_example_dir"), "trusted", "folders of tests"
    ),
)
"""Settings of pytest. A setting of a plugin, which is in no row, is compared."""
