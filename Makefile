# `make demo` and `make test` do all set-up themselves: Python 3.11 or newer is all they need.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
# Apache Beam wants other releases of protobuf and Pillow than the rest: an environment of its own, without TensorFlow.
BEAM_VENV ?= .venv-beam
BEAM_READY = $(BEAM_VENV)/.ready
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

$(BEAM_READY): constraints-beam.txt
	$(PYTHON) -m venv $(BEAM_VENV)
	$(BEAM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r constraints-beam.txt
	touch $(BEAM_READY)

setup: $(READY)  ## Installs everything into .venv

demo: $(READY)  ## Photographs to a verified GAP score on the embedded data set (about 10 minutes)
	$(BIN)/tfland demo --out $(DEMO)

test: $(READY) test-beam  ## Runs all tests
	$(BIN)/python -m pytest -q

test-beam: $(READY) $(BEAM_READY)  ## Runs the tests of the Beam pipelines, in .venv-beam
	PYTHONPATH=. $(BEAM_VENV)/bin/python -m pytest -q tests/tfrecords_builder/test_beam_pipeline.py
# TensorFlow and scipy from one environment, Beam and its protobuf from the other, which goes first.
	PYTHONPATH=.:$$($(BEAM_VENV)/bin/python -c 'import site; print(site.getsitepackages()[0])') \
		$(BIN)/python -m pytest -q tests/tfland/recognition/test_beam_pipeline.py tests/delf_verify/test_beam_pipeline.py

quick: $(READY)  ## Runs the quick tests
	$(BIN)/python -m pytest -q -m 'not slow'

lint: $(READY)  ## Formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)  ## The quick benchmarks against named peers
	$(BIN)/python benchmarks/gap.py
	$(BIN)/python benchmarks/verify_pair.py

formats: $(READY)  ## Writes docs/FORMATS.md from the code
	PYTHONPATH=. $(BIN)/python docs/make_formats.py

clean:  ## Removes the environment and the demo
	rm -rf $(VENV) $(BEAM_VENV) $(DEMO) *.egg-info .pytest_cache .mypy_cache .ruff_cache

.PHONY: help setup demo test test-beam quick lint bench formats clean
