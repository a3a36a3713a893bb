# make help lists the targets. Needs: Python 3.11 or newer, make, bash. Java 17 or 21 if there is one.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= $(CURDIR)/.venv
SUPERSET ?= $(CURDIR)/.superset
BIN := $(VENV)/bin
CUSTOMERS ?= 5000
export MARKETING_HOME ?= $(CURDIR)/.warehouse
export DBT_PROFILES_DIR ?= $(CURDIR)

PACKAGES = $(shell grep -c '==' requirements.lock)
# Run a command of pip and say every ten seconds how far it is; pip downloads everything before it installs anything.
define telling
start=$$SECONDS; while sleep 10; do \
  echo "  after $$((SECONDS - start)) s: $$(find $(VENV)/lib -maxdepth 3 -name '*.dist-info' | wc -l) packages installed"; \
done & ticker=$$!; trap "kill $$ticker" EXIT; $(1)
endef

.PHONY: help install build test test-all lint lint-python lint-types lint-sql lint-dbt serve serve-build dashboards dashboards-lock quality docs bench lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'
	@echo "  MARKETING_HOME=$(MARKETING_HOME) holds the embedded warehouse"

install: $(VENV)/.installed ## create the environment from the lock file

# Build tools first, so that the few source packages build with pinned ones as well.
$(VENV)/.installed: requirements.lock requirements-build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, $(PYTHON) is " + sys.version.split()[0])'
	@echo "Installing $(PACKAGES) packages into $(VENV) (two to five minutes, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(call telling,$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock)
	@$(call telling,$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation -r requirements.lock)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

build: install ## build the warehouse: keys and demo data if there are none yet, then dbt build
	@$(BIN)/python -m precision_marketing.build --customers $(CUSTOMERS)

test: install ## run the tests of a change: unit, Spark, and the built demo
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/python/warehouse tests/python/spark tests/python/unit \
	  -n 2 --dist loadfile --no-loadscope-reorder

test-all: test ## run every test: also engines, clusters, real data, kills
	@$(BIN)/python -m pytest tests/python/full

lint: install ## check Python, types, SQL and the project's references, without a warehouse
	@$(MAKE) --no-print-directory --keep-going --jobs lint-python lint-types lint-sql lint-dbt

lint-python:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

lint-types:
	@$(BIN)/mypy --no-error-summary

lint-sql:
	@$(BIN)/sqlfluff lint --disable-progress-bar models

lint-dbt:
	@$(BIN)/dbt --quiet --warn-error parse

serve: install ## serve what is published to BI tools, read-only, on 127.0.0.1:10000 (JDBC/ODBC) until Ctrl-C
	@$(BIN)/python -m precision_marketing.serve

serve-build: install ## open the whole warehouse to builds through a server (see docs/engines.md) until Ctrl-C
	@$(BIN)/python -m precision_marketing.server

dashboards: $(SUPERSET)/.installed ## show the dashboards in Superset on 127.0.0.1:8088, beside a served warehouse (see docs/dashboards.md)
	@$(SUPERSET)/bin/python dashboards/start_superset.py

# Superset's packages and the project's exclude each other. Of the project its environment has the dialect alone.
$(SUPERSET)/.installed: dashboards/requirements.lock requirements-build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)) and "Superset needs Python 3.11 or 3.12, $(PYTHON) is " + sys.version.split()[0] + ": make dashboards PYTHON=python3.12")'
	@echo "Installing Superset into $(SUPERSET) (700 MB, two to five minutes, once)"
	@$(PYTHON) -m venv $(SUPERSET)
	@$(SUPERSET)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
	@$(SUPERSET)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation -r dashboards/requirements.lock
	@$(SUPERSET)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

quality: install ## write the data steward's report to target/quality/
	@$(BIN)/python -m precision_marketing.report

docs: install ## write dbt's documentation site to target/ and serve it on 127.0.0.1:8080
	@$(BIN)/dbt docs generate --static
	@$(BIN)/dbt docs serve --host 127.0.0.1 --port 8080 --no-browser

bench: install ## time a build from nothing: make bench CUSTOMERS=5000
	@$(BIN)/python benchmarks/build.py --customers $(CUSTOMERS)

lock: install ## resolve the dependencies of pyproject.toml anew
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-strip-extras --quiet --upgrade -o requirements.lock

dashboards-lock: install ## resolve the packages of Superset anew
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile dashboards/requirements.in --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-strip-extras --quiet --upgrade -o dashboards/requirements.lock

clean: ## remove build output and the embedded warehouse, keep the environment
	@rm -rf target logs "$(MARKETING_HOME)"
