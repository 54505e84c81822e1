# Two commands do everything: `make run` and `make test`. The rest is for builders.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: env run test lint check bench clean

env: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "callrouter needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 env")'
	@echo "Making $(VENV) (once, about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -U -c constraints.txt pip
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[postgres]' --group dev
	@touch $@

run: env
	@$(BIN)/callrouter demo

# Tests that break a running server, look at it in a browser or make real calls through a SIP proxy
# have the machine to themselves.
ALONE := tests/chaos tests/e2e tests/sip

test: env
	$(BIN)/python -m pytest -n auto --dist loadgroup $(addprefix --ignore=,$(ALONE))
	$(BIN)/python -m pytest $(ALONE)

lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/mypy

check: lint
	$(BIN)/python -m pytest -n auto --dist loadgroup -m 'not slow' $(addprefix --ignore=,$(ALONE))

bench: env
	$(BIN)/python -m bench $(if $(FULL),--full)

clean:
	rm -rf $(VENV) build dist
