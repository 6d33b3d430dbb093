# Everything from nothing but Python 3.11+: `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INSTALLED := $(VENV)/.installed

HOME_OF_BOX ?= $(HOME)/.mailmove

.PHONY: picture wheel-check image-check release-check release-files demo up install help test tests cases fuzz prefect-oldest long fleet lint style types bench docs pages clean setup soak
.DEFAULT_GOAL := help

help:
	@echo "make demo    one customer's cutover in a lab on this machine (HANDS_ON=1: you answer the gates in the UI; MOVER=direct: Mailmove copies the mailboxes itself)"
	@echo "make up      a single-box service until Ctrl-C: server and worker, data in HOME_OF_BOX (default ~/.mailmove)"
	@echo "make install what runs, and nothing else; \`make up\` does it by itself"
	@echo "make test    ruff, mypy and the tests"
	@echo "make cases   inputs of public reports that failed once, one line each"
	@echo "make fuzz    MUTATIONS=300 spoiled answers for every reader of strangers' answers; READER=name SEED=n plays one again"
	@echo "make prefect-oldest  what we know of Prefect's inside, on the oldest Prefect that we support"
	@echo "make long    the tests that would make it take more than ten minutes; CI runs them too"
	@echo "make fleet   thirty customers in one night on PostgreSQL, Redis and two workers, and one from the UI in Chromium"
	@echo "make soak    NIGHTS=200 (HOSTILE=all) randomised cutovers with faults and kill -9, the whole kill and fault matrices; SEED=n plays one again"
	@echo "make bench   speed beside named rivals, in one run; writes benchmarks/results.json"
	@echo "make docs    the documentation as a site, in site/; fetches mkdocs-material into a venv of its own"
	@echo "make picture     rehearse once, and draw README's picture and the docs' from it"
	@echo "make wheel-check    the wheel, installed by pip and uv into nothing: preflight of a domain, and a rehearsal"
	@echo "make image-check    the container image, built by its Dockerfile (Docker, or buildah and debootstrap), and tried"
	@echo "make release-check  wheel and sdist, their metadata as an index reads it, and wheel-check"
	@echo "make release-files  the same without wheel-check, for CI"
	@echo "make clean   remove what set-up made"

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

# All that tests and the rehearsal need.
setup: $(READY)

$(READY): requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements-dev.lock
	$(PIP) --no-build-isolation -e .
	@touch $(READY) $(INSTALLED)

# What runs, and nothing else: for production.
install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-build-isolation -e .
	@touch $(INSTALLED)

demo: setup
	@$(BIN)/mailmove rehearse $(if $(HANDS_ON),--hands-on) $(if $(MOVER),--mover $(MOVER))

up: install
	@$(BIN)/mailmove up --home $(HOME_OF_BOX)

lint: style types

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

# Three, as tests wait too; a file's tests stay together, because they share a town.
PYTEST = $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

tests: setup
	$(PYTEST) -m "not long"

test: style
	@$(MAKE) --no-print-directory -j 2 types tests

cases: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --cases tests/cases

MUTATIONS ?= 300
fuzz: setup
	MUTATIONS=$(MUTATIONS) READER='$(READER)' SEED=$(SEED) $(BIN)/python -m pytest -n 2 --dist loadfile tests/fuzz

# In a venv of its own, with as little as these tests need.
OLDEST := .venv-oldest
$(OLDEST)/.ready: .ci/prefect-oldest.txt
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -r .ci/prefect-oldest.txt
	@touch $@

prefect-oldest: $(OLDEST)/.ready
	$(OLDEST)/bin/python -m pytest tests/engine tests/deployments/test_prefect_on_sqlite.py

long: setup
	$(PYTEST) -m long

FLEET ?= 30
fleet: setup
	SOAK=1 FLEET=$(FLEET) $(BIN)/python -m pytest -n 0 tests/night/test_fleet_night.py tests/browser/test_night_from_the_ui.py

soak: setup
	@$(MAKE) --no-print-directory fuzz MUTATIONS=20000
	$(BIN)/python -W ignore -m lab.nights
	SOAK=1 FLEET=$(FLEET) $(BIN)/python -m pytest -n 0 tests/night tests/browser tests/benchmarks tests/microsoft365/test_fault_matrix.py tests/parking/test_idle_day.py tests/hostile/test_each_switch.py

bench: setup
	$(BIN)/python -m benchmarks

# The pages that are generated from the code; a test fails when they are stale.
pages: setup
	$(BIN)/python -m docs.generate

docs: pages
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check -r docs/requirements.txt
	.venv-docs/bin/mkdocs build --strict

picture: setup
	$(BIN)/mailmove rehearse --out docs/pictures/rehearsal.json
	$(MAKE) --no-print-directory pages

wheel-check: setup
	$(BIN)/python .ci/wheel_check.py

image-check:
	.ci/image_check.sh

# In a venv of its own: nothing else needs twine.
RELEASE := .venv-release
$(RELEASE)/.ready: .ci/release.txt
	$(PYTHON) -m venv --clear $(RELEASE)
	$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check -r .ci/release.txt
	@touch $@

release-check: setup $(RELEASE)/.ready
	$(RELEASE)/bin/python .ci/release_check.py $(BIN)/python

release-files: setup $(RELEASE)/.ready
	$(RELEASE)/bin/python .ci/release_check.py $(BIN)/python --files

clean:
	rm -rf $(VENV) $(OLDEST) $(RELEASE) .venv-docs site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .lab
