# The README's two commands: `make demo` and `make test`. Both set up .venv first, once.
PYTHON ?= python3
JOBS ?= 2
# More options for `make test`, for example OPTIONS=--durations=50.
OPTIONS ?=
VENV ?= .venv
# A wheel of llama-cpp-python that was built once is used again, also by the next clone.
WHEELS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/evalharness/wheels
# An index that has a built wheel of llama-cpp-python: nothing is compiled then.
WHEEL_INDEX ?=
INSTALL = $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14) and "Python 3.11 to 3.14 is needed: make PYTHON=...")' && \
	$(PYTHON) setup/install.py --wheels "$(WHEELS)" --wheel-index "$(WHEEL_INDEX)"
# Container images often set it. Then each of the many processes that the tests start would compile every module.
unexport PYTHONDONTWRITEBYTECODE
DEMO_READY = $(VENV)/.demo-ready
READY = $(VENV)/.ready

.NOTPARALLEL:
.PHONY: help demo test test-deep docs lint lint-js lock models-big test-mlflow test-newest test-wheel dist bench bench-gate bench-judges bench-load bench-models bench-local bench-ray bench-scale bench-spine bench-texts install install-test clean
help:
	@echo "make demo         run the support suite on SmolLM2-135M against the committed baseline"
	@echo "make test         run the tests"
	@echo "make test-deep    run tests that repeat what a quicker one shows, with larger numbers"
	@echo "make models-big   fetch a model of 1.1 GB for the example of a judge and the tests marked model_big"
	@echo "make docs         build the documentation's site into build/docs and run the code on its pages"
	@echo "make lint         ruff, mypy, basedpyright, and the checks of the workflows"
	@echo "make lint-js      tsc and eslint over the scripts of the pages (needs Node.js 20)"
	@echo "make test-newest  run the quick tests with the newest versions; list what differs from the lock"
	@echo "make test-mlflow  install MLflow into .venv-mlflow and publish to its server"
	@echo "make test-wheel   build the wheel, install it into a new environment, use it from an empty folder"
	@echo "make lock         pin what make installs: setup/constraints.txt"
	@echo "make dist         build the sdist and the wheel into dist/"
	@echo "make bench        measure what the harness itself costs"
	@echo "make bench-ray    kill a node of a Ray cluster 50 times, and measure what limits a cluster (half an hour)"
	@echo "make bench-scale  measure 1,000 suites, 100,000 cases and a run of a million (half an hour)"
	@echo "make bench-texts  measure when runs over texts of 2 MB end after a deadline and after Ctrl-C"
	@echo "make bench-spine  count the files that one case travels through"
	@echo "make bench-gate   simulate the gate's error rates (three quarters of an hour) and write docs/gate-table.md"
	@echo "make bench-judges simulate a gate with a judge and labels, and write docs/judges-table.md"
	@echo "make bench-load   simulate load tests of queues with exact answers, and write docs/load-table.md (half an hour)"
	@echo "make bench-models ask real models for 200 decisions in different orders, and count differences and errors"
	@echo "make bench-local  local inference: against a plain loop and the machine's floor, steadiness, failures (three quarters of an hour)"

install: $(DEMO_READY)
install-test: $(READY)

SETUP = pyproject.toml setup/install.py setup/constraints.txt setup/llama-cpp.cmake

$(DEMO_READY): $(SETUP)
	@$(INSTALL) --venv $(VENV) demo
	@touch $@

$(READY): $(SETUP)
	@$(INSTALL) --venv $(VENV) dev
	@touch $@ $(DEMO_READY)

demo: $(DEMO_READY)
	$(VENV)/bin/pytest --llm-suite=support

test: $(READY)
	$(VENV)/bin/pytest -n $(JOBS) --dist worksteal -m "not deep and not model_big" $(OPTIONS)

test-deep: $(READY)
	$(VENV)/bin/pytest -n $(JOBS) --dist worksteal -m "deep and not model_big" $(OPTIONS)

models-big: $(DEMO_READY)
	$(VENV)/bin/python setup/big_models.py --venv $(VENV)

test-newest: $(SETUP)
	@$(INSTALL) --venv $(VENV)-newest --newest dev
	$(VENV)-newest/bin/python setup/differences.py
	$(VENV)-newest/bin/pytest -n $(JOBS) --dist worksteal -m "not model and not slow and not deep"

# Its own environment: MLflow brings a hundred packages, and the harness speaks to its server over HTTP.
test-mlflow: $(READY)
	$(PYTHON) -m venv $(VENV)-mlflow
	$(VENV)-mlflow/bin/python -m pip install --quiet "mlflow>=3"
	MLFLOW=$(abspath $(VENV)-mlflow/bin/mlflow) $(VENV)/bin/pytest -m service tests/publish/test_mlflow.py

test-wheel: $(READY)
	$(VENV)/bin/python setup/check_wheel.py --wheels "$(WHEELS)" --wheel-index "$(WHEEL_INDEX)"

# Warnings are errors: a broken link, a page that no menu names, a public name without documentation.
docs: $(READY)
	$(VENV)/bin/sphinx-build --fail-on-warning --keep-going --quiet docs build/docs
	$(VENV)/bin/pytest -q tests/docs/test_code_blocks.py
	@echo "build/docs/index.html"

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy --strict typing_tests
	$(VENV)/bin/basedpyright --pythonpath $(VENV)/bin/python typing_tests
	$(VENV)/bin/zizmor --offline --quiet .
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml docs/ci/github*.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-actions action.yml action/comment/action.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.citation-file-format --force-filetype yaml CITATION.cff

# The scripts of a page are one script: tsc checks each page's together.
lint-js: setup/js/node_modules/.package-lock.json
	for page in report live view blind label history load; do setup/js/node_modules/.bin/tsc -p setup/js/tsconfig.$$page.json || exit 1; done
	setup/js/node_modules/.bin/eslint --config setup/js/eslint.config.js evalharness/report/templates

setup/js/node_modules/.package-lock.json: setup/js/package.json setup/js/package-lock.json
	npm ci --prefix setup/js
	@touch $@

# Resolves without installing, for every Python and platform that [tool.uv] in pyproject.toml names.
lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade uv
	$(VENV)-lock/bin/uv pip compile pyproject.toml --quiet --universal --upgrade --python-version 3.11 --all-extras \
		--group demo --group dev --group build --no-annotate --custom-compile-command "make lock" \
		--output-file setup/constraints.txt

# Needs no more than `build`: neither a compiler nor torch.
dist:
	rm -rf dist
	$(PYTHON) -m venv $(VENV)-build
	$(VENV)-build/bin/python -m pip install --quiet --constraint setup/constraints.txt build
	PIP_CONSTRAINT=setup/constraints.txt $(VENV)-build/bin/python -m build

bench-gate: $(READY)
	$(VENV)/bin/python benchmarks/gate_speed.py
	$(VENV)/bin/python benchmarks/gate.py --write docs/gate-table.md

bench-judges: $(READY)
	$(VENV)/bin/python benchmarks/judges.py --write docs/judges-table.md

bench-load: $(READY)
	$(VENV)/bin/python benchmarks/load.py --write docs/load-table.md

bench-models: $(READY)
	$(VENV)/bin/python benchmarks/judge_decisions.py

bench-local: $(READY)
	$(VENV)/bin/python benchmarks/local.py

bench-scale: $(READY)
	$(VENV)/bin/python benchmarks/scale.py
	$(VENV)/bin/python benchmarks/scale.py cases --accepted
	$(VENV)/bin/python benchmarks/scale.py run
	$(VENV)/bin/python benchmarks/shards.py

bench-texts: $(READY)
	$(VENV)/bin/python benchmarks/texts.py

bench-ray: $(READY)
	$(VENV)/bin/python benchmarks/ray_limits.py
	$(VENV)/bin/python benchmarks/ray_kills.py

bench-spine: $(READY)
	$(VENV)/bin/python benchmarks/spine.py

bench: $(READY)
	$(VENV)/bin/python benchmarks/harness.py
	$(VENV)/bin/python benchmarks/startup.py
	$(VENV)/bin/python benchmarks/metrics.py
	$(VENV)/bin/python benchmarks/endpoints.py
	$(VENV)/bin/python benchmarks/pairs.py
	$(VENV)/bin/python benchmarks/engine.py
	$(VENV)/bin/python benchmarks/soak.py
	$(VENV)/bin/python benchmarks/busy_cores.py
	$(VENV)/bin/python benchmarks/report_page.py

clean:
	rm -rf $(VENV) $(VENV)-mlflow $(VENV)-newest $(VENV)-lock $(VENV)-build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis reports/*/
