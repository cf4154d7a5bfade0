# Thin over uv and Python: everything that does something lives in cluster/, tools/ and tests/.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
# Read where a recipe needs the local cluster: KUBECONFIG, PATH, INCIDENT_COMMANDER_PROMETHEUS_URL.
ENV := source .local/env
UV_VERSION := 0.13.9

.PHONY: help init demo test scenarios cluster cluster-down run verify format lint types layers generated crds bench clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml uv.lock
	@echo "setting up the Python environment in $(VENV)"
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, python3 is $$(python3 --version)"; exit 1; }
	@[ -x $(VENV)/bin/python ] || python3 -m venv $(VENV)
	@$(PY) -m pip --quiet --disable-pip-version-check install "uv==$(UV_VERSION)"
	@$(VENV)/bin/uv sync --quiet --frozen --inexact
	@touch $@

init: $(VENV)/.ready ## Set up the Python environment

demo: init ## The main job, end to end, on a local control plane (DEMO_PAUSE=1: approve by hand)
	@$(PY) -m tools.demo

test: init ## Every test, on a real API server
	@$(PY) -m tools.test $(PYTEST_ARGS)

scenarios: init ## Incidents of every kind, played side by side on a real control plane: what happens in each
	@$(PY) -m tests.scenarios.listing --print
	@$(PY) -m tools.test tests/scenarios -v $(PYTEST_ARGS)

cluster: init ## Start the local control plane with Prometheus; then: source .local/env
	@$(PY) -m cluster up

cluster-down: init ## Stop it and leave nothing running
	@$(PY) -m cluster down

run: init ## Install the chart where KUBECONFIG points and run the operator here, in the foreground
	@if [ -z "$${KUBECONFIG:-}" ] && [ -f .local/env ]; then $(ENV); fi; $(PY) -m tools.local_operator

verify: format lint types layers generated ## Format, lint, types, layers, generated files fresh

format: init
	@$(VENV)/bin/ruff format --check --quiet . || { echo "run: $(VENV)/bin/ruff format"; exit 1; }

lint: init
	@$(VENV)/bin/ruff check --quiet .
	@$(PY) -m tools.built_commands

types: init
	@$(VENV)/bin/mypy

layers: init
	@$(VENV)/bin/lint-imports --no-logo 2>/dev/null || $(VENV)/bin/lint-imports

generated: init
	@$(PY) -m tools.crds --check
	@$(PY) -m tools.chart_files --check

crds: init ## Write the generated files: CRDs, and the chart's copies
	@$(PY) -m tools.crds
	@$(PY) -m tools.chart_files

bench: init ## Figures as ratios of one API round trip, side by side in one run
	@$(PY) -m benchmarks

clean: cluster-down ## Stop the cluster and remove what `make` made here (not the tools cache)
	@rm -rf $(VENV) .local .mypy_cache .ruff_cache .pytest_cache .hypothesis
