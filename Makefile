# The only set-up commands anyone needs. Every target prepares .venv by itself from requirements.lock.
SHELL := /bin/bash
PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
ONLY ?=
SEED ?=
DB ?= mlflow.db
UV_VERSION := 0.13.8
BIN := .venv/bin
READY := .venv/.ready
REFERENCE := .venv-reference
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Bars with counts on a terminal, plain lines elsewhere.
SNAKEMAKE = snakemake --cores $(CORES) $(shell test -t 2 && echo --logger rich)
only = $(if $(ONLY),only=$(ONLY))

.DEFAULT_GOAL := help
.PHONY: help study quick replicate test test-reference lint ui clean lock config-docs calibrate bench bench-peers bench-scale executors cluster-test

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

study: $(READY) ## run the whole study (ONLY=6.1-mnist for one experiment, CORES=2) and say where the page is
	@chapter6 plan --cores $(CORES) $(if $(ONLY),--only $(ONLY))
	@$(SNAKEMAKE) $(if $(only),--config $(only)) || { chapter6 locate; exit 1; }
	@chapter6 locate

quick: $(READY) ## the whole study at 2 replicates and reduced budgets, in results-quick/
	@chapter6 plan --preset quick --cores $(CORES) $(if $(ONLY),--only $(ONLY))
	@$(SNAKEMAKE) --config preset=quick $(only) || { chapter6 locate --preset quick; exit 1; }
	@chapter6 locate --preset quick

replicate: $(READY) ## the whole study again with SEED=n, in results-seed-n/, and which verdicts that changed
	@[ -n "$(SEED)" ] || { echo "make replicate: which seed? SEED=7, a whole number"; exit 2; }
	@chapter6 plan --preset seed-$(SEED) --cores $(CORES) $(if $(ONLY),--only $(ONLY))
	@$(SNAKEMAKE) --config preset=seed-$(SEED) $(only) || { chapter6 locate --preset seed-$(SEED); exit 1; }
	@chapter6 replicated --preset seed-$(SEED) $(if $(ONLY),--only $(ONLY))

test: $(READY) ## run the tests
	pytest -n $(CORES) --dist worksteal

# pip and not uv brings PyTorch: it alone sees a CPU build that PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS offer.
$(REFERENCE)/.ready: requirements.lock pyproject.toml $(READY)
	test -x $(REFERENCE)/bin/python || $(PYTHON) -m venv $(REFERENCE)
	$(BIN)/uv pip install --quiet --python $(REFERENCE)/bin/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(REFERENCE)/bin/python --no-deps --no-build-isolation -e .
	$(REFERENCE)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	touch $@

test-reference: $(REFERENCE)/.ready ## the engine beside the textbook and PyTorch, in an environment of its own
	@$(REFERENCE)/bin/python -c 'import torch; print("PyTorch", torch.__version__)'
	$(REFERENCE)/bin/python -m pytest -n $(CORES) --dist worksteal tests/reference

lint: $(READY) ## ruff, mypy, import-linter, snakemake --lint, snakefmt
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	snakemake --lint
	snakefmt --check Snakefile workflow

ui: $(READY) ## open MLflow's UI on loopback (DB=mlflow-quick.db after make quick)
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow server --backend-store-uri sqlite:///$(DB) --host 127.0.0.1 --port 5000

config-docs: $(READY) ## write config/README.md and config/schema.json from the code
	chapter6 config-docs

calibrate: $(READY) ## measure how often verdicts are false, into docs/calibration.md
	chapter6 calibrate --output docs/calibration.md

bench: $(READY) ## time the engine beside its floor, the textbook and the frameworks, into docs/performance.md
	@$(SNAKEMAKE) --quiet all -- mnist
	PYTHONPATH=tests python -m bench

bench-scale: $(READY) ## how planning, scheduling and tracking grow with the number of jobs, into docs/performance.md
	PYTHONPATH=tests python -m bench.scale

bench-peers: $(READY) ## install PyTorch and JAX for make bench, in an environment of their own
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-peers
	$(BIN)/uv pip install --quiet --python .venv-peers --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python .venv-peers -r tests/bench/peers.txt

executors: $(READY) ## install Snakemake's plugins for clusters, beside the environment (docs/cluster.md)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes --target .venv/executors/slurm -r profiles/slurm/plugins.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes --target .venv/executors/generic -r profiles/generic/plugins.lock

cluster-test: executors ## the quick study on a toy Slurm (root; docs/cluster.md), compared with a local run bit for bit
	PYTHONPATH=tests python -m cluster.study preset=quick

lock: $(READY) ## renew requirements.lock
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-header --no-annotate --no-emit-index-url --quiet --output-file requirements.lock

clean: ## remove everything that was generated, except .venv and the data
	rm -rf results results-* logs logs-* reports/html reports/html-* mlflow*.db* mlartifacts .snakemake
