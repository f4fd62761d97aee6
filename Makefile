# `make demo` and `make test` do all set-up themselves: Python 3.11 or newer is all they need.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
DEMO ?= demo

.DEFAULT_GOAL := help

help:  ## Lists what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The constraints file holds the exact set that was tried together.
$(READY): setup.py constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,tuning]'
	touch $(READY)

setup: $(READY)  ## Installs everything into .venv

demo: $(READY)  ## Photographs to a verified GAP score on the embedded data set (about 10 minutes)
	$(BIN)/tfland demo --out $(DEMO)

test: $(READY)  ## Runs all tests
	$(BIN)/python -m pytest -q

quick: $(READY)  ## Runs the quick tests
	$(BIN)/python -m pytest -q -m 'not slow'

lint: $(READY)  ## Formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)  ## The quick benchmarks against named peers
	$(BIN)/python benchmarks/gap.py
	$(BIN)/python benchmarks/verify_pair.py

clean:  ## Removes the environment and the demo
	rm -rf $(VENV) $(DEMO) *.egg-info .pytest_cache .mypy_cache .ruff_cache

.PHONY: help setup demo test quick lint bench clean
