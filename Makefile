# Two commands do everything: `make run` and `make test`. The rest is for builders.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: env run test lint check bench shots clean

env: $(STAMP)

$(STAMP): pyproject.toml constraints.txt hatch_build.py web/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "callrouter needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 env")'
	@echo "Making $(VENV) (once, about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -U -c constraints.txt pip
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[postgres,s3,transcribe,oidc]' --group dev
	@touch $@

run: env
	@$(BIN)/callrouter demo

# What measures time, needs its answers in time or makes real calls through a SIP proxy has the machine
# to itself. It runs even where the rest has failed: one run says all that is wrong.
TIMELY := disk front_door_flood poison power_cut stalls stop told two_nodes waiting
ALONE := $(TIMELY:%=tests/chaos/test_%.py) tests/sip

# Servers that tests begin start sooner from compiled files, whatever the shell says of them.
test check bench: export PYTHONDONTWRITEBYTECODE :=

test: env
	$(BIN)/python -m pytest -n auto --dist loadgroup $(addprefix --ignore=,$(ALONE)); first=$$?; \
	$(BIN)/python -m pytest $(ALONE) && exit $$first


lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/mypy

# Under two minutes: what needs no server, and of both engines the one in a file.
QUICK := $(addprefix tests/,domain fakepbx flows import_file setup_file webhooks test_documents.py test_wording.py)

check: lint
	$(BIN)/python -m pytest -n auto --dist loadgroup -m 'not slow' -k 'not postgresql' $(QUICK)

# A picture of every page, wide and narrow, dark and in English, in tests/shots.
shots: env
	SHOTS=1 $(BIN)/python -m pytest tests/e2e/test_every_page.py -k fits

bench: env
	$(BIN)/python -m bench $(if $(FULL),--full)

clean:
	rm -rf $(VENV) build dist
