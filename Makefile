# Every target does the set-up that it needs: Python 3.11 or later, git and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest

EXAMPLES := sonnets refinement constants hubble primes

.PHONY: help demo test check format lint types layers docs screenshots faults soak bench bench-quick bench-large bench-clusters bench-others clean $(EXAMPLES:%=example-%)

help:
	@echo "make demo         the influenza campaign, on this machine; again to go on"
	@echo "make example-X    an example; X is one of: $(EXAMPLES)"
	@echo "make test         the test suite, with the examples in docstrings, README and docs"
	@echo "make check        what CI does: format, lint, types, layers, docs, benchmarks that run, test"
	@echo "make docs         the documentation, as pages for the browser in build/site"
	@echo "make screenshots  draw the pictures of the documentation anew"
	@echo "make bench        measure, and write benchmarks/README.md (half an hour)"
	@echo "make bench-quick  see that the benchmarks run (seconds)"
	@echo "make faults       kill, cut off, fill up and damage sessions: the long form (minutes)"
	@echo "make soak         an hour of random kills; make soak MINUTES=5 for less"
	@echo "make bench-large  campaigns of up to a million tasks (an hour)"
	@echo "make bench-clusters  Slurm, SSH and Dask against the bare tools"
	@echo "make bench-others the same tasks with other tools, as far as they are installed"
	@echo "make clean        remove what the other targets made, results of the demo excepted"

$(VENV)/core: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "gc3libs needs Python 3.11 or later, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1)." \
	        "Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	    echo "Debian and Ubuntu keep venv in a package of its own: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/pandas: $(VENV)/core
	$(BIN)/python -m pip install --quiet --editable '.[pandas]'
	@touch $@

$(VENV)/installed: $(VENV)/core
	$(BIN)/python -m pip install --quiet --editable '.[postgresql,mysql,pandas]' --group dev
	@touch $@

demo: $(VENV)/core
	@$(BIN)/python examples/influenza/campaign.py

$(EXAMPLES:%=example-%): example-%: $(VENV)/pandas
	@$(BIN)/python examples/$*/$*.py

test: $(VENV)/installed
	$(PYTEST) -n auto

check: format lint types layers docs bench-quick test

format: $(VENV)/installed
	$(BIN)/ruff format --check .

lint: $(VENV)/installed
	$(BIN)/ruff check .

types: $(VENV)/installed
	$(BIN)/mypy

layers: $(VENV)/installed
	$(BIN)/lint-imports

docs: $(VENV)/installed
	$(BIN)/zensical build --clean --strict
	@rm -rf .cache

screenshots: $(VENV)/installed
	$(BIN)/python docs/screenshots.py

faults: $(VENV)/installed
	GC3_FAULTS=long $(PYTEST) -n auto --timeout 1800 tests/faults \
	    tests/integration/test_workflow_sigkill.py tests/acceptance/gc3/test_gc3_large.py

MINUTES ?= 60
soak: $(VENV)/installed
	$(BIN)/python tests/soak/soak.py --minutes $(MINUTES)

bench-large: $(VENV)/installed
	$(BIN)/python benchmarks/large.py

bench-clusters: $(VENV)/installed
	$(BIN)/python benchmarks/engines.py
	$(BIN)/python benchmarks/engines_ssh.py
	$(BIN)/python benchmarks/engines_dask.py

bench-others: $(VENV)/installed
	$(BIN)/python benchmarks/others.py

bench: $(VENV)/installed
	$(BIN)/python benchmarks/run.py

bench-quick: $(VENV)/installed
	$(BIN)/python benchmarks/run.py --quick

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
