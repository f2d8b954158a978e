# Every target does the set-up that it needs: Python 3.11 or later, git and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test check format lint types layers bench clean

help:
	@echo "make demo    the influenza campaign, on this machine; again to go on"
	@echo "make test    the test suite"
	@echo "make check   what CI does: format, lint, types, layers, tests, README examples"
	@echo "make bench   the figures of benchmarks/README.md"

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[postgresql,mysql,pandas]' --group dev
	touch $@

test: $(VENV)/installed
	$(BIN)/python -m pytest

check: format lint types layers test

format: $(VENV)/installed
	$(BIN)/ruff format --check .

lint: $(VENV)/installed
	$(BIN)/ruff check .

types: $(VENV)/installed
	$(BIN)/mypy

layers: $(VENV)/installed
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
