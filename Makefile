# `make demo` and `make test` need python3 and make, and set up the rest themselves.
PYTHON ?= python3
VENV := .venv
CORE := .venv-core
BIN := $(VENV)/bin
JOBS ?= auto
# Whatever a test or a benchmark runs takes these from the environment, so that nothing depends on the machine's own.
export PYTHONDONTWRITEBYTECODE :=
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-rest test-core test-versions fuzz faults lint docs bench cost-model calibrate clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Environments: made when missing, made anew when what they are made from has changed.
$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "setting up $(VENV) (once; a few minutes)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP_INSTALL) --upgrade pip
	@$(BIN)/python $(PIP_INSTALL) --editable '.[pandas,hdf5,models,hub,cluster,report,study]' --group test --group lint --group browser
	@touch $@

$(CORE)/.installed: pyproject.toml constraints.txt
	@echo "setting up $(CORE), with the core dependencies only"
	@rm -rf $(CORE)
	@$(PYTHON) -m venv $(CORE)
	@$(CORE)/bin/python $(PIP_INSTALL) --upgrade pip
	@$(CORE)/bin/python $(PIP_INSTALL) --editable . --group test
	@touch $@

$(VENV)/.bench: $(VENV)/.installed
	@$(BIN)/python $(PIP_INSTALL) --group bench
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	@$(BIN)/python $(PIP_INSTALL) --group docs
	@touch $@

demo: $(VENV)/.installed ## measure text and prices, train an RNN and a Transformer: one report
	@$(BIN)/miscope demo

# One thread for each process: torch's wait for one another where several processes share the cores. A test that hangs ends
# by its own bound (pyproject.toml), a run by that of its session, and what has stopped answering a minute later.
PYTEST := -m pytest -q -r s -n $(JOBS) --dist worksteal
BOUND := --session-timeout=1500
ifndef SEED
SEED := $(shell od -An -N3 -tu4 /dev/urandom | tr -d ' ')
endif

test: $(VENV)/.installed ## what proves an installation and guards a change, in five minutes: the same examples each time
	OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST) $(BOUND) -m "not long and not browser"

test-all: test test-rest test-core ## all there is, in fifteen minutes: also long statistics, other examples, a browser, the core alone

# Property tests again, on examples of a seed.
test-rest: $(VENV)/.installed
	@echo 'exploring with seed $(SEED); the same again: make test-rest SEED=$(SEED)'
	OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST) $(BOUND) --timeout=400 -o faulthandler_timeout=500 -m "long or browser or hypothesis" \
		--hypothesis-profile=explore --hypothesis-seed=$(SEED) || \
		{ echo 'explored with seed $(SEED); the same again: make test-rest SEED=$(SEED)'; exit 1; }

test-core: $(CORE)/.installed
	OMP_NUM_THREADS=1 $(CORE)/bin/python $(PYTEST) $(BOUND) -m "not extras and not long and not hypothesis" tests/core tests/cli tests/curve tests/sequences

fuzz: $(VENV)/.installed ## damage files of every kind and command lines for MINUTES=60, and look whether any of it does harm
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),60)

faults: $(VENV)/.installed ## kill, stop and starve commands at every operation on files
	OMP_NUM_THREADS=1 MISCOPE_FAULTS=all $(BIN)/python $(PYTEST) --timeout=3600 tests/faults

test-versions: ## what needs no torch, with Python 3.11 to 3.14 and with the oldest dependencies that are allowed
	.ci/versions

lint: $(VENV)/.installed ## formatting, style, types, and which way imports point
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.docs ## the book, its examples run: docs/_build/html/index.html
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -q -j 2 -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

bench: $(VENV)/.bench ## measure speed against other programs, side by side, into benchmarks/RESULTS.md
	$(BIN)/python benchmarks/run.py --write
	$(BIN)/python benchmarks/samplers.py --write
	$(BIN)/python benchmarks/fits.py --write
	$(BIN)/python benchmarks/models.py --write
	$(BIN)/python benchmarks/uniformity.py --write
	$(BIN)/python benchmarks/reading.py --write
	$(BIN)/python benchmarks/fourier.py --write
	$(BIN)/python benchmarks/streaming.py --write
	$(BIN)/python benchmarks/plan.py --write
	$(BIN)/python benchmarks/cluster.py --write

cost-model: $(VENV)/.bench ## measure the constants by which `method="auto"` chooses
	$(BIN)/python benchmarks/cost_model.py

calibrate: $(VENV)/.bench ## measure how far values and bars are to be trusted, into docs/calibration.md (under an hour)
	$(BIN)/miscope study calibration --scale full --folder miscope-calibration --page docs/calibration.md
	cp miscope-calibration/calibration-*.png docs/images/

clean: ## remove environments, caches and the demo's results
	rm -rf $(VENV) $(CORE) .venv-versions dist build docs/_build docs/reference/generated miscope-demo miscope-calibration .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
