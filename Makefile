# Two commands: `make demo` (from video files to a table) and `make test` (everything that must hold).
# PYTHON names the interpreter that .venv is made from.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_HOME := demo-home

# One thread a process: the tests and the demo run two processes side by side on two cores.
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test test-all check format clean

help:
	@echo "make demo      makes $(VENV), generates video files, trains two networks, prints a table (3 minutes)"
	@echo "make test      lint, types, import rules and all tests"
	@echo "make test-all  the same with the tests that take minutes: every network against its golden logits"
	@echo "make format    formats the code"
	@echo "make clean     removes what the others made"

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is needed; PYTHON=... names another interpreter"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: $(STAMP)
	$(BIN)/videobench train demo --jobs 2 --home $(DEMO_HOME)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/pytest -n 2 -m "not slow"

test-all: check
	$(BIN)/pytest -n 2

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(DEMO_HOME) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
