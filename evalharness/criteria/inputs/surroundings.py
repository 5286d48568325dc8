"""What surrounds a project: environment variables, modules, entry points, and the rest."""

from __future__ import annotations

from evalharness.criteria.inputs.row import Input

VARIABLES = (
    Input(("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"), "trusted", "the job's command line"),
    Input(("PYTHONPATH",), "compared", "modules of the project that hide installed ones are compared in each folder"),
    Input(
        (
            *("PYTHONSTARTUP", "PYTHONHOME", "PYTHONSAFEPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED"),
            *("PATH", "HOME", "TMPDIR", "VIRTUAL_ENV"),
        ),
        "trusted",
        "the job's Python",
    ),
    Input(("XDG_CACHE_HOME",), "trusted", "where recorded responses are; their origins are listed"),
    Input(("RAY_*",), "trusted", "the cluster where requests run"),
    Input(
        (
            *("CI", "GITHUB_*", "GITLAB_CI", "CI_*", "TF_BUILD", "SYSTEM_*", "BUILD_*", "JENKINS_URL", "CHANGE_*"),
            *("BRANCH_*", "TAG_NAME", "GIT_PREVIOUS_COMMIT", "BUILDKITE", "BUILDKITE_*", "CODEBUILD_*", "BITBUCKET_*"),
            *("DRONE", "DRONE_*", "TRAVIS", "TRAVIS_*", "SEMAPHORE", "SEMAPHORE_*", "APPVEYOR", "APPVEYOR_*"),
            *("CIRCLECI", "CIRCLE_*", "TEAMCITY_VERSION"),
        ),
        "trusted",
        "the CI system sets them, and the base of the event is read from them",
    ),
    Input(
        ("GIT_*",), "refused", "git gets none of them, so that none can lead it to another repository or another object"
    ),
    Input(
        ("PYTEST_THEME", "PYTEST_THEME_MODE", "PYTEST_DEBUG", "PYTEST_DEBUG_TEMPROOT", "PYTEST_VERSION", "COLUMNS"),
        "trusted",
        "how pytest prints",
    ),
    Input(("PYTEST_CURRENT_TEST", "PYTEST_XDIST_*", "NO_COLOR", "FORCE_COLOR", "TERM"), "trusted", "how pytest prints"),
    Input(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE"), "refused", "providers do not read them"),
    Input(("those that the configuration names",), "trusted", "keys and proxies; the names are settings and compared"),
)
"""Environment variables, as patterns."""

MODULES = (
    Input(("sitecustomize", "usercustomize"), "compared", "Python imports it at start-up"),
    Input(("the standard library",), "compared", "Python looks in the root first"),
    Input(("installed modules that this process has loaded",), "compared", "Python looks in the root first"),
    Input(
        ("modules of what evalharness and plugins of pytest require",),
        "compared",
        "a run imports some that `evalharness verify` does not",
    ),
    Input(
        (
            *(
                "click",
                "genai_prices",
                "httpx2",
                "idna",
                "iniconfig",
                "jinja2",
                "jsonschema",
                "jsonschema_specifications",
            ),
            *("numpy", "packaging", "pydantic", "pydantic_core", "pytest", "yaml", "rapidfuzz", "re2", "referencing"),
            *("rouge_score", "sacrebleu", "scipy"),
        ),
        "compared",
        "evalharness imports it, some of it late",
    ),
    Input(
        (
            "llama_cpp",
            "xllamacpp",
            "sentence_transformers",
            "transformers",
            "torch",
            "pandas",
            "pyarrow",
            "ray",
            "xdist",
        ),
        "compared",
        "evalharness imports it where it is installed",
    ),
    Input(("test", "this", "antigravity", "idlelib", "turtledemo"), "trusted", "nothing imports it from the library"),
)
"""Modules that a file or folder of the project can hide."""

ENTRY_POINTS = (
    Input(("pytest11",), "compared", "pytest loads the plugin"),
    Input(("evalharness.*",), "compared", "a suite or the configuration can name the extension"),
    Input(("console_scripts", "gui_scripts", "*"), "trusted", "nothing loads it"),
)
"""Groups of entry points; the first row that fits counts."""

OTHERS = (
    Input(("plugins of pytest in the project",), "compared", "each one that pytest has loaded, with its packages"),
    Input(("installed packages",), "trusted", "the job installs them"),
    Input(("`package:` in the project",), "refused", "the package must be installed"),
    Input(("the cache of responses",), "trusted", "no commit can hold it; imported rows keep their origin"),
    Input(("recordings",), "compared", "answer by answer, where a run replays them"),
    Input(("symbolic links",), "compared", "by their target's path and content; suites and goldens refuse them"),
    Input(
        ("submodules",),
        "compared",
        "by their commits and the files in the work tree; the base is that of the outer repository",
    ),
    Input(("filters of git",), "refused", "no filter, hook or text conversion of git runs"),
    Input(("Git LFS, line ends",), "trusted", "a pointer and its file are equal, and so are LF and CRLF"),
    Input(
        ("names that differ in case, accents or trailing dots",),
        "compared",
        "on some systems they are one file, and which one is a matter of chance",
    ),
)
"""Everything else."""
