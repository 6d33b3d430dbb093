# Everything from nothing but Python 3.11+: `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# `make test` uses both cores; a file's tests stay together, because they share a town.
HOME_OF_BOX ?= $(HOME)/.mailmove

.PHONY: demo up help test lint bench clean setup
.DEFAULT_GOAL := help

help:
	@echo "make demo    one customer's night in a lab on this machine (HANDS_ON=1: you answer the gates in the UI)"
	@echo "make up      a single-box service until Ctrl-C: server and worker, data in HOME_OF_BOX (default ~/.mailmove)"
	@echo "make test    ruff, mypy and all tests"
	@echo "make bench   speed beside named rivals, in one run; writes benchmarks/results.json"
	@echo "make clean   remove what set-up made"

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: setup
	@$(BIN)/mailmove rehearse $(if $(HANDS_ON),--hands-on)

up: setup
	@$(BIN)/mailmove up --home $(HOME_OF_BOX)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

bench: setup
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .lab
