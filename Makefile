# `make demo` and `make test` create a virtual environment in .venv and install Penguin in it.
# They need Python 3.11 or later, git and make. PYTHON=/path/to/python chooses a Python.

PYTHONS := python3 python3.14 python3.13 python3.12 python3.11 python
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in $(PYTHONS); do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)

SECONDS := 30
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
AGENTS := .agents
BENCH := .bench
ROUNDS := 5
QUICK := tests/core tests/config tests/blueprint tests/files tests/store tests/commands tests/execution tests/shell/test_terminal.py
PINNED := tests/agents/npm/package.json tests/agents/npm/package-lock.json

.DEFAULT_GOAL := help
.PHONY: help demo unit test quick temporal agents agents-installed wheel-test pictures recording crash fuzz backlogs nightly bench bench-short check lint clean

# These create workspaces and trust them. Keep the trust records out of the user's own.
demo crash bench bench-short: export XDG_STATE_HOME := $(CURDIR)/.state

help:
	@echo 'make demo    run the backlog of the example through all four gates'
	@echo 'make pictures  draw the pictures in docs/images from runs of Penguin, when what it shows has changed'
	@echo 'make recording  record a session of a minute as docs/images/recording.svg'
	@echo 'make unit    run the tests that start no process, in about 30 seconds'
	@echo 'make test    run the tests that need neither a server nor an installed agent; ALL=1 for the long forms of tests'
	@echo 'make quick   run a part of them, in about a minute; PYTHON=/path/to/python VENV=FOLDER for another Python'
	@echo 'make temporal  run the tests of the Temporal backend, on a real server'
	@echo 'make agents  install the coding agents from npm, and run their tests'
	@echo 'make wheel-test  build the wheel, install it into an empty environment and run the first task of the README'
	@echo 'make crash   kill engines, launchers and steps at random; SECONDS=30; SEED=N repeats the same choices'
	@echo 'make fuzz    give random input to all of Penguin; SECONDS=30; SEED=N repeats the same inputs; TARGET=PART of a name'
	@echo 'make backlogs  compare what Penguin reads in the backlogs of tests/ with what a person counted; MUTATIONS=20000 damages them'
	@echo 'make nightly  run the tests that take hours: make crash, make fuzz, damaged backlogs, and all tests on every Python of this machine'
	@echo 'make bench   compare Penguin with other programs, and write the results and docs/benchmarks.md; ROUNDS=5'
	@echo 'make bench-short  check that nothing became slower by a factor of two'
	@echo 'make lint    run ruff, mypy and import-linter'
	@echo 'make check   run make lint, then make test'
	@echo 'make clean   remove all generated files, also .venv, .agents and .bench'

# Repeated only when the dependencies change: Penguin is installed in editable mode, so its code is always current.
$(INSTALLED): pyproject.toml
	@test -n '$(PYTHON)' || { echo 'no Python 3.11 or later found; install one, or type: make PYTHON=/path/to/python' >&2; exit 1; }
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo '$(PYTHON) is older than Python 3.11' >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo 'no virtual environment could be created; on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)
	@rm -rf .demo
	@examples/copy .demo/textkit
	@cd .demo/textkit && PATH="$(CURDIR)/$(BIN):$$PATH" penguin < ../../examples/demo.penguin

pictures: $(INSTALLED)
	$(BIN)/python -m docs.pictures

recording: $(INSTALLED)
	$(BIN)/python -m docs.pictures.recording

unit: $(INSTALLED)
	$(BIN)/pytest --numprocesses=auto -m unit

# ALL=1 also runs the long forms of tests. Two tests for each core, because a test waits for processes and the disk about half of its time.
test: $(INSTALLED)
	$(if $(ALL),PENGUIN_ALL_TESTS=1) $(BIN)/pytest -rs --numprocesses=$$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist=worksteal --ignore=tests/temporal --ignore=tests/package --ignore=tests/agents

quick: $(INSTALLED)
	$(BIN)/pytest --numprocesses=auto $(QUICK)

temporal: $(INSTALLED)
	$(BIN)/pytest --numprocesses=auto tests/temporal

# Tests of an agent that is not installed are skipped, with that reason.
agents: $(INSTALLED) agents-installed
	$(BIN)/pytest -rs --numprocesses=auto tests/agents

# If the installation fails, the tests that need the agents are skipped.
agents-installed:
	@$(MAKE) --no-print-directory $(AGENTS)/.installed || \
		echo 'the coding agents could not be installed, so their tests are skipped; they need npm and its registry' >&2

# Not npm ci: it rejects a lock file without the packages that npm omits for other systems.
$(AGENTS)/.installed: $(PINNED)
	@mkdir -p $(AGENTS)
	@cp $(PINNED) $(AGENTS)
	timeout 300 npm install --prefix $(AGENTS) --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=120000
	@touch $@

wheel-test: $(INSTALLED)
	$(BIN)/pytest tests/package

nightly:
	.ci/nightly

crash: $(INSTALLED)
	$(BIN)/python -m tests.crash.random_kills --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

fuzz: $(INSTALLED)
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(if $(TARGET),--target '$(TARGET)')

backlogs: $(INSTALLED)
	$(BIN)/python -m tests.backlogs $(if $(MUTATIONS),--mutations $(MUTATIONS)) $(if $(SEED),--seed $(SEED))

# The other programs have a separate environment, with all their dependencies.
bench: $(BENCH)/.installed
	$(BENCH)/bin/python -m benchmarks --rounds $(ROUNDS) --page
	$(BENCH)/bin/python -m pytest benchmarks/test_hot.py --benchmark-columns=min,median,iqr,ops

$(BENCH)/.installed: pyproject.toml $(INSTALLED)
	@test -x $(BENCH)/bin/pip || $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --disable-pip-version-check --editable '.[bench]' || { \
		echo 'not all other programs could be installed: measuring Penguin only' >&2; \
		$(BENCH)/bin/pip install --quiet --disable-pip-version-check --editable '.' pyte pytest-timeout pytest-benchmark; }
	@touch $@

bench-short: $(INSTALLED)
	$(BIN)/python -m benchmarks.guard

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

clean:
	rm -rf $(VENV) .venvs $(AGENTS) $(BENCH) .benchmarks .demo .state .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find engine commands penguin_repl tests -name __pycache__ -prune -exec rm -rf {} +
