# Habits of this house. `make demo` and `make test` are all the set-up there is.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
# So many share the tests, one a processor: more of them slow one another.
PROCESSES ?= $(shell $(PYTHON) -c 'import os; print(max(2, min(4, os.cpu_count() or 2)))')

.PHONY: setup demo test check format bench screenshots clean

setup: .venv/ready
	@$(BIN)/python viewer/build_hook.py build

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Vigie needs Python 3.11 or later; set PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=24'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/vigie demo $(ARGS)

# Hundreds of processes read the same sources: compiled once, whatever the account's habit.
test: export PYTHONDONTWRITEBYTECODE =
test: setup
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python viewer/build_hook.py check

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/inference.py
	$(BIN)/python benchmarks/journey.py
	$(BIN)/python benchmarks/delivery.py
	$(BIN)/python benchmarks/events.py
	$(BIN)/python benchmarks/worklist.py
	$(BIN)/python benchmarks/pictures.py
	$(BIN)/python benchmarks/policy.py

screenshots: setup
	$(BIN)/python tests/acceptance/screenshots.py docs/images

clean:
	rm -rf .venv viewer/static viewer/web/node_modules
