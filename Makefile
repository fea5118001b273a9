# `make run` needs Python 3.11 or newer with venv, and nothing else. `make test` wants Chromium and PostgreSQL too.
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3; do \
    command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    && echo $$p && break; done)
BIN := .venv/bin
# Where the tests' databases lie: in memory where there is some, for a disk takes 5 ms a transaction.
MEMORY := $(shell test -w /dev/shm && echo /dev/shm || echo $${TMPDIR:-/tmp})

.PHONY: run test check clean
.DEFAULT_GOAL := run

run: $(BIN)/.run
	@$(BIN)/python -m monitoring up --demo

test: $(BIN)/.dev
	@scripts/provide
	@scripts/check
	@PYTEST_DEBUG_TEMPROOT=$(MEMORY) $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(BIN)/.dev
	@scripts/check

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/uv:
	@test -n "$(PYTHON)" || { echo "Leeway needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Making .venv with $(PYTHON)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(BIN)/.run: requirements.txt | $(BIN)/uv
	@$(BIN)/uv pip install --python $(BIN)/python -r requirements.txt
	@touch $@

$(BIN)/.dev: requirements.txt requirements-dev.txt | $(BIN)/uv
	@$(BIN)/uv pip install --python $(BIN)/python -r requirements-dev.txt
	@touch $@ $(BIN)/.run
